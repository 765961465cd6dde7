import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { lock } from 'proper-lockfile';

import { labsFolder } from './paths.ts';

/**
 * Lets one process at a time change a lab. A lock whose holder was killed is free again after half a minute.
 * @throws if another one changes it for more than five minutes
 */
export async function whileLocked<T>(lab: string, work: () => Promise<T>): Promise<T> {
  await mkdir(labsFolder, { recursive: true, mode: 0o755 });
  const release = await lock(labsFolder, {
    lockfilePath: join(labsFolder, `${lab}.lock`),
    stale: 30_000,
    retries: { retries: 600, factor: 1, minTimeout: 500, maxTimeout: 500 },
  });
  try {
    return await work();
  } finally {
    await release();
  }
}
