import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Lets one process at a time change a lab; others wait. The kernel holds the lock, for a `flock` that lives as long as this
 * process does: however this one ends, the lock is free at once.
 * @param name what is locked
 * @param say told once if there is somebody to wait for
 */
export async function whileLocked<T>(name: string, say: (message: string) => void, work: () => Promise<T>): Promise<T> {
  const file = `/run/lock/bactrian-lab-${name}`;
  const holder = spawn('flock', [file, 'sh', '-c', 'echo locked; cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = setTimeout(() => say(`lab ${name} is in use by another process: waiting`), 1000);
  try {
    await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit').then(refuse)]);
    clearTimeout(waiting);
    return await work();
  } finally {
    clearTimeout(waiting);
    holder.stdin.end();
  }

  function refuse(): never {
    throw new Error(`can't lock ${file}`);
  }
}
