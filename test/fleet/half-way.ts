import { spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';

import { generationOf } from '../../lab/generation.ts';
import { realKamal } from '../../lab/kamal.ts';
import type { ProjectOptions } from '../../lab/project.ts';
import { writeProject } from '../../lab/project.ts';
import { eventually, run } from '../../lab/run.ts';
import type { Ended } from '../../lab/run.ts';
import type { FleetStanding } from '../../src/cli/look-at-hosts.ts';
import { Shop, testFolder } from './shop.ts';
import { lab, locks } from './the-lab.ts';

/** The configuration as it was before the upgrade. */
const KAMAL1 = 'config/deploy.kamal1.yml';

export const directions = ['upgrade', 'downgrade'] as const;
export type Direction = (typeof directions)[number];

/** A shop that can go either way, with real Kamal 2 beside it. */
export async function openHalfWay(name: string, options: ProjectOptions = {}): Promise<Shop> {
  const home = join(testFolder, `${name}-home`);
  const shop = await Shop.open(name, options, { HOME: home });
  const old = `${shop.dir}-kamal1`;
  await writeProject(lab, old, { kamal: 1, changes: { readiness_delay: 2 } });
  await writeFile(join(shop.dir, KAMAL1), await readFile(join(old, 'config/deploy.yml'), 'utf8'));
  // Kamal 1 looks for host keys in ~/.ssh only.
  await mkdir(join(home, '.ssh'), { recursive: true });
  await writeFile(join(home, '.ssh/config'), await readFile(join(old, 'config/ssh/config'), 'utf8'));
  return shop;
}

/** Takes the fleet one way with bactrian, to the end. */
export async function go(shop: Shop, direction: Direction, ...more: string[]): Promise<Ended> {
  return await shop.bactrian(direction, '-y', ...(direction === 'downgrade' ? ['-c', KAMAL1] : []), ...more);
}

/** What real Kamal 2 finds in the shop's shell: a version without git, and who it is that deploys. */
function kamalsEnv(shop: Shop): NodeJS.ProcessEnv {
  return { ...shop.env, VERSION: 'v1', GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'user.name', GIT_CONFIG_VALUE_0: 'Olga Owner' };
}

/** Runs a command of real Kamal 2 in the shop. */
export async function kamal(shop: Shop, ...args: string[]): Promise<Ended> {
  return await run(realKamal(), args, { cwd: shop.dir, env: kamalsEnv(shop), timeoutMs: 180_000 });
}

/**
 * Runs real Kamal's upgrade until it gives a host a certain command, and kills it then. What runs on the hosts by then comes to its end.
 * @param words of that command
 */
export async function kamalKilledAt(shop: Shop, host: string, words: string): Promise<void> {
  const child = spawn(realKamal(), ['upgrade', '-y', '--version', 'v1'], { cwd: shop.dir, env: kamalsEnv(shop), stdio: 'ignore', detached: true });
  const ended = new Promise((resolve) => child.on('close', resolve));
  await eventually(`real Kamal gives ${host} the command '${words}'`, 60_000, async () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode} before`);
    return (await lab.commands(host)).some(({ command }) => command.includes(words));
  });
  process.kill(-(child.pid ?? 0), 'SIGKILL');
  await ended;
  await eventually('what Kamal had begun on the hosts comes to its end', 60_000, async () => {
    const commands = (await Promise.all(lab.hosts.map(({ name }) => lab.commands(name)))).flat();
    return commands.every(({ endedAt }) => endedAt !== undefined);
  });
}

/** What `status --hosts` says of the fleet. */
export async function stand(shop: Shop, ...args: string[]): Promise<FleetStanding & { code: number }> {
  const ended = await shop.bactrian('status', '--hosts', '--json', ...args);
  return { ...(JSON.parse(ended.stdout) as FleetStanding), code: ended.code };
}

/** Everything that is odd and more than a note: `h1 fail traefik`. */
export function oddIn({ hosts }: FleetStanding): string[] {
  return hosts.flatMap(({ host, oddities }) => oddities.filter(({ weight }) => weight !== 'note').map(({ id, weight }) => `${lab.host(host).name} ${weight} ${id}`));
}

/** The fleet is on one side, whole: by the containers, by what clients get, by what bactrian says, and by real Kamal. */
export async function expectHome(shop: Shop, direction: Direction): Promise<void> {
  const generation = direction === 'upgrade' ? 'kamal2' : 'kamal1';
  for (const { name } of lab.hosts) expect(generationOf(await lab.inspect(name)), name).toBe(generation);
  for (const name of ['h1', 'h2']) expect(await (await fetch(`http://${lab.host(name).address}/`)).text(), name).toContain('labapp v1');
  const standing = await stand(shop, ...(direction === 'downgrade' ? ['-c', KAMAL1] : []));
  expect(standing.hosts.map((host) => host.generation)).toEqual([generation, generation, generation]);
  expect(oddIn(standing)).toEqual([]);
  expect(standing.code).toBe(0);
  expect(await locks()).toEqual([]);
  if (direction === 'upgrade') {
    const details = await kamal(shop, 'app', 'details');
    expect(details.code, details.stdout + details.stderr).toBe(0);
  }
}

/** Waits until the run that is open has come to a certain act on h1; journals of those before it stay there, and don't count. */
export async function untilOpenRun(line: string): Promise<void> {
  const there = `for j in .kamal/bactrian/*/app.journal; do grep -qx committed "$j" || ! grep -Eqs '${line}' "$j" || exit 0; done`;
  const ended = await lab.exec('h1', `n=0; while [ $n -lt 4000 ]; do ${there}; n=$((n + 1)); sleep 0.025; done; exit 1`, { timeoutMs: 200_000 });
  if (ended.code !== 0) throw new Error(`h1's open journal got no line '${line}'`);
}

/** A run of ours is given up in the middle, with its worker, its server and all of their memory, and a week goes by. */
export async function abandon(shop: Shop, direction: Direction, at: () => Promise<void>): Promise<void> {
  const started = shop.start(direction, '-y', ...(direction === 'downgrade' ? ['-c', KAMAL1] : []));
  await at();
  started.child.kill('SIGKILL');
  process.kill(await shop.workerPid(), 'SIGKILL');
  process.kill(await shop.serverPid(), 'SIGKILL');
  await started.ended;
  await rm(shop.stateDir, { recursive: true });
  for (const { name } of lab.hosts) {
    // A step that is at work comes to its end; then a week goes by.
    await lab.exec(name, "[ ! -f .kamal/bactrian/lock ] || flock -w 60 .kamal/bactrian/lock true; touch -d '7 days ago' .kamal/bactrian/*/*.journal 2> /dev/null; :", { timeoutMs: 70_000 });
  }
}

