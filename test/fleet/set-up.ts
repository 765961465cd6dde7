import { rm } from 'node:fs/promises';

import { lab } from './the-lab.ts';
import { testFolder } from './shop.ts';

/** Once for all files: the lab is brought up, and taken down whatever came of the tests. */
export default async function setUp(): Promise<() => Promise<void>> {
  await rm(testFolder, { recursive: true, force: true });
  await lab.up();
  return async () => {
    // For whoever works on the tests: the next start is quicker.
    if (process.env.BACTRIAN_TEST_KEEP_LAB !== '1') await lab.down();
  };
}
