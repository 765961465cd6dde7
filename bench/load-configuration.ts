/** How long it takes to load 100 hosts in each of 10 roles with 50 variables: `bin/bench configuration [RUNS]`. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { app, deploymentOf, loadProject, snapshotDigest } from '../src/kamal/index.ts';

const runs = Number(process.argv[2] ?? 10);
const projectDir = await mkdtemp(path.join(tmpdir(), 'bactrian-bench-'));
try {
  await mkdir(path.join(projectDir, 'config'));
  await writeFile(path.join(projectDir, 'config', 'deploy.yml'), configuration());
  const env = { PATH: process.env.PATH, VERSION: 'bench' };
  const times: Record<'load' | 'deployment' | 'commands', number[]> = { load: [], deployment: [], commands: [] };
  for (let run = 0; run < runs; run++) {
    const started = performance.now();
    const snapshot = await loadProject({ projectDir, env });
    snapshotDigest(snapshot);
    const loaded = performance.now();
    const d = deploymentOf(snapshot);
    const derived = performance.now();
    let commands = 0;
    for (const host of d.hosts) for (const role of d.rolesOn(host)) commands += app.run(d, { role, host, version: 'bench', hostname: 'bench' }).length > 0 ? 1 : 0;
    times.load.push(loaded - started);
    times.deployment.push(derived - loaded);
    times.commands.push(performance.now() - derived);
    if (commands !== 1000) throw new Error(`${commands} commands instead of 1000`);
  }
  for (const [name, all] of Object.entries(times)) {
    const sorted = all.toSorted((a, b) => a - b);
    console.log(`${name}: first ${ms(all[0])}, median ${ms(sorted[Math.floor(sorted.length / 2)])}, max ${ms(sorted.at(-1))} of ${runs}`);
  }
} finally {
  await rm(projectDir, { recursive: true });
}

function configuration(): string {
  const hosts = Array.from({ length: 100 }, (_, host) => `10.0.${Math.floor(host / 50)}.${host % 50}`);
  const roles = Array.from({ length: 10 }, (_, role) => {
    const env = Array.from({ length: 50 }, (_each, key) => `        KEY_${role}_${key}: "value ${key} of role ${role}"`).join('\n');
    return `  ${role === 0 ? 'web' : `role${role}`}:\n    hosts:\n${hosts.map((host) => `      - ${host}`).join('\n')}\n    env:\n      clear:\n${env}`;
  });
  return `service: bench\nimage: bench/bench\nregistry: { username: bench, password: bench }\nbuilder: { arch: amd64 }\nservers:\n${roles.join('\n')}\n`;
}

function ms(time: number | undefined): string {
  return `${(time ?? 0).toFixed(1)} ms`;
}
