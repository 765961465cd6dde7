import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { askWorker, handOverEnvironment } from './env-socket.ts';
import type { WorkerReply } from './env-socket.ts';
import { definedOnly, minimalEnvironment } from './environment.ts';
import type { Environment } from './environment.ts';
import { TemporalSetupError, codeOf, messageOf } from './errors.ts';
import { exclusively } from './exclusive.ts';
import { openPrivateLog, sizeOf, excerptOf } from './private-files.ts';
import { endProcess, identityOf, isAlive } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { realProjectDir, stateDir, workerFiles } from './state.ts';
import type { WorkerFiles } from './state.ts';
import { fingerprintOf, readWorkerRecord } from './worker-record.ts';
import type { WorkerRecord } from './worker-record.ts';

export interface WorkerRequest {
  readonly projectDir: string;
  readonly taskQueue: string;
  /** The whole environment of the shell; it goes to the worker over a socket and stays in its memory. */
  readonly env: Environment;
  /**
   * The program and first arguments that run bactrian, all paths absolute (the worker starts in the project's folder):
   * `[process.execPath, …, '/…/main.js']`. `worker --project … --queue … --background` is added.
   */
  readonly entry: readonly [string, ...string[]];
  /** bactrian's version. */
  readonly version: string;
  /** The embedded server's address. */
  readonly address: string;
  /** Asked when a worker of another version runs: may it be replaced now? Without an answer it stays. */
  readonly mayReplace?: (running: WorkerReply) => Promise<boolean>;
}

export interface EnsuredWorker {
  readonly pid: number;
  readonly log: string;
  /** `false` when it was running already. */
  readonly started: boolean;
  /** Its version, which is another than asked for when `mayReplace` didn't let it go. */
  readonly version: string;
}

const ANSWER_MS = 15_000;
const START_MS = 90_000;
/** Longer than a worker gives its activities to end. */
const STOP_MS = 30_000;

/**
 * Makes sure that the background worker of a task queue is there and has this
 * environment: the running one, or a new one, in which case it returns when that
 * asks for work. One that doesn't answer for 15 s, or works for another server
 * or with another codec key, is ended and replaced: workers may die at any time.
 * @throws TemporalSetupError when the worker doesn't come up; the message has what it said
 */
export async function ensureWorker(request: WorkerRequest): Promise<EnsuredWorker> {
  const { env, version, address, mayReplace } = request;
  const files = await workerFiles(request, env);
  return exclusively(files.lock, 'starting the worker', async (assertHeld) => {
    const running = await readWorkerRecord(files.record);
    if (running && isAlive(running.process)) {
      const reply = await handOverEnvironment(files.socket, definedOnly(env), ANSWER_MS).catch(() => undefined);
      // Without a fingerprint it was waiting for its first environment: its starter was killed before it gave one.
      const fits = reply !== undefined && reply.state !== 'stopping' &&
        (reply.fingerprint === undefined || reply.fingerprint === fingerprintOf(address, env));
      if (fits && (reply.version === version || !(await mayReplace?.(reply)))) {
        await untilPolling(running.process, files, sizeOf(files.log));
        return { pid: running.process.pid, log: files.log, started: false, version: reply.version };
      }
      await endProcess(running.process, reply ? STOP_MS : 2_000);
    }
    assertHeld();
    const pid = await startWorker(request, files);
    return { pid, log: files.log, started: true, version };
  });
}

