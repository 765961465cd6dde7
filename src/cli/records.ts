import { recordKey } from '../../activities/record-key.ts';
import { printRecord } from '../../activities/script/record.ts';
import { kamal1, kamal1NamesOf, SecretMissing, type Secrets } from '../kamal/index.ts';
import { rebuild } from '../plan/record/configuration.ts';
import { printedRecord } from '../plan/record/printed.ts';
import { RecordError, type HostRecord } from '../plan/record/read.ts';
import type { Records } from '../plan/record/variables.ts';
import { workflowIdOf } from '../plan/workflow-id.ts';
import { projectState } from '../temporal/state.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { byPreConnect } from './pre-connect.ts';
import { onHosts } from './probe-fleet.ts';
import type { LoadedKamal1Project, LoadedProject } from './project.ts';
import { unreachable } from './take.ts';
import { red } from './terminal.ts';

/** A Kamal 1 project that no file holds, and what it was made of. */
export interface RebuiltProject {
  project: LoadedKamal1Project;
  records: Records;
  /** What of it a person should know, a line each. */
  notes: string[];
}

/** How hosts are asked. */
export interface RecordWish {
  skipHooks: boolean;
  /** Tells a person what is being done. */
  say: (line: string) => void;
}

/** A record is small; more than this is none of ours. Bytes. */
const MOST_OUTPUT = 16 * 1024 * 1024;

/**
 * Makes a Kamal 1 project of what the upgrade has written down on the hosts, and of the project as it is now. Changes nothing.
 *
 * @throws CommandError when a host can't be asked, nothing is written down, or nothing can be made of it
 */
export async function openRecordedProject(project: LoadedProject, secrets: Secrets, wish: RecordWish): Promise<RebuiltProject> {
  const { deployment, snapshot } = project;
  const byHost = await readRecords(project, secrets, wish);
  const refuse = (reasons: readonly string[]) => new CommandError(EXIT.refused, [...reasons.map((reason) => `${red('✗')} ${reason}`), '', 'Nothing was changed on any host.'].join('\n'), OTHERWISE);
  if (byHost.size === 0) throw refuse([`nothing is written down on ${deployment.hosts.join(', ')} about how Kamal 1 ran ${deployment.name}: an upgrade with bactrian does that`]);
  const records = [...byHost.values()];
  const missing: string[] = [];
  const { raw, aliases, problems, notes } = rebuild(deployment, records, (name) => {
    try {
      return secrets.get(name);
    } catch (error) {
      if (!(error instanceof SecretMissing)) throw error;
      missing.push(`the secret ${name} stood in what Kamal 1 was told, and there is none of that name now: ${error.message}`);
      return '';
    }
  });
  if (problems.length + missing.length > 0) throw refuse([...problems, ...new Set(missing)]);
  const rebuilt = kamal1.rebuiltSnapshot(raw, 'the record on the hosts', { kamal2: snapshot, aliases });
  const made = kamal1.kamal1DeploymentOf(rebuilt);
  const bare = deployment.hosts.filter((host) => !byHost.has(host));
  return {
    project: { dir: project.dir, snapshot: rebuilt, deployment: made, workflowId: workflowIdOf(made) },
    records: { byHost, key: await recordKey((await projectState(project.dir)).dir) },
    notes: [
      ...notes,
      origins(records),
      ...(bare.length > 0 ? [`nothing is written down on ${bare.join(', ')}: as on the other hosts`] : []),
    ],
  };
}

const OTHERWISE = 'give the configuration of Kamal 1: --from-git REV, the commit before the upgrade, or -c FILE';

async function readRecords(project: LoadedProject, secrets: Secrets, wish: RecordWish): Promise<Map<string, HostRecord>> {
  const { deployment } = project;
  const script = printRecord(deployment.name, `${kamal1NamesOf(deployment).envDirectories.traefik}/traefik.env`);
  const look = () => onHosts(deployment, secrets, deployment.hosts, async (connection) => {
    const { stdout } = await connection.exec('sh -s', { stdin: script, timeoutMs: 30_000, maxOutputBytes: MOST_OUTPUT });
    return printedRecord(connection.host, stdout);
  });
  const { probe, hookRan } = await byPreConnect(look, { ...wish, project, secrets, hosts: deployment.hosts }).catch((error: unknown) => {
    if (error instanceof RecordError) throw new CommandError(EXIT.refused, `${error.message}\n\nNothing was changed on any host.`);
    throw error;
  });
  if (probe.unreachable.length > 0) throw unreachable(probe, project, hookRan);
  return new Map(probe.found.flatMap((record) => (record === null ? [] : [[record.host, record] as const])));
}

/** When the record was written, by which run, and what ran then. */
function origins(records: readonly HostRecord[]): string {
  const parts = records.flatMap(({ traefik, roles, accessories }) => [...(traefik ? [traefik] : []), ...roles.values(), ...accessories.values()]);
  const images = [...new Set(records.flatMap(({ roles }) => [...roles.values()].map(({ container }) => container.name)))];
  const runs = [...new Set(parts.map(({ at, run }) => `${at.slice(0, 16).replace('T', ' ')} UTC by run ${run}`))].sort();
  return `Kamal 1's configuration is made of what was written down ${runs.join(', ')}${images.length > 0 ? ` (then ran ${images.join(', ')})` : ''}; variables are those of the Kamal 2 configuration`;
}
