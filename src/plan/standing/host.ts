import { containerNamed, inKamalNetwork, KAMAL_PROXY, TRAEFIK, type Generation } from '../facts.ts';
import { containersOf, versionOf } from '../running.ts';
import { leftBehind } from './left-behind.ts';
import { HOME, type Oddity } from './oddity.ts';
import type { Seen } from './seen.ts';
import { servingOddities } from './serving.ts';

/** How a host stands now: what runs, who serves it, and all that is odd. No value of any variable is in it. */
export interface HostStanding {
  host: string;
  /** Null where nobody could look. */
  generation: Generation | null;
  roles: RoleStanding[];
  proxies: ProxyStanding[];
  oddities: Oddity[];
}

export interface RoleStanding {
  role: string;
  /** What runs of it. */
  running: { container: string; version: string | null; generation: 'kamal1' | 'kamal2'; image: string }[];
}

export interface ProxyStanding {
  container: string;
  running: boolean;
  /** Ports of the host that it publishes. */
  ports: number[];
}

const OUR_PROXY = /^(kamal-proxy|traefik)(-warm-.+)?$/;

/** Judges what a look at a host has found. */
export function standingOf(seen: Seen): HostStanding {
  const { facts, deployment } = seen;
  if (facts.dockerVersion === null) {
    return { host: facts.host, generation: null, roles: [], proxies: [], oddities: [{ id: 'docker', weight: 'fail', what: `Docker does not answer: ${facts.dockerError}`, todo: 'is Docker installed and running, and may the SSH user use it?' }] };
  }
  return {
    host: facts.host,
    generation: seen.generation,
    roles: seen.roles.map((role) => ({
      role: role.name,
      running: containersOf(facts, deployment, role)
        .filter(({ running }) => running)
        .map((container) => ({ image: container.image.id.replace('sha256:', '').slice(0, 12), container: container.name, version: versionOf(container, role), generation: inKamalNetwork(container) ? 'kamal2' : 'kamal1' })),
    })),
    proxies: facts.containers
      .filter(({ name }) => OUR_PROXY.test(name))
      .map(({ name, running, ports }) => ({ container: name, running, ports: ports.map(({ hostPort }) => hostPort) })),
    oddities: explained(seen, [...servingOddities(seen), ...leftBehind(seen)]),
  };
}

/** A host that is neither here nor there always says why. */
function explained({ facts, generation, open }: Seen, oddities: Oddity[]): Oddity[] {
  // A run that is at work says enough, too.
  const atWork = open.asked && open.run !== null && facts.journals.some(({ run }) => run === open.run);
  if (generation !== 'mixed' || atWork || oddities.some(({ weight }) => weight !== 'note')) return oddities;
  const rest = [TRAEFIK, KAMAL_PROXY].flatMap((name) => containerNamed(facts, name) ?? []).filter(({ running }) => !running);
  const what = rest.length > 0 ? `what is left of the other generation: ${rest.map(({ name, status }) => `${name} (${status})`).join(', ')}` : 'it is between the two generations';
  return [{ id: 'proxy', weight: 'warn', what, todo: HOME }, ...oddities];
}

/** A host that could not be looked at. */
export function unreachableHost({ host, message, hint }: { host: string; message: string; hint: string }): HostStanding {
  return { host, generation: null, roles: [], proxies: [], oddities: [{ id: 'unreachable', weight: 'fail', what: message, todo: hint }] };
}

/** What is odd about the hosts together: each may be well, and the fleet half way. */
export function fleetOddities(hosts: readonly HostStanding[]): Oddity[] {
  const at = (generation: Generation) => hosts.filter((each) => each.generation === generation).map(({ host }) => host);
  const [old, next] = [at('kamal1'), at('kamal2')];
  const roles = [...new Set(hosts.flatMap((host) => host.roles.map(({ role }) => role)))];
  const spread = roles.flatMap((role) => {
    const running = hosts.flatMap((host) => host.roles.filter((each) => each.role === role).flatMap((each) => each.running));
    const versions = [...new Set(running.flatMap(({ version }) => version ?? []))];
    // Kamal's upgrade boots the tag `latest`, which may be another name of the same image.
    return versions.length > 1 && new Set(running.map(({ image }) => image)).size > 1 ? [`${role}: ${versions.join(', ')}`] : [];
  });
  return [
    ...(old.length > 0 && next.length > 0
      ? [{ id: 'fleet' as const, weight: 'warn' as const, what: `the fleet is half way: on Kamal 1 ${old.join(', ')}; on Kamal 2 ${next.join(', ')}`, todo: '`bactrian upgrade` takes the rest along, `bactrian downgrade` takes them back; those that are there already are not restarted' }]
      : []),
    ...(spread.length > 0 ? [{ id: 'versions' as const, weight: 'warn' as const, what: `several versions run: ${spread.join('; ')}`, todo: 'an upgrade or a downgrade lets each host keep its own; deploy one version everywhere' }] : []),
  ];
}
