import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { realKamal } from '../../lab/kamal.ts';
import type { Lab } from '../../lab/lab.ts';
import { writeProject } from '../../lab/project.ts';
import { run } from '../../lab/run.ts';
import type { FleetResult } from '../../workflows/types.ts';
import type { Contender, Row } from './rows.ts';
import type { Site } from './site.ts';

/** Where a benchmark runs. */
export interface Bench {
  lab: Lab;
  /** The Kamal project's folder. */
  project: string;
  /** The program `bactrian`. */
  bactrian: string;
  env: NodeJS.ProcessEnv;
}

/** How a contender ended, with bactrian's own record of it. */
export interface Contest {
  code: number;
  result: FleetResult | null;
}

const kamal1File = 'config/deploy.kamal1.yml';

/** Writes the project as the row wants it; for the way back also with Kamal 1's configuration. */
export async function writeProjectFor({ lab, project, env }: Bench, row: Row, { changes }: Site): Promise<void> {
  await writeProject(lab, project, { changes: { ...changes, ...row.changes } });
  if (row.goes === 'upgrade') return;
  const old = `${project}-kamal1`;
  await writeProject(lab, old, { kamal: 1, changes: { ssh: { config: undefined } } });
  await copyFile(join(old, 'config/deploy.yml'), join(project, kamal1File));
  // Kamal 1 knows no `ssh: config`: host keys are looked for in ~/.ssh only.
  const config = join(env.HOME ?? '', '.ssh/config');
  await mkdir(dirname(config), { recursive: true, mode: 0o700 });
  await writeFile(config, await readFile(join(old, 'config/ssh/config'), 'utf8'));
}

/**
 * Lets a contender at the fleet, to its end.
 * @param options further ones of bactrian's command
 * @throws if it isn't understood or refuses the fleet: that is nothing to measure
 */
export async function compete(bench: Bench, row: Row, contender: Contender, options: readonly string[]): Promise<Contest> {
  const rolling = row.rolling ? ['--rolling'] : [];
  const here = { cwd: bench.project, env: bench.env, timeoutMs: 600_000 };
  if (contender === 'real Kamal') {
    // The version that runs, which Kamal would otherwise ask git for.
    const ended = await run(realKamal(), ['upgrade', '-y', ...rolling], { ...here, env: { ...bench.env, VERSION: 'v1' } });
    return { code: ended.code, result: null };
  }
  const from = row.goes === 'downgrade' ? ['-c', kamal1File] : [];
  const ended = await run(bench.bactrian, [row.goes, '-y', '--json', ...from, '--strategy', contender, ...options, ...rolling], here);
  if (ended.stdout.trim() === '') throw new Error(`bactrian ${row.goes} ended with ${ended.code} and no result:\n${ended.stderr.trim()}`);
  return { code: ended.code, result: JSON.parse(ended.stdout) as FleetResult };
}
