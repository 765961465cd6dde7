import { realpathSync } from 'node:fs';
import { connectTemporal, type TemporalConnection } from '../temporal/connection.ts';
import { replaysOpenRuns } from '../temporal/replay-open.ts';
import { serverStatus } from '../temporal/server.ts';
import { taskQueueFor } from '../temporal/task-queue.ts';
import { ensureWorker } from '../temporal/worker-process.ts';
import type { EitherProject } from './project.ts';
import { buildVersion, WORKFLOWS } from './version.ts';

/** A connection to Temporal, with the project's worker behind it where that is ours to start. */
export interface Session extends TemporalConnection {
  taskQueue: string;
}

/**
 * Connects, and on the embedded server makes sure that the project's worker runs and has this shell's environment.
 * @throws TemporalSetupError
 */
export async function openSession(project: EitherProject, { withWorker }: { withWorker: boolean }): Promise<Session> {
  const temporal = await connectTemporal();
  const { service, destination } = project.deployment;
  const taskQueue = taskQueueFor({ service, destination: destination ?? undefined, projectDir: temporal.embedded ? project.dir : undefined });
  const session = { ...temporal, taskQueue };
  if (withWorker) await startWorker(project, session);
  return session;
}

/**
 * Makes sure that the project's background worker runs and has this shell's environment. On a server of the user's own
 * workers are theirs to start.
 * @throws TemporalSetupError when it doesn't come up
 */
export async function startWorker(project: EitherProject, { embedded, taskQueue, address, client }: Session): Promise<void> {
  if (!embedded) return;
  await ensureWorker({
    projectDir: project.dir,
    taskQueue,
    env: process.env,
    entry: entryPoint(),
    version: buildVersion(),
    address,
    mayReplace: () => replaysOpenRuns(client, taskQueue, WORKFLOWS),
  });
}

/** Starts a worker that has died again, unless somebody took everything down on purpose (`bactrian down`). */
export async function reviveWorker(project: EitherProject, session: Session): Promise<void> {
  const server = await serverStatus();
  if (server.state === 'stopped' && !server.crashed) return;
  await startWorker(project, session);
}

/** How this program was started, so that a worker is started the same way (compiled, or by a loader). */
export function entryPoint(): [string, ...string[]] {
  return [process.execPath, ...process.execArgv, realpathSync(process.argv[1] ?? '')];
}
