import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the lab's own sources. */
export const labSources: string = fileURLToPath(new URL('.', import.meta.url));

/** Where running labs live: one folder a lab. Not below /root, which hosts lay their own over. */
export const labsFolder: string = process.env.BACTRIAN_LAB_DIR ?? '/var/lib/bactrian-lab';

/** Where whatever is slow to make is kept: binaries, images, tools, keys. */
export const cacheFolder: string = process.env.BACTRIAN_LAB_CACHE ?? join(homedir(), '.cache/bactrian-lab');

/**
 * @param name a key of versions.env
 * @returns its value
 * @throws if there is no such key
 */
export function pinnedVersion(name: string): string {
  const value = new RegExp(`^${name}=(.*)$`, 'm').exec(readFileSync(join(labSources, 'versions.env'), 'utf8'))?.[1];
  if (value === undefined) throw new Error(`lab/versions.env has no ${name}`);
  return value;
}
