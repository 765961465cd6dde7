import type { Deployment } from '../src/kamal/index.ts';
import { readCloserLook } from '../src/plan/check/look.ts';
import type { HostFacts } from '../src/plan/facts.ts';
import { sectionsOf } from '../src/plan/read-facts.ts';
import { containersOf } from '../src/plan/running.ts';
import type { Seen } from '../src/plan/standing/seen.ts';
import type { SshConnection } from '../src/ssh/types.ts';
import { healthOf } from './check.ts';
import { checkScript } from './script/check.ts';
import { ALL_RULES } from './script/cleanup.ts';
import { STEERING } from './script/steer.ts';

/** Milliseconds: a dozen words with a busy Docker. */
const TIMEOUT_MS = 60_000;

/** Prints the runs that have packet filter rules, each with how many; nothing where they can't be looked at. */
const RULES_SCRIPT = `RUN=none; D=none
${STEERING}
${ALL_RULES}
rules() { firewall && { printf '\\n@@rules\\n'; all_rules | sort | uniq -c; }; :; }
# Whole before it begins: sudo may read what is its stdin, and that is this script.
rules < /dev/null`;

/**
 * What of a host's standing the common look doesn't tell: whether the app answers its health path, and rules that steer
 * requests. Changes nothing on the host.
 *
 * @param deployment null for a Kamal 1 configuration: its containers check themselves
 * @throws SshError
 */
export async function lookAtStanding(connection: SshConnection, deployment: Deployment | null, facts: HostFacts): Promise<Pick<Seen, 'health' | 'rules'>> {
  const { stdout } = await connection.exec('sh -s', { stdin: RULES_SCRIPT, timeoutMs: TIMEOUT_MS });
  const lines = sectionsOf(stdout).get('rules')?.split('\n');
  const rules = lines?.flatMap((line) => {
    const [count, run] = line.trim().split(' ');
    return run === undefined ? [] : [{ run, count: Number(count) }];
  });
  return { rules: rules ?? null, health: deployment === null ? [] : await healthOfAll(connection, deployment, facts) };
}

/** Of all that runs, of either generation; those with a check of Docker's are judged by that. */
async function healthOfAll(connection: SshConnection, deployment: Deployment, facts: HostFacts) {
  const asked = deployment.rolesOn(facts.host).flatMap((role) => {
    if (!role.runningProxy) return [];
    return containersOf(facts, deployment, role).filter(({ running, health }) => running && health === null).map((container) => ({ role, container }));
  });
  if (asked.length === 0) return [];
  const { stdout } = await connection.exec('sh -s', { stdin: checkScript(asked.map(({ container }) => container.id), []), timeoutMs: TIMEOUT_MS });
  return await healthOf(connection, asked, readCloserLook(stdout).listeners);
}
