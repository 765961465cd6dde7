import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { cacheFolder, pinnedVersion } from './paths.ts';

/**
 * @returns the program of the real Kamal 2 that `lab/install` installed, to hold bactrian against
 * @throws if it isn't there
 */
export function realKamal(): string {
  const program = join(cacheFolder, 'bin/kamal');
  if (!existsSync(program)) throw new Error(`no Kamal ${pinnedVersion('KAMAL_VERSION')} at ${program}: run lab/install`);
  return program;
}
