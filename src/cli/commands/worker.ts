import type { Command } from 'commander';
import { createActivities } from '../../../activities/index.ts';
import { runProjectWorker } from '../../temporal/project-worker.ts';
import { projectState, realProjectDir } from '../../temporal/state.ts';
import { taskQueueFor } from '../../temporal/task-queue.ts';
import { usesOwnServer } from '../../temporal/target.ts';
import { untilInterrupted } from '../interrupt.ts';
import { openProject, projectOptions, type ProjectOptions } from '../project.ts';
import { buildVersion, WORKFLOWS } from '../version.ts';

interface WorkerOptions extends ProjectOptions {
  queue?: string;
  background?: boolean;
}

/** `bactrian worker` */
export function workerCommand(program: Command): void {
  projectOptions(program.command('worker').description('work for this project\'s runs, in the foreground (for a Temporal server of your own)'))
    .option('--queue <name>', 'task queue (default: the deployment\'s)')
    .option('--background', 'take the environment from the command line that started it')
    .addHelpText('after', '\nOn the embedded server workers are started for you. With TEMPORAL_ADDRESS or a profile set, run this where the\nproject, its keys and its secrets are.')
    .action(async (options: WorkerOptions) => {
      await untilInterrupted((signal) => work(options, signal));
    });
}

async function work(options: WorkerOptions, signal: AbortSignal): Promise<void> {
  const projectDir = realProjectDir(options.project);
  const taskQueue = options.queue ?? (await queueOf(options, projectDir));
  const state = await projectState(projectDir);
  let close = () => Promise.resolve();
  // One interceptor for all activities; it scrubs with the secrets that these activities have resolved.
  let scrubbing: ReturnType<typeof createActivities>['interceptor'] | undefined;
  try {
    await runProjectWorker({
      projectDir,
      taskQueue,
      version: buildVersion(),
      background: options.background === true,
      workflows: { path: WORKFLOWS },
      createActivities: (env) => {
        const set = createActivities({ projectDir, snapshotDirectory: state.snapshots, logDirectory: state.logs, reportDirectory: state.reports, env });
        close = () => set.close();
        scrubbing = set.interceptor;
        return set.activities;
      },
      interceptors: {
        activity: [() => ({ inbound: { execute: (input, next) => (scrubbing?.execute ? scrubbing.execute(input, next) : next(input)) } })],
      },
      signal,
      log: (line) => process.stdout.write(`${new Date().toISOString()} ${line}\n`),
    });
  } finally {
    await close();
  }
}

async function queueOf(options: WorkerOptions, projectDir: string): Promise<string> {
  const { deployment } = await openProject(options);
  return taskQueueFor({ service: deployment.service, destination: deployment.destination ?? undefined, projectDir: usesOwnServer() ? undefined : projectDir });
}
