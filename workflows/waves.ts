import type { HostOrder, RunOptions } from './types.ts';

/**
 * Splits the fleet into waves. The hosts of a wave prove the new path together and cut over only when all of them
 * have: a wave that fails before that leaves each of its hosts as it was.
 *
 * Rolling: a wave a host, in Kamal's order. Otherwise as many hosts as may be worked on at once, and no more than the
 * configuration's `boot.limit`, so that no more capacity is in motion than its owner allows (Kamal 2.12: host boot groups).
 *
 * @param bootLimit `boot.limit` in hosts, null without one
 */
export function wavesOf(hosts: HostOrder[], options: Pick<RunOptions, 'rolling' | 'concurrency'>, bootLimit: number | null): HostOrder[][] {
  const size = options.rolling ? 1 : Math.max(1, Math.min(options.concurrency, bootLimit ?? Infinity));
  const waves: HostOrder[][] = [];
  for (let at = 0; at < hosts.length; at += size) waves.push(hosts.slice(at, at + size));
  return waves;
}

/**
 * True when the primary role's container is proved before any cutover, because the proxy checks its health. With the
 * strategy `kamal` it boots only behind a proxy that has taken over.
 */
export function primaryIsProved(hosts: HostOrder[]): boolean {
  return hosts.some((host) => host.strategy !== 'kamal' && host.roles.some((role) => role.primary && role.proxied));
}

/** Hosts that run a container of the primary role. */
export function leadersOf(hosts: HostOrder[]): HostOrder[] {
  return hosts.filter((host) => host.roles.some((role) => role.primary));
}
