import { secretEnv } from '../kamal/configuration/env.ts';
import { toS } from '../kamal/ruby/value.ts';
import { envFileValue } from '../kamal/shell.ts';
import type { Accessory, Deployment, Role, Secrets } from '../kamal/index.ts';
import { addressesIn, type EnvAddress, type KnownPlace } from './addresses.ts';
import { inKamalNetwork, KAMAL_NETWORK, type ContainerFacts, type HostFacts } from './facts.ts';
import { accessoryContainer } from './running.ts';

/** How a place answered a connection. */
export type Reach = 'open' | 'refused' | 'unresolved' | 'silent';

/** A place that the app reaches now and would not reach from its new network. */
export interface Unreachable extends EnvAddress {
  now: Reach;
  /** What the usual cause is, and what to do about it. */
  hint: string;
}

export interface Reachability {
  /** False where nobody has looked. */
  looked: boolean;
  unreachable: Unreachable[];
  notes: string[];
}

export const NOT_LOOKED: Reachability = { looked: false, unreachable: [], notes: [] };

/** The environment that a role's container gets on a host, as it will see it. @throws SecretMissing */
export function wantedEnv(role: Pick<Role, 'env'>, host: string, secrets: Secrets): Map<string, string> {
  const env = role.env(host);
  // Docker takes the lines of an env file as they are.
  const secret = [...secretEnv(env, secrets)].map(([name, value]) => [name, envFileValue(value)] as const);
  return new Map([...[...env.clear].map(([name, value]) => [toS(name), toS(value)] as const), ...secret]);
}

/** The places that the roles of a host will want to connect to. @throws SecretMissing */
export function wantedAddresses(deployment: Deployment, host: string, secrets: Secrets): EnvAddress[] {
  const known = deployment.accessories.map(placeOf);
  const merged = new Map<string, EnvAddress>();
  for (const each of deployment.rolesOn(host).flatMap((role) => addressesIn(wantedEnv(role, host, secrets), known))) {
    const key = placeKey(each);
    const variables = [...new Set([...(merged.get(key)?.variables ?? []), ...each.variables])];
    merged.set(key, { ...each, variables });
  }
  return [...merged.values()];
}

/** How a failed connection is told. */
export const SAID: Record<Reach, string> = { open: 'it answers', refused: 'connection refused', unresolved: 'the name is not known there', silent: 'no answer' };

/** `DATABASE_URL (db.internal:5432)` */
export function placeInWords({ variables, host, port }: EnvAddress): string {
  return `${variables.join(', ')} (${host.includes(':') ? `[${host}]` : host}:${port})`;
}

/** Those that a person hasn't said yes to, by one of their variables. */
export function notAcceptedPlaces({ unreachable }: Reachability, accepted: readonly string[]): Unreachable[] {
  return unreachable.filter(({ variables }) => !variables.some((variable) => accepted.includes(variable)));
}

export function placeKey({ host, port }: { host: string; port: number }): string {
  return `${host} ${port}`;
}

function placeOf(accessory: Accessory): KnownPlace {
  const [outer, inner] = (accessory.port ?? '').replace(/\/\w+$/, '').split(':').slice(-2).map(Number);
  const ports = [outer, inner].filter((port): port is number => port !== undefined && Number.isInteger(port));
  return { names: [...accessory.hosts, accessory.serviceName].map((name) => name.toLowerCase()), ports: [...new Set(ports)] };
}

/** Kamal's network unless the accessory names one of its own. */
export function networkOfAccessory(accessory: Accessory): string {
  return accessory.networkArgs.at(-1)?.replaceAll('"', '') ?? KAMAL_NETWORK;
}

const ACTIVE_TRAEFIK_LABEL = /^traefik\.(http|tcp|udp)\./;

/**
 * Accessories of this host that the app names by their container: a name that resolves in `kamal` only once they are
 * there. From Docker's default network they can join while they run; from another one it would cut their connections.
 *
 * @param moved names of accessories that the run reboots in the new network, or joins to it
 */
export function accessoriesToJoin(addresses: readonly EnvAddress[], deployment: Deployment, host: string, moved: readonly string[]): Accessory[] {
  const named = new Set(addresses.map((address) => address.host));
  return deployment.accessoriesOn(host).filter((accessory) => moved.includes(accessory.name) && named.has(accessory.serviceName.toLowerCase()) && networkOfAccessory(accessory) === KAMAL_NETWORK);
}

/** Whether an accessory's running container can be joined to another network without anybody noticing. */
export function joinsUnnoticed(container: ContainerFacts): boolean {
  return container.networks.every((network) => network === 'bridge' || network === KAMAL_NETWORK) && !Object.keys(container.labels).some((label) => ACTIVE_TRAEFIK_LABEL.test(label));
}

/** The options by which the containers of a host's roles know names: whoever looks in their stead has to know them, too. Words of Kamal's own command. */
export function namingArgs(deployment: Deployment, host: string): string[] {
  return deployment.rolesOn(host).flatMap(({ optionArgs }) => optionArgs.flatMap((word, at) => (/^--(add-host|dns|dns-search|dns-option)$/.test(word) ? [word, optionArgs[at + 1] ?? ''] : [])));
}

/** Sorts places by whether they can be tried at all before the run. */
export function beforeJoining(addresses: readonly EnvAddress[], deployment: Deployment, facts: HostFacts, moved: readonly string[]): { tried: EnvAddress[]; joined: EnvAddress[]; cut: EnvAddress[] } {
  const joining = new Map(accessoriesToJoin(addresses, deployment, facts.host, moved).map((accessory) => [accessory.serviceName.toLowerCase(), accessoryContainer(facts, accessory)]));
  const kind = (address: EnvAddress) => {
    const container = joining.get(address.host);
    if (!container?.running || inKamalNetwork(container)) return 'tried';
    return joinsUnnoticed(container) ? 'joined' : 'cut';
  };
  const of = (wanted: string) => addresses.filter((address) => kind(address) === wanted);
  return { tried: of('tried'), joined: of('joined'), cut: of('cut') };
}

/** What usually keeps a new network out, and what to do about it. */
export function hintFor(address: EnvAddress, now: Reach, { subnet, accessory }: { subnet: string; accessory: string | null }): string {
  const from = `the new network (${subnet === '' ? 'kamal' : `as that one: ${subnet}`})`;
  if (accessory !== null) return `that is the accessory ${accessory}: give ${address.variables.join(', ')} its container's name, which then joins the network kamal before the app boots`;
  if (address.host === '172.17.0.1' || address.host === 'host.docker.internal') return `the old network's gateway, as its containers see it: let the service there listen on the host's address and admit ${from} (bind, pg_hba.conf, ufw), and name that address`;
  if (now === 'unresolved') return 'the name is known in the old network only: give the variable a name or address that is known everywhere, or let that container join the network kamal';
  return `a firewall (ufw, DOCKER-USER, the provider's) or the service itself (bind, pg_hba.conf) admits the old network 172.17.0.0/16 only: admit ${from}, too`;
}
