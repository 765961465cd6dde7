import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));

/** The package's version, from the nearest package.json above this file (the layout differs in dist). */
export const VERSION: string = readVersion(HERE);

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

/** The workflows' sources, or what the compiler made of them: whichever this file is. */
export const WORKFLOWS = join(HERE, `../../workflows/index${extname(fileURLToPath(import.meta.url))}`);

/** Version and code: a worker that runs older code of the same version (a checkout that was pulled) is told apart. */
export function buildVersion(): string {
  const hash = createHash('sha256');
  const extension = extname(WORKFLOWS);
  for (const folder of ['workflows', 'activities', 'src']) {
    const root = join(HERE, '../..', folder);
    for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(extension)).sort()) {
      hash.update(file).update(readFileSync(join(root, file)));
    }
  }
  return `${VERSION}+${hash.digest('hex').slice(0, 12)}`;
}
