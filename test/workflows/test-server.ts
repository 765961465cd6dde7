import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

const NAME = 'temporal-test-server';

/**
 * Finds Temporal's time-skipping test server: `BACTRIAN_TEST_SERVER`, else the PATH, else the lab's cache.
 *
 * @param env the environment to look in
 * @returns the program's path
 * @throws Error that says where it was looked for and how to get it
 */
export function testServer(env: NodeJS.ProcessEnv = process.env): string {
  if (env['BACTRIAN_TEST_SERVER']) return env['BACTRIAN_TEST_SERVER'];
  const cache = env['BACTRIAN_LAB_CACHE'] ?? join(homedir(), '.cache', 'bactrian-lab');
  const folders = [...(env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''), join(cache, 'bin')];
  const found = folders.map((folder) => join(folder, NAME)).find(isExecutable);
  if (found === undefined) {
    throw new Error(`no ${NAME} on the PATH or in ${join(cache, 'bin')}: run lab/install, or set BACTRIAN_TEST_SERVER to the program's path`);
  }
  return found;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
