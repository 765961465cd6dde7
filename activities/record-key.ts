import { createHash, createHmac, randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The key of the hashes in records. It stays on this machine: with a record alone nobody can try values out. */
export interface RecordKey {
  /** Tells keys apart, and nothing about them. */
  readonly id: string;
  /** 32 hex digits for a variable's value. */
  readonly hash: (name: string, value: string) => string;
}

/**
 * The key in a project's state directory, made there (0600) the first time.
 *
 * @throws Error when the directory can't be written, or the file holds something else
 */
export async function recordKey(stateDirectory: string): Promise<RecordKey> {
  const file = join(stateDirectory, 'record.key');
  const key = (await read(file)) ?? (await make(stateDirectory, file));
  const hmac = (text: string) => createHmac('sha256', Buffer.from(key, 'hex')).update(text).digest('hex');
  return { id: createHash('sha256').update(hmac('id')).digest('hex').slice(0, 16), hash: (name, value) => hmac(`${name}\0${value}`).slice(0, 32) };
}

async function read(file: string): Promise<string | null> {
  let text: string;
  try {
    text = (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  if (!/^[0-9a-f]{64}$/.test(text)) throw new Error(`${file} holds no key (64 hex digits): move it away, and values are compared from the next upgrade on`);
  return text;
}

/** Two processes may be at it at once: the first one's is everybody's. */
async function make(directory: string, file: string): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(temporary, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  try {
    await link(temporary, file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  return (await read(file)) ?? '';
}
