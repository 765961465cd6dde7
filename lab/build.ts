import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { cacheFolder, labSources } from './paths.ts';
import { must } from './run.ts';

/** What to say while something slow is going on. */
export type Say = (message: string) => void;

/**
 * Builds one of the lab's binaries, unless the cache has it; says how far it is, if it takes time at all.
 * @param name one of those that `build-binary` knows
 * @param duration how long it takes where nothing is cached, for a person
 * @returns the file
 * @throws with the compiler's last lines, if it can't be built
 */
export async function buildBinary(name: string, say: Say, duration = 'minutes'): Promise<string> {
  const log = join(cacheFolder, 'log', `build-${name}`);
  const startedAt = Date.now();
  const progress = setInterval(() => {
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    const built = linesOf(`${log}.log`).filter((line) => !line.startsWith('go: ')).length;
    const all = linesOf(`${log}.total`)[0];
    const packages = all === undefined ? 'downloading' : `${built} of ${all} packages`;
    say(`building ${name} (once; ${duration} on 2 idle cores): ${packages}, ${seconds} s`);
  }, 15_000);
  try {
    return (await must(join(labSources, 'build-binary'), [name], { timeoutMs: 45 * 60_000 })).trim();
  } finally {
    clearInterval(progress);
  }
}

function linesOf(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
}
