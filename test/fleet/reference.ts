import { readFile } from 'node:fs/promises';

import type { ComparableHost } from '../../lab/comparable.ts';

/**
 * What real Kamal left on the test fleet (reference/README.md), by host.
 * @param name of a file in `reference/`, without `.json`
 */
export async function reference(name: string): Promise<Record<string, ComparableHost>> {
  const text = await readFile(new URL(`reference/${name}.json`, import.meta.url), 'utf8');
  const states = JSON.parse(text) as Record<string, ComparableHost>;
  // Docker keeps no order of binds: as in lab/comparable.ts.
  for (const { containers } of Object.values(states)) for (const container of containers) container.binds.sort();
  return states;
}
