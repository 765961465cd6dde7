import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's version, from the nearest package.json above this file (the layout differs in dist). */
export const VERSION: string = readVersion(dirname(fileURLToPath(import.meta.url)));

function readVersion(folder: string): string {
  try {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string; version?: string };
    if (manifest.name === 'bactrian' && manifest.version) return manifest.version;
  } catch {
    // Not here: one folder up.
  }
  const parent = dirname(folder);
  if (parent === folder) throw new Error('package.json of bactrian is missing');
  return readVersion(parent);
}
