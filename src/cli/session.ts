import { realpathSync } from 'node:fs';
import { connectTemporal, type TemporalConnection } from '../temporal/connection.ts';
import { replaysOpenRuns } from '../temporal/replay-open.ts';
import { taskQueueFor } from '../temporal/task-queue.ts';
import { ensureWorker } from '../temporal/worker-process.ts';
import type { LoadedProject } from './project.ts';
import { buildVersion, WORKFLOWS } from './version.ts';

/** A connection to Temporal, with the project's worker behind it where that is ours to start. */
export interface Session extends TemporalConnection {
  taskQueue: string;
}

/**
 * Connects, and on the embedded server makes sure that the project's worker runs and has this shell's environment.
 * @throws TemporalSetupError
 */
export async function openSession(project: LoadedProject, { withWorker }: { withWorker: boolean }): Promise<Session> {
  const temporal = await connectTemporal();
  const { service, destination } = project.deployment;
  const taskQueue = taskQueueFor({ service, destination: destination ?? undefined, projectDir: temporal.embedded ? project.dir : undefined });
  if (withWorker && temporal.embedded) {
    await ensureWorker({
      projectDir: project.dir,
      taskQueue,
      env: process.env,
      entry: entryPoint(),
      version: buildVersion(),
      address: temporal.address,
      mayReplace: () => replaysOpenRuns(temporal.client, taskQueue, WORKFLOWS),
    });
  }
  return { ...temporal, taskQueue };
}

/** How this program was started, so that a worker is started the same way (compiled, or by a loader). */
export function entryPoint(): [string, ...string[]] {
  return [process.execPath, ...process.execArgv, realpathSync(process.argv[1] ?? '')];
}
