import { readFileSync } from 'node:fs';

import { eventually, run } from './run.ts';

/** @returns the processes in a network namespace; none if it doesn't exist */
async function pidsIn(namespace: string): Promise<number[]> {
  const listed = await run('ip', ['netns', 'pids', namespace]);
  return listed.stdout.split('\n').filter(Boolean).map(Number);
}

/**
 * @returns the pid, as the machine sees it, of the first process of the host in that network namespace; undefined if the
 * host is off
 */
export async function initPidIn(namespace: string): Promise<number | undefined> {
  for (const pid of await pidsIn(namespace)) {
    // The line has one number per nested pid namespace; the host's own first process is 1 in the innermost of two.
    const seen = /^NSpid:\s*(.*)$/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1]?.split(/\s+/) ?? [];
    if (seen.length === ownDepth() + 1 && seen.at(-1) === '1') return pid;
  }
  return undefined;
}

/** Kills whatever runs in these network namespaces, and returns when nothing does. */
export async function killAllIn(namespaces: readonly string[]): Promise<void> {
  await eventually(`processes in ${namespaces.join(', ')} ended`, 20_000, async () => {
    const pids = (await Promise.all(namespaces.map(pidsIn))).flat();
    for (const pid of pids) signal(pid, 'SIGKILL');
    return pids.length === 0;
  });
}

/** Sends a signal to a process that may have ended already. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function ownDepth(): number {
  return /^NSpid:\s*(.*)$/m.exec(readOrEmpty('/proc/self/status'))?.[1]?.split(/\s+/).length ?? 1;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
