import { askOldProxy } from '../../activities/answers.ts';
import { lookAtStores } from '../../activities/certificates-back.ts';
import { lookAround } from '../../activities/reachability.ts';
import { lookAt } from '../../activities/probe.ts';
import { sshSettings } from '../../activities/ssh-settings.ts';
import type { Deployment, Secrets } from '../kamal/index.ts';
import { containerNamed, KAMAL_PROXY, type HostFacts } from '../plan/facts.ts';
import { wayBackHosts } from '../plan/way-back.ts';
import { primaryHostOf } from '../plan/workflow-id.ts';
import type { AccessoryMode } from '../../workflows/types.ts';
import { appGeneration } from '../plan/generation.ts';
import { SshError, type SshErrorKind } from '../ssh/error.ts';
import type { SshConnection } from '../ssh/types.ts';
import { SshPool } from '../ssh/pool.ts';
import type { LoadedKamal1Project, LoadedProject } from './project.ts';

/** A host that could not be looked at. */
export interface Unreachable {
  host: string;
  message: string;
  hint: string;
  /** Nobody answered there, as it is while a VPN is down; false where an answer was a refusal. */
  noWay: boolean;
}

export interface FleetProbe {
  facts: HostFacts[];
  /** Hosts that could not be looked at, with what to do about it. */
  unreachable: Unreachable[];
}

export interface FleetWish {
  /** Checks of a load balancer to ask, too. */
  probeUrls: string[];
  accessories: AccessoryMode;
  /** Whether requests can be steered on the hosts is tried. */
  prove: boolean;
  /** Called with each selected host whose Docker answers, while the connection is open. */
  also?: (connection: SshConnection, facts: HostFacts) => Promise<void>;
}

const NO_WAY: readonly SshErrorKind[] = ['unreachable', 'refused', 'timeout', 'lost'];

/** Hosts looked at at once. */
const AT_ONCE = 30;

/**
 * Looks at all selected hosts, and at the primary one for its deploy lock. Changes nothing.
 *
 * @param secrets where the configuration takes SSH keys from them
 */
export async function probeFleet({ deployment }: LoadedProject, secrets: Secrets, wish: FleetWish): Promise<FleetProbe> {
  return await probeHosts(deployment, secrets, [...deployment.hosts, primaryHostOf(deployment)], async (connection) => {
    const facts = await lookAt(connection, deployment, { prove: wish.prove });
    if (!deployment.hosts.includes(connection.host) || facts.dockerVersion === null) return facts;
    const around = await askAround(connection, deployment, secrets, facts, wish);
    await wish.also?.(connection, facts);
    return { ...facts, ...around };
  });
}

/** What a way back is planned from. */
export interface WayBackProbe extends FleetProbe {
  /** Names of the services that each host's kamal-proxy routes to. */
  proxyServices: Map<string, string[]>;
}

/** The same for a way back: what each host's kamal-proxy serves, other projects' services included. Changes nothing. */
export async function probeWayBack({ snapshot, deployment }: LoadedKamal1Project, secrets: Secrets, { prove }: Pick<FleetWish, 'prove'>): Promise<WayBackProbe> {
  const proxyServices = new Map<string, string[]>();
  const probe = await probeHosts(deployment, secrets, [...wayBackHosts(deployment, snapshot.selection), primaryHostOf(deployment)], async (connection) => {
    const facts = await lookAt(connection, deployment, { prove });
    if (containerNamed(facts, KAMAL_PROXY)?.running) proxyServices.set(connection.host, servicesIn((await connection.exec(`docker exec ${KAMAL_PROXY} kamal-proxy list 2> /dev/null`, { timeoutMs: 20_000 })).stdout));
    return { ...facts, certificates: (await lookAtStores(connection, deployment)) ?? facts.certificates };
  });
  return { ...probe, proxyServices };
}

/** The names in `kamal-proxy list`: the first column, below a line of headings; coloured where it likes to. */
export function servicesIn(list: string): string[] {
  // oxlint-disable-next-line no-control-regex
  const lines = list.replaceAll(/\u001b\[[0-9;]*m/g, '').split('\n').map((line) => line.trim());
  return lines.slice(1).flatMap((line) => line.split(/\s+/)[0] || []);
}

/**
 * Connects to hosts, some at once, and looks at each. One that can't be reached is told of, not thrown.
 * @param secrets null where SSH needs none
 */
export async function probeHosts(deployment: Pick<Deployment, 'ssh'>, secrets: Secrets | null, hosts: readonly string[], look: (connection: SshConnection) => Promise<HostFacts>): Promise<FleetProbe> {
  const { found, unreachable } = await onHosts(deployment, secrets, hosts, look);
  return { facts: found, unreachable };
}

/** What was found on hosts, and those that could not be looked at. */
interface Found<T> extends Pick<FleetProbe, 'unreachable'> {
  found: T[];
}

/** The same for whatever is asked of each. */
export async function onHosts<T>(deployment: Pick<Deployment, 'ssh'>, secrets: Secrets | null, hosts: readonly string[], look: (connection: SshConnection) => Promise<T>): Promise<Found<T>> {
  const pool = new SshPool(() => sshSettings(deployment, secrets, process.env));
  const probe: Found<T> = { found: [], unreachable: [] };
  const waiting = [...new Set(hosts)];
  const next = async (): Promise<void> => {
    for (let host = waiting.shift(); host !== undefined; host = waiting.shift()) {
      try {
        probe.found.push(await look(await pool.get(host)));
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        probe.unreachable.push({ host, message: error.message, hint: error.hint, noWay: NO_WAY.includes(error.kind) });
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, next));
  } finally {
    pool.closeAll();
  }
  return probe;
}

/** What clients get and what the app reaches: asked only where that is about to change. */
async function askAround(connection: SshConnection, deployment: Deployment, secrets: Secrets, facts: HostFacts, { probeUrls, accessories }: FleetWish): Promise<Pick<HostFacts, 'answers' | 'reach'>> {
  if (appGeneration(facts, deployment) === 'kamal2') return facts;
  const moved = accessories === 'skip' ? [] : deployment.accessoriesOn(facts.host).map(({ name }) => name);
  const answers = (await askOldProxy(connection, deployment, facts, probeUrls)) ?? [];
  return { answers, reach: await lookAround(connection, { deployment, secrets, facts, moved }) };
}
