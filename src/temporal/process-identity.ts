import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from './errors.ts';

/** A process that stays itself: a pid alone may belong to somebody else after a while, or after a reboot. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; equal only for the same process. */
  readonly startTime: string;
}

const HAS_PROC = existsSync('/proc/self/stat');

/** Who has this pid now; undefined when nobody has, or only a zombie that nobody has reaped yet. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  return HAS_PROC ? identityFromProc(pid) : identityFromPs(pid);
}

/** Whether this very process is still there (running or stopped). */
export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  return identityOf(pid)?.startTime === startTime;
}

function identityFromProc(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[0];
    const ticksSinceBoot = fields[19];
    if (state === 'Z' || state === 'X' || ticksSinceBoot === undefined) return undefined;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return { pid, startTime: `${boot}:${ticksSinceBoot}` };
  } catch {
    return undefined;
  }
}

function identityFromPs(pid: number): ProcessIdentity | undefined {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    const space = line.indexOf(' ');
    if (space < 0 || line.startsWith('Z')) return undefined;
    return { pid, startTime: line.slice(space).trim() };
  } catch {
    return undefined;
  }
}

/** The arguments of every process that we may look at. Where only `ps` can tell, arguments are split at spaces. */
export function runningCommands(): { pid: number; argv: string[] }[] {
  if (!HAS_PROC) return commandsFromPs();
  const found: { pid: number; argv: string[] }[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const argv = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').slice(0, -1);
      found.push({ pid: Number(name), argv });
    } catch {
      // It has ended since, or isn't ours to see.
    }
  }
  return found;
}

function commandsFromPs(): { pid: number; argv: string[] }[] {
  const listing = execFileSync('ps', ['-axww', '-o', 'pid=,args='], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return listing.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(.*)$/.exec(line);
    return match ? [{ pid: Number(match[1]), argv: (match[2] ?? '').split(' ') }] : [];
  });
}

/**
 * Ends a process that leads its own process group, with all of the group: asks
 * (SIGTERM), waits up to `graceMs` milliseconds, then kills. A stopped process
 * is woken, or it couldn't hear the question.
 * @returns `'asked'` or `'killed'`, whichever ended it, or `'gone'` when it wasn't there
 */
export async function endProcess(identity: ProcessIdentity, graceMs: number): Promise<'asked' | 'killed' | 'gone'> {
  if (!isAlive(identity)) return 'gone';
  signalGroup(identity.pid, 'SIGTERM');
  signalGroup(identity.pid, 'SIGCONT');
  if (await ended(identity, graceMs)) return 'asked';
  signalGroup(identity.pid, 'SIGKILL');
  await ended(identity, 5_000);
  return 'killed';
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal);
      return;
    } catch (error) {
      // No such group: it doesn't lead one, so only the process itself is meant.
      if (codeOf(error) !== 'ESRCH') throw error;
    }
  }
}

async function ended(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (isAlive(identity)) {
    if (Date.now() >= deadline) return false;
    await sleep(50);
  }
  return true;
}
