import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { eventually, must } from './run.ts';
import type { Topology } from './topology.ts';

/** Who may use the app's registry. The password is no word, so that a test can look for it where it must not be. */
export const registryUser = { name: 'kamal', password: 'pw7k3q' } as const;

/** The app's registry, with a password. */
export function appRegistry(lab: Topology): string {
  return `${lab.gateway}:5000`;
}

/** The same store without a password, which hosts use as their mirror of Docker Hub. */
export function openRegistry(lab: Topology): string {
  return `${lab.gateway}:5001`;
}

/**
 * Starts both registries in the lab's own network namespace, unless they run.
 * @param folder for their configuration, logs and store
 * @param filledFrom a store to begin with, when there is none yet
 */
export async function startRegistries(lab: Topology, folder: string, filledFrom?: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const store = join(folder, 'store');
  if (filledFrom !== undefined && !existsSync(store)) await cp(filledFrom, store, { recursive: true });
  const users = join(folder, 'htpasswd');
  await writeFile(users, await must('htpasswd', ['-niB', '-C', '5', registryUser.name], { input: registryUser.password }));

  const auth = `auth:\n  htpasswd:\n    realm: lab\n    path: ${users}\n`;
  for (const [port, more] of [['5000', auth], ['5001', '']] as const) {
    if (await answers(lab, port)) continue;
    const config = join(folder, `${port}.yml`);
    await writeFile(
      config,
      `version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: ${store}\n  delete:\n    enabled: true\nhttp:\n  addr: ${lab.gateway}:${port}\n  secret: lab\n${more}`,
    );
    const log = await open(join(folder, `${port}.log`), 'a');
    spawn('nsenter', [`--net=/run/netns/${lab.namespace}`, 'docker-registry', 'serve', config], {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    }).unref();
    await log.close();
  }
  for (const port of ['5000', '5001']) {
    await eventually(`registry ${lab.gateway}:${port} answers`, 20_000, () => answers(lab, port));
  }
}

async function answers(lab: Topology, port: string): Promise<boolean> {
  try {
    const answer = await fetch(`http://${lab.gateway}:${port}/v2/`, { signal: AbortSignal.timeout(2000) });
    return answer.status === (port === '5000' ? 401 : 200);
  } catch {
    return false;
  }
}
