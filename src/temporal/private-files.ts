import { randomBytes } from 'node:crypto';
import { closeSync, fchmodSync, openSync, renameSync, statSync } from 'node:fs';
import { chmod, lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { TemporalSetupError, codeOf, messageOf } from './errors.ts';

/**
 * Makes `dir` (and its parents) ours alone, mode 0700.
 * @throws TemporalSetupError when it can't be made or belongs to somebody else
 */
export async function ensurePrivateDir(dir: string): Promise<string> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const info = await lstat(dir);
    const uid = process.getuid?.();
    if (!info.isDirectory() || (uid !== undefined && info.uid !== uid)) {
      throw new TemporalSetupError(
        `${dir} ${info.isDirectory() ? `belongs to the user with id ${info.uid}, not to you (${uid})` : 'is not a directory'}. ` +
          'bactrian keeps its state there and needs a directory of its own: remove it or set BACTRIAN_STATE_DIR.',
      );
    }
    if ((info.mode & 0o077) !== 0) await chmod(dir, 0o700);
    return dir;
  } catch (error) {
    if (error instanceof TemporalSetupError) throw error;
    throw new TemporalSetupError(
      `The state directory ${dir} can't be made: ${messageOf(error)}. ` +
        'Set BACTRIAN_STATE_DIR to a directory that you can write to.',
    );
  }
}

/** Writes `value` as JSON, mode 0600, so that a reader sees the old file or the whole new one, also after a crash. */
export async function writePrivateJson(path: string, value: unknown): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(value, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * The JSON in `path`; undefined when there is no such file or it isn't JSON (a
 * half-written file of a crashed process is as good as none: all that is kept
 * in these files can be found out again).
 */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const MAX_LOG_BYTES = 10 * 1024 * 1024;

/**
 * Opens a log for appending, mode 0600, and returns its descriptor; one that
 * has grown past 10 MB is moved to `<path>.1` first.
 */
export function openPrivateLog(path: string): number {
  try {
    if (statSync(path).size > MAX_LOG_BYTES) renameSync(path, `${path}.1`);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  const descriptor = openSync(path, 'a', 0o600);
  try {
    fchmodSync(descriptor, 0o600);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return descriptor;
}

/** Size of `path` in bytes, 0 when it isn't there: remembers where a log stood before a process writes to it. */
export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * What was written to `path` after byte `from`, in at most `lines` lines, '' when nothing was. Where that is too
 * little, the middle is left out: the beginning of an error names it, the end says what became of it.
 */
export async function excerptOf(path: string, from: number, lines: number): Promise<string> {
  let text: Buffer;
  try {
    text = await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
  const all = text.subarray(from).toString('utf8').trimEnd().split('\n');
  if (all.length <= lines) return all.join('\n');
  const half = Math.floor(lines / 2);
  return [...all.slice(0, half), '…', ...all.slice(half - lines)].join('\n');
}
