import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { cacheFolder } from './paths.ts';
import { must } from './run.ts';
import type { Topology } from './topology.ts';

/** The key files of a lab. They outlive it, so that a lab made again is the same to an SSH client. */
export interface LabKeys {
  /** The private key that logs in as root. */
  user: string;
  /** `hN` → private host key. */
  hosts: Map<string, string>;
  knownHosts: string;
}

/** Makes the keys that are missing, and known_hosts. */
export async function ensureKeys(lab: Topology): Promise<LabKeys> {
  const folder = join(cacheFolder, 'keys', lab.name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const user = await ensureKey(join(folder, 'id_ed25519'), `bactrian-lab-${lab.name}`);
  const hosts = new Map<string, string>();
  const known: string[] = [];
  for (const host of lab.hosts) {
    const file = await ensureKey(join(folder, `host-${host.name}`), host.name);
    hosts.set(host.name, file);
    const [type, key] = (await readFile(`${file}.pub`, 'utf8')).split(' ');
    known.push(`${host.address} ${type} ${key}`);
  }
  const knownHosts = join(folder, 'known_hosts');
  await writeFile(knownHosts, `${known.join('\n')}\n`);
  return { user, hosts, knownHosts };
}

async function ensureKey(file: string, comment: string): Promise<string> {
  if (!existsSync(file)) await must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file]);
  return file;
}
