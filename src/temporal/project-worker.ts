import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { listenForEnvironment } from './env-socket.ts';
import type { WorkerState } from './env-socket.ts';
import type { Environment } from './environment.ts';
import { TemporalSetupError, messageOf } from './errors.ts';
import { writePrivateJson } from './private-files.ts';
import { identityOf } from './process-identity.ts';
import { serverStatus, startServer } from './server.ts';
import { workerFiles } from './state.ts';
import type { WorkerFiles } from './state.ts';
import { temporalTarget, usesOwnServer } from './target.ts';
import type { TemporalTarget } from './target.ts';
import { installWorkerRuntime, runWorker } from './worker.ts';
import type { WorkerSettings } from './worker.ts';
import { fingerprintOf } from './worker-record.ts';
import type { WorkerRecord } from './worker-record.ts';

export interface ProjectWorkerSettings extends Pick<WorkerSettings, 'taskQueue' | 'workflows' | 'interceptors'> {
  readonly projectDir: string;
  /** bactrian's version. */
  readonly version: string;
  /** Makes the activities; the function that it gets returns the newest environment at every call. */
  readonly createActivities: (env: () => Environment) => object;
  /** A background worker waits for an environment from the command line; one in the foreground has its own. */
  readonly background: boolean;
  /** Ends the worker in order when aborted. */
  readonly signal: AbortSignal;
  /** Gets a line for people now and then. */
  readonly log: (line: string) => void;
}

/**
 * What `bactrian worker` is: serves a project's task queue until `signal` is
 * aborted. On the embedded server it takes environments from the command line
 * over a socket, is the only worker of its queue here, and starts the server
 * again when it crashed. On a server of the user's own it just works with the
 * environment it was started in, and there may be many.
 * @throws TemporalSetupError when the queue has a worker here already or the server can't be used
 */
export async function runProjectWorker(settings: ProjectWorkerSettings): Promise<void> {
  installWorkerRuntime();
  if (!settings.background && usesOwnServer(process.env)) {
    const target = await temporalTarget(process.env);
    return run(settings, target, () => process.env, settings.signal, () => {
      settings.log(`working for ${settings.taskQueue} at ${target.connectionOptions.address}`);
    });
  }
  return runBesideEmbeddedServer(settings);
}

async function runBesideEmbeddedServer(settings: ProjectWorkerSettings): Promise<void> {
  const { taskQueue, version, signal, log, background } = settings;
  const files = await workerFiles(settings);
  let state: WorkerState = 'waiting for its environment';
  let fingerprint: string | undefined;
  let newest: Environment | undefined = background ? undefined : process.env;
  let wake = (): void => {};
  const arrived = new Promise<void>((resolve) => { wake = resolve; });
  const socket = await listenForEnvironment(files.socket, {
    onEnvironment: (env) => {
      newest = env;
      wake();
    },
    describe: () => ({ state, version, taskQueue, fingerprint }),
  });
  try {
    await writeRecord(files, settings);
    if (!newest) await Promise.race([arrived, aborted(signal)]);
    if (!newest || signal.aborted) return;
    state = 'starting';
    const first = newest;
    const target = await temporalTarget(first);
    fingerprint = fingerprintOf(target.connectionOptions.address, first);
    const ending = new AbortController();
    const stop = AbortSignal.any([signal, ending.signal]);
    stop.addEventListener('abort', () => { state = 'stopping'; });
    const watch = target.embedded ? keepServerUp(target, first, stop, () => ending.abort(), log) : undefined;
    try {
      await run(settings, target, () => newest ?? first, stop, () => {
        state = 'polling';
        log(`working for ${taskQueue} at ${target.connectionOptions.address}`);
      });
    } finally {
      ending.abort();
      await watch;
    }
  } finally {
    await socket.close();
    await rm(files.record, { force: true });
  }
}

async function run(
  settings: ProjectWorkerSettings,
  target: TemporalTarget,
  env: () => Environment,
  signal: AbortSignal,
  onPolling: () => void,
): Promise<void> {
  const { taskQueue, workflows, interceptors, createActivities } = settings;
  await runWorker({
    taskQueue, workflows, interceptors, activities: createActivities(env), env: env(), target, signal, onPolling,
  });
}

async function writeRecord(files: WorkerFiles, { taskQueue, version, projectDir }: ProjectWorkerSettings): Promise<void> {
  const identity = identityOf(process.pid);
  if (!identity) throw new TemporalSetupError(`The start time of process ${process.pid} can't be read ('ps' is needed).`);
  const record: WorkerRecord = { process: identity, taskQueue, version, projectDir };
  await writePrivateJson(files.record, record);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

const WATCH_EVERY_MS = 3_000;

/**
 * Starts the embedded server again when it died without being told to: nobody
 * else would until the next command, and runs stand still meanwhile. One that
 * had to come back at another address ends this worker, whose connection can't
 * move; the next command starts another.
 */
async function keepServerUp(
  target: TemporalTarget,
  env: Environment,
  signal: AbortSignal,
  onMoved: () => void,
  log: (line: string) => void,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(WATCH_EVERY_MS, undefined, { signal }).catch(() => undefined);
    try {
      const status = await serverStatus(env);
      if (status.state !== 'stopped' || !status.crashed || signal.aborted) continue;
      const server = await startServer(env);
      log(`the embedded Temporal server had died; started it again at ${server.address}`);
      if (server.address !== target.connectionOptions.address) onMoved();
    } catch (error) {
      log(`the embedded Temporal server can't be started again: ${messageOf(error)}`);
    }
  }
}
