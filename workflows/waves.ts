import type { FleetInput, HostOrder, RunOptions } from './types.ts';

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

/** Hosts that pass the gates together, with the waves in which they are taken over. */
export interface Group {
  hosts: HostOrder[];
  /** Waves that are watched, and asked about, before the others begin. */
  canaries: HostOrder[][];
  waves: HostOrder[][];
}

/**
 * Kamal's grouping: gates and hooks speak of all hosts at once, or of one host at a time when rolling. Canaries come
 * first; when rolling they are a group of their own, so that none of them lets go of its old path before they are asked about.
 */
export function groupsOf({ hosts, options, bootLimit }: Pick<FleetInput, 'hosts' | 'options' | 'bootLimit'>): Group[] {
  const isCanary = ({ host }: HostOrder) => options.canary?.hosts.includes(host) === true;
  const canaries = hosts.filter(isCanary);
  const others = hosts.filter((order) => !isCanary(order));
  const waves = (some: HostOrder[]) => wavesOf(some.filter((order) => order.roles.length > 0), options, bootLimit);
  if (!options.rolling) return [{ hosts, canaries: waves(canaries), waves: waves(others) }];
  const rolling = others.map((order) => ({ hosts: [order], canaries: [], waves: waves([order]) }));
  return canaries.length > 0 ? [{ hosts: canaries, canaries: waves(canaries), waves: [] }, ...rolling] : rolling;
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
