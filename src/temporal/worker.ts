import { hostname } from 'node:os';
import type { Logger } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { WorkerInterceptors, WorkflowBundleOption } from '@temporalio/worker';
import { MOST_HOSTS } from '../plan/limits.ts';
import { dataConverterFrom } from './codec.ts';
import { explain } from './connection.ts';
import type { Environment } from './environment.ts';
import { temporalTarget } from './target.ts';
import type { TemporalTarget } from './target.ts';

export interface WorkerSettings {
  readonly taskQueue: string;
  /** The activities' implementations by name. */
  readonly activities: object;
  /** The file that exports the workflows (absolute), or what `bundleWorkflowCode` made of it. */
  readonly workflows: { readonly path: string } | { readonly bundle: WorkflowBundleOption };
  readonly interceptors?: WorkerInterceptors;
  /** Where Temporal's configuration and the codec key come from. */
  readonly env?: Environment;
  /** The server, when it is known already; else it is found (and an embedded one started) as for the command line. */
  readonly target?: TemporalTarget;
  /** Ends the worker in order when aborted. */
  readonly signal: AbortSignal;
  /** Called once when the worker asks for work. */
  readonly onPolling?: () => void;
}

/** On shutdown a running activity may end by itself for this long, then it is cancelled. */
const GRACE = '10s';
/** After this long the worker ends whatever still runs; another one will retry it. */
const FORCE = '25s';

/**
 * Runs a worker until `signal` is aborted.
 *
 * The task queue of a worker that was killed is given up after a second, not
 * ten, and heartbeats are passed on at least once a second, so that work moves
 * to the next worker quickly.
 * @throws TemporalSetupError when the server doesn't answer or refuses us; whatever ends a worker from within
 */
export async function runWorker(settings: WorkerSettings): Promise<void> {
  const { taskQueue, activities, workflows, interceptors, env = process.env, signal, onPolling } = settings;
  const target = settings.target ?? (await temporalTarget(env));
  const connection = await NativeConnection.connect(target.connectionOptions).catch((error: unknown) => {
    throw explain(error, target);
  });
  try {
    const worker = await Worker.create({
      connection,
      namespace: target.namespace,
      taskQueue,
      identity: `bactrian ${process.pid}@${hostname()}`,
      activities,
      ...('path' in workflows ? { workflowsPath: workflows.path } : { workflowBundle: workflows.bundle }),
      interceptors,
      dataConverter: dataConverterFrom(env),
      stickyQueueScheduleToStartTimeout: '1s',
      maxHeartbeatThrottleInterval: '1s',
      defaultHeartbeatThrottleInterval: '1s',
      // A meter runs beside the steps of each host: with too few places, meters would wait for steps that wait for a place.
      maxConcurrentActivityTaskExecutions: 2 * MOST_HOSTS + 100,
      shutdownGraceTime: GRACE,
      shutdownForceTime: FORCE,
    });
    if (signal.aborted) return;
    const stop = (): void => {
      // Throws in any other state, in which it is ending already.
      if (worker.getState() === 'RUNNING') worker.shutdown();
    };
    signal.addEventListener('abort', stop);
    try {
      const ended = worker.run();
      onPolling?.();
      await ended;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  } finally {
    await connection.close();
  }
}

/**
 * Sets Temporal's runtime up for a process that is a worker and nothing else;
 * call it once, before anything else of Temporal's. Warnings and errors go to
 * `logger` (stderr by default). Signals are the caller's to handle.
 */
export function installWorkerRuntime(logger: Logger = new DefaultLogger('WARN')): void {
  Runtime.install({ logger, shutdownSignals: [] });
}
