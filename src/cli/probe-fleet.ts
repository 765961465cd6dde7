import { askOldProxy } from '../../activities/answers.ts';
import { lookAround } from '../../activities/reachability.ts';
import { lookAt } from '../../activities/probe.ts';
import { sshSettings } from '../../activities/ssh-settings.ts';
import type { Deployment, Secrets } from '../kamal/index.ts';
import type { HostFacts } from '../plan/facts.ts';
import { primaryHostOf } from '../plan/workflow-id.ts';
import type { AccessoryMode } from '../../workflows/types.ts';
import { appGeneration } from '../plan/generation.ts';
import { SshError } from '../ssh/error.ts';
import type { SshConnection } from '../ssh/types.ts';
import { SshPool } from '../ssh/pool.ts';
import type { LoadedProject } from './project.ts';

export interface FleetProbe {
  facts: HostFacts[];
  /** Hosts that could not be looked at, with what to do about it. */
  unreachable: { host: string; message: string; hint: string }[];
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

/** Hosts looked at at once. */
const AT_ONCE = 30;

/**
 * Looks at all selected hosts, and at the primary one for its deploy lock. Changes nothing.
 *
 * @param secrets where the configuration takes SSH keys from them
 */
export async function probeFleet({ deployment }: LoadedProject, secrets: Secrets, wish: FleetWish): Promise<FleetProbe> {
  const pool = new SshPool(() => sshSettings(deployment, secrets, process.env));
  const probe: FleetProbe = { facts: [], unreachable: [] };
  const waiting = [...new Set([...deployment.hosts, primaryHostOf(deployment)])];
  const next = async (): Promise<void> => {
    for (let host = waiting.shift(); host !== undefined; host = waiting.shift()) {
      try {
        const connection = await pool.get(host);
        const facts = await lookAt(connection, deployment, { prove: wish.prove });
        if (!deployment.hosts.includes(host) || facts.dockerVersion === null) {
          probe.facts.push(facts);
          continue;
        }
        const around = await askAround(connection, deployment, secrets, facts, wish);
        await wish.also?.(connection, facts);
        probe.facts.push({ ...facts, ...around });
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        probe.unreachable.push({ host, message: error.message, hint: error.hint });
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
