import { existsSync } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

const root = '/sys/fs/cgroup';

/**
 * Removes the control groups of hosts that are off, in every hierarchy (one of version 2, or one a controller).
 * @param names the groups' names, which Docker was given as parents of its containers'
 */
export async function removeControlGroups(names: readonly string[]): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    for (const name of names) {
      const group = join(hierarchy, name);
      if (existsSync(group)) await removeGroup(group);
    }
  }
}

async function hierarchies(): Promise<string[]> {
  if (existsSync(join(root, 'cgroup.controllers'))) return [root];
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(root, entry.name));
}

/** A group's files can't be removed and needn't be: only its folders, the innermost first. */
async function removeGroup(group: string): Promise<void> {
  for (const entry of await readdir(group, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeGroup(join(group, entry.name));
  }
  for (let attempt = 0; attempt < 40; attempt++) {
    try {
      await rmdir(group);
      return;
    } catch (error) {
      // The kernel lets go of a group a moment after its last process.
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