async function startWorker({ projectDir, taskQueue, env, entry }: WorkerRequest, files: WorkerFiles): Promise<number> {
  const [program, ...first] = entry;
  const project = realProjectDir(projectDir);
  const logStart = sizeOf(files.log);
  const log = openPrivateLog(files.log);
  const child = spawn(program, [...first, 'worker', '--project', project, '--queue', taskQueue, '--background'], {
    cwd: project,
    env: minimalEnvironment(env),
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  let failure: Error | undefined;
  child.once('error', (error) => { failure = error; });
  const identity = child.pid === undefined ? undefined : identityOf(child.pid);
  if (!identity) {
    await sleep(100);
    throw new TemporalSetupError(`The worker can't be started (${program}): ${failure ? messageOf(failure) : 'it ended at once'}.`);
  }
  try {
    await handOverWhenListening(identity, files, env, logStart);
    await untilPolling(identity, files, logStart);
  } catch (error) {
    await endProcess(identity, 2_000);
    throw error;
  }
  return identity.pid;
}

/** A new worker needs a moment until its socket is there. */
async function handOverWhenListening(
  identity: ProcessIdentity,
  files: WorkerFiles,
  env: Environment,
  logStart: number,
): Promise<void> {
  await keepTrying(identity, files, logStart, async () => {
    // A socket of its predecessor refuses connections; this one's own record says that it listens.
    if ((await readWorkerRecord(files.record))?.process.startTime !== identity.startTime) return false;
    await handOverEnvironment(files.socket, definedOnly(env), ANSWER_MS);
    return true;
  });
}

async function untilPolling(identity: ProcessIdentity, files: WorkerFiles, logStart: number): Promise<void> {
  await keepTrying(identity, files, logStart, async () =>
    (await askWorker(files.socket, ANSWER_MS)).state === 'polling');
}

async function keepTrying(
  identity: ProcessIdentity,
  files: WorkerFiles,
  logStart: number,
  attempt: () => Promise<boolean>,
): Promise<void> {
  const deadline = Date.now() + START_MS;
  let reason = 'it is still starting';
  for (;;) {
    try {
      if (await attempt()) return;
    } catch (error) {
      reason = messageOf(error);
    }
    const dead = !isAlive(identity);
    if (dead || Date.now() >= deadline) {
      const said = await excerptOf(files.log, logStart, 12);
      throw new TemporalSetupError(
        `The worker (process ${identity.pid}) ${dead ? 'ended while starting' : `wasn't ready within ${START_MS / 1000} s: ${reason}`}.\n` +
          `${said ? said.replaceAll(/^/gm, '  ') : '  (it wrote nothing)'}\nIts whole log: ${files.log}`,
      );
    }
    await sleep(100);
  }
}

/** The worker of a task queue, if one runs. */
export async function runningWorker(
  request: { projectDir: string; taskQueue: string },
  env: Environment = process.env,
): Promise<WorkerRecord | undefined> {
  const files = await workerFiles(request, env);
  const record = await readWorkerRecord(files.record);
  return record && isAlive(record.process) ? record : undefined;
}

/**
 * Ends the worker of a task queue in order: what it is doing on hosts may end
 * (10 s), then is cancelled; the next worker goes on with it.
 * @returns whether one was running
 */
export async function stopWorker(
  request: { projectDir: string; taskQueue: string },
  env: Environment = process.env,
): Promise<boolean> {
  const files = await workerFiles(request, env);
  return exclusively(files.lock, 'stopping the worker', () => stopRecorded(files.record));
}

async function stopRecorded(recordPath: string): Promise<boolean> {
  const record = await readWorkerRecord(recordPath);
  return record !== undefined && (await endProcess(record.process, STOP_MS)) !== 'gone';
}

/** Ends every worker of every project that works on the embedded server; returns their task queues. */
export async function stopAllWorkers(env: Environment = process.env): Promise<string[]> {
  const root = join(stateDir(env), 'projects');
  const records = (await entriesOf(root)).map(async (project) =>
    (await entriesOf(join(root, project)))
      .filter((name) => /^worker-[0-9a-f]+\.json$/.test(name))
      .map((name) => join(root, project, name)));
  const stopped = (await Promise.all(records)).flat().map(async (path) => {
    const record = await readWorkerRecord(path);
    if (!record || !isAlive(record.process)) return [];
    const lock = join(dirname(path), `${path.slice(path.lastIndexOf('/') + 1, -'.json'.length)}.lock`);
    await exclusively(lock, 'stopping the worker', () => stopRecorded(path));
    return [record.taskQueue];
  });
  return (await Promise.all(stopped)).flat();
}

async function entriesOf(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}
