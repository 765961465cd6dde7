import { readFile, rm } from 'node:fs/promises';

/** A command that a client ran on a host over SSH. Times in milliseconds since 1970. */
export interface CommandRecord {
  command: string;
  startedAt: number;
  /** Undefined while it runs, and for ever if the host lost power meanwhile. */
  endedAt?: number;
  code?: number;
}

interface Line {
  id: string;
  event: 'start' | 'end';
  at: number;
  command?: string;
  code?: number;
}

/**
 * @param file what the hosts' command-log writes
 * @returns the commands in the order in which they began; none if there is no file yet
 */
export async function readCommands(file: string): Promise<CommandRecord[]> {
  const records = new Map<string, CommandRecord>();
  for (const text of (await readFile(file, 'utf8').catch(() => '')).split('\n')) {
    if (text === '') continue;
    const line = JSON.parse(text) as Line;
    const record = records.get(line.id);
    if (line.event === 'start') records.set(line.id, { command: line.command ?? '', startedAt: line.at });
    else if (record !== undefined) Object.assign(record, { endedAt: line.at, code: line.code });
  }
  return [...records.values()];
}

/** Forgets the commands so far. Those that are running lose their beginning and so don't count any more. */
export async function forgetCommands(file: string): Promise<void> {
  await rm(file, { force: true });
}
