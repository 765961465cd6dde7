import type { Deployment } from '../src/kamal/index.ts';
import { readCloserLook } from '../src/plan/check/look.ts';
import type { HostFacts } from '../src/plan/facts.ts';
import { sectionsOf } from '../src/plan/read-facts.ts';
import { containersOf } from '../src/plan/running.ts';
import type { Seen } from '../src/plan/standing/seen.ts';
import type { SshConnection } from '../src/ssh/types.ts';
import { healthOf } from './check.ts';
import { fenceOf } from './context.ts';
import { BACTRIAN_DIRECTORY } from './script/bootstrap.ts';
import { checkScript } from './script/check.ts';
import { ALL_RULES } from './script/cleanup.ts';
import { tellOfRecord } from './script/record.ts';
import { STEERING } from './script/steer.ts';
import { WATCH } from './script/watch.ts';

/** Milliseconds: a dozen words with a busy Docker. */
const TIMEOUT_MS = 60_000;

/**
 * Prints the runs that have packet filter rules, each with how many and whether a process lets its second proxy go
 * (nothing where rules can't be looked at), and when it was written down how Kamal 1 ran. Another deployment's runs are not ours to tell of.
 *
 * @param fence the deployment's name in the journals, quoted
 * @param deployment and as it is in the names of files
 */
function rulesScript(fence: string, deployment: string): string {
  return `RUN=none; D=none; B=${BACTRIAN_DIRECTORY}
${STEERING}${WATCH}
${ALL_RULES}
rules() {
  firewall || return 0
  printf '\\n@@rules\\n'
  all_rules | sort | uniq -c | while read -r n r; do
    [ ! -f "$B/$r/of" ] || [ "$(cat "$B/$r/of")" = ${fence} ] || continue
    SR=$r; SD=$B/$r
    if is_retiring; then echo "$n $r retiring"; else echo "$n $r"; fi
  done
}
# Whole before it begins: sudo may read what is its stdin, and that is this script.
rules < /dev/null
printf '\\n@@record\\n'
${tellOfRecord(deployment)}; :`;
}

/**
 * What of a host's standing the common look doesn't tell: whether the app answers its health path, and rules that steer
 * requests. Changes nothing on the host.
 *
 * @param owner whose runs are told of
 * @param deployment null for a Kamal 1 configuration: its containers check themselves
 * @throws SshError
 */
export async function lookAtStanding(connection: SshConnection, owner: Parameters<typeof fenceOf>[0], deployment: Deployment | null, facts: HostFacts): Promise<Pick<Seen, 'health' | 'rules' | 'record'>> {
  const { stdout } = await connection.exec('sh -s', { stdin: rulesScript(fenceOf(owner), owner.name), timeoutMs: TIMEOUT_MS });
  const sections = sectionsOf(stdout);
  const [written, used] = (sections.get('record') ?? '').split('\n').filter((line) => line !== '');
  const record = written === undefined ? null : { writtenAt: Number(written) * 1000, used: used === 'used' };
  const lines = sections.get('rules')?.split('\n');
  const rules = lines?.flatMap((line) => {
    const [count, run, retiring] = line.trim().split(' ');
    return run === undefined ? [] : [{ run, count: Number(count), retiring: retiring !== undefined }];
  });
  return { rules: rules ?? null, record, health: deployment === null ? [] : await healthOfAll(connection, deployment, facts) };
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
