import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import type { Environment } from './environment.ts';
import { TemporalSetupError, messageOf } from './errors.ts';
import { ensurePrivateDir } from './private-files.ts';

/** Where one project's state lies; every folder is there, mode 0700. */
export interface ProjectState {
  /** `<state>/projects/<hash of the project's real path>` */
  readonly dir: string;
  /** 0600 snapshots of loaded configurations, by digest. */
  readonly snapshots: string;
  /** The report of every run that ended. */
  readonly reports: string;
  /** Logs of the worker and of commands on hosts. */
  readonly logs: string;
}

/** Files of one background worker. */
export interface WorkerFiles {
  /** Who is running: process, version, task queue. */
  readonly record: string;
  /** The Unix socket on which it takes the shell's environment. */
  readonly socket: string;
  readonly log: string;
  /** Held while a worker is being started or stopped. */
  readonly lock: string;
}

/** bactrian's state directory: `BACTRIAN_STATE_DIR`, else `$XDG_STATE_HOME/bactrian`, else `~/.local/state/bactrian`. */
export function stateDir(env: Environment = process.env): string {
  if (env.BACTRIAN_STATE_DIR) return resolve(env.BACTRIAN_STATE_DIR);
  if (env.XDG_STATE_HOME) return resolve(env.XDG_STATE_HOME, 'bactrian');
  return join(env.HOME || homedir(), '.local', 'state', 'bactrian');
}

/**
 * The real path of a project's folder: two paths to the same project (a symlink,
 * a trailing slash) must find the same worker and the same snapshots.
 * @throws TemporalSetupError when there is no such folder
 */
export function realProjectDir(projectDir: string): string {
  try {
    return realpathSync(projectDir);
  } catch (error) {
    throw new TemporalSetupError(
      `The project folder ${resolve(projectDir)} can't be opened: ${messageOf(error)}. ` +
        'Run bactrian in the folder that holds config/deploy.yml, or name it with --project.',
    );
  }
}

/** The first `length` hex digits of a SHA-256: short names for long things. */
export function shortHash(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}

/**
 * Makes and names the state folders of the project in `projectDir`.
 * @throws TemporalSetupError when the project isn't there or the state directory can't be written
 */
export async function projectState(projectDir: string, env: Environment = process.env): Promise<ProjectState> {
  const dir = join(stateDir(env), 'projects', shortHash(realProjectDir(projectDir), 16));
  const state = { dir, snapshots: join(dir, 'snapshots'), reports: join(dir, 'reports'), logs: join(dir, 'logs') };
  for (const folder of Object.values(state)) await ensurePrivateDir(folder);
  return state;
}

/** sun_path holds 104 bytes on macOS and 108 on Linux, a closing zero included. */
const MAX_SOCKET_PATH = 103;

/**
 * The files of the worker that serves `taskQueue` for the project in
 * `projectDir` (one project has a worker per destination). A socket's path may
 * not be longer than about a hundred bytes, so in a deep state directory it
 * lies in a private runtime directory instead.
 * @throws TemporalSetupError as {@link projectState} does
 */
export async function workerFiles(
  { projectDir, taskQueue }: { projectDir: string; taskQueue: string },
  env: Environment = process.env,
): Promise<WorkerFiles> {
  const { dir, logs } = await projectState(projectDir, env);
  const id = shortHash(taskQueue, 8);
  let socket = join(dir, `worker-${id}.sock`);
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH) {
    const runtime = env.XDG_RUNTIME_DIR
      ? join(env.XDG_RUNTIME_DIR, 'bactrian')
      : join(tmpdir(), `bactrian-${userInfo().uid}`);
    socket = join(await ensurePrivateDir(runtime), `${shortHash(dir, 16)}-${id}.sock`);
  }
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH) {
    throw new TemporalSetupError(
      `The path of the worker's socket is too long for the system: ${socket} (at most ${MAX_SOCKET_PATH} bytes). ` +
        'Set BACTRIAN_STATE_DIR to a shorter path.',
    );
  }
  return {
    record: join(dir, `worker-${id}.json`),
    socket,
    log: join(logs, `worker-${id}.log`),
    lock: join(dir, `worker-${id}.lock`),
  };
}
