import { askOldProxy } from '../../activities/answers.ts';
import { lookAt } from '../../activities/probe.ts';
import { sshSettings } from '../../activities/ssh-settings.ts';
import type { Secrets } from '../kamal/index.ts';
import type { HostFacts } from '../plan/facts.ts';
import { primaryHostOf } from '../plan/workflow-id.ts';
import { SshError } from '../ssh/error.ts';
import { SshPool } from '../ssh/pool.ts';
import type { LoadedProject } from './project.ts';

export interface FleetProbe {
  facts: HostFacts[];
  /** Hosts that could not be looked at, with what to do about it. */
  unreachable: { host: string; message: string; hint: string }[];
}

/** Hosts looked at at once. */
const AT_ONCE = 30;

/**
 * Looks at all selected hosts, and at the primary one for its deploy lock. Changes nothing.
 *
 * @param secrets where the configuration takes SSH keys from them
 * @param wish `probeUrls`: checks of a load balancer to ask, too; `prove`: whether requests can be steered there
 */
export async function probeFleet({ deployment }: LoadedProject, secrets: Secrets, wish: { probeUrls: string[]; prove: boolean }): Promise<FleetProbe> {
  const pool = new SshPool(() => sshSettings(deployment, secrets, process.env));
  const probe: FleetProbe = { facts: [], unreachable: [] };
  const waiting = [...new Set([...deployment.hosts, primaryHostOf(deployment)])];
  const next = async (): Promise<void> => {
    for (let host = waiting.shift(); host !== undefined; host = waiting.shift()) {
      try {
        const connection = await pool.get(host);
        const facts = await lookAt(connection, deployment, { prove: wish.prove });
        const answers = deployment.hosts.includes(host) ? await askOldProxy(connection, deployment, facts, wish.probeUrls) : [];
        probe.facts.push({ ...facts, answers: answers ?? [] });
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
