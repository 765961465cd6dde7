import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Changes, ProjectOptions } from '../../lab/project.ts';
import { writeProject } from '../../lab/project.ts';
import type { Ended } from '../../lab/run.ts';
import type { FleetResult } from '../../workflows/types.ts';
import { Shop, testFolder, type Running } from './shop.ts';
import { lab } from './the-lab.ts';

/** Where a shop that goes both ways has its configuration of Kamal 1. */
export const KAMAL1 = 'config/deploy.kamal1.yml';

/** The snapshot with the state in which an upgrade leaves the fleet. */
const UPGRADED = 'upgraded';

/** What a shop that goes both ways has beyond {@link ProjectOptions}: changes of its configuration of Kamal 1. */
export interface BothWays extends ProjectOptions {
  kamal1?: Changes;
}

/** A shop with both configurations: as it was before the upgrade, and as it is since. */
export async function openBothWays(name: string, { kamal1, ...options }: BothWays = {}): Promise<Shop> {
  const shop = await Shop.open(name, options, { HOME: join(testFolder, `${name}-home`) });
  await writeKamal1(shop, kamal1);
  return shop;
}

/** Writes the configuration of Kamal 1 anew, and a ~/.ssh, which is all that Kamal 1 looks at for host keys. */
export async function writeKamal1(shop: Shop, changes: Changes = {}): Promise<void> {
  const old = `${shop.dir}-kamal1`;
  await writeProject(lab, old, { kamal: 1, changes: { readiness_delay: 2, ...changes } });
  await writeFile(join(shop.dir, KAMAL1), await readFile(join(old, 'config/deploy.yml'), 'utf8'));
  const ssh = join(`${shop.dir}-home`, '.ssh');
  await mkdir(ssh, { recursive: true });
  await writeFile(join(ssh, 'config'), await readFile(join(old, 'config/ssh/config'), 'utf8'));
}

/** Begins a way back. */
export function startBack(shop: Shop, ...args: string[]): Running {
  return shop.start('downgrade', '-y', '--json', '-c', KAMAL1, ...args);
}

/** Goes back to the end. @returns also the run's result, where there was one */
export async function goBack(shop: Shop, ...args: string[]): Promise<Ended & { result: FleetResult | null }> {
  const ended = await startBack(shop, ...args).ended;
  return { ...ended, result: ended.stdout.trim() === '' ? null : (JSON.parse(ended.stdout) as FleetResult) };
}

/** Brings the fleet into the state in which an upgrade leaves it, from a snapshot where there is one. */
export async function restoreUpgraded(shop: Shop): Promise<void> {
  if (existsSync(join(lab.folder, 'snapshots', UPGRADED))) return await lab.restore(UPGRADED);
  await lab.restore();
  const upgraded = await shop.upgrade();
  if (upgraded.code !== 0) throw new Error(`the upgrade ended with ${upgraded.code}: ${upgraded.stderr}`);
  // What a test waits for in a journal is to be of its own run.
  await Promise.all(lab.hosts.map(({ name }) => lab.exec(name, 'rm -rf .kamal/bactrian/*/')));
  await lab.snapshot(UPGRADED);
}
