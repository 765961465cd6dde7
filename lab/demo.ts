import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import Table from 'cli-table3';
import { Command } from 'commander';

import { generationOf } from './generation.ts';
import { Lab } from './lab.ts';
import { loadOn, startLoad } from './load.ts';
import type { StreamSummary } from './load-meter.ts';
import { writeProject } from './project.ts';
import { must, run } from './run.ts';

const bactrian = fileURLToPath(new URL('../bin/bactrian', import.meta.url));
const startedAt = Date.now();
const lab = new Lab({ name: 'demo', subnet: '10.77.0' }, say);
const project = join(lab.folder, 'project');
/** A state directory of its own: the demo's server is not the one that the user's own projects share. */
const environment = { BACTRIAN_STATE_DIR: join(lab.folder, 'bactrian') };
const here = { cwd: project, env: { ...process.env, ...environment } };

const program = new Command('demo')
  .description('Three real Docker hosts, as Kamal 1 left them, are taken to Kamal 2 under load.')
  .option('--rolling', 'host by host instead of all at once')
  .option('--keep', 'leave everything up to play with')
  .action(async ({ rolling = false, keep = false }: { rolling?: boolean; keep?: boolean }) => {
    // Ctrl-C reaches bactrian too, which ends by itself then; what was brought up here is taken down all the same.
    process.on('SIGINT', () => say('interrupted: finishing what has to be finished'));
    try {
      process.exitCode = await demonstrate(rolling, keep);
    } finally {
      if (!keep) await takeDown();
    }
  });
program
  .command('down')
  .description('take everything down that --keep left up')
  .action(takeDown);

try {
  await program.parseAsync();
} catch (error) {
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

/** @returns the exit code: 0 only if bactrian says so and every host is on Kamal 2 */
async function demonstrate(rolling: boolean, keep: boolean): Promise<number> {
  say('three Docker hosts: web on h1 and h2 behind Traefik, workers and Redis on h3');
  await stopBactrian();
  await bringUp();
  const exported = { ...environment, PATH: `${dirname(bactrian)}:$PATH` };
  await writeProject(lab, project, {
    files: { env: Object.entries(exported).map(([name, value]) => `export ${name}="${value}"\n`).join('') },
  });
  const before = await generations();

  // It compiles itself on first use, which would be counted as the upgrade's time.
  await must(bactrian, ['--version']);
  say(`on each web host 20 requests a second to / and 2 to /redis; here is bactrian in ${project}:`);
  const load = await startLoad(loadOn(lab, 20, { maxSeconds: 1800 }));
  const upgrade = ['upgrade', '-y', ...(rolling ? ['--rolling'] : [])];
  console.log(`\n$ bactrian ${upgrade.join(' ')}`);
  const code = await runHere(upgrade);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const streams = await load.stop();
  const after = await generations();

  console.log(`\n${tableOf(before, after, streams)}\n`);
  console.log('/redis needs the accessory, which is rebooted on the way: requests wait meanwhile. h3 serves none.');
  for (const [reason, count] of lostReasons(streams)) console.log(`lost: ${count} × ${reason}`);
  await whatNext(keep);
  const arrived = lab.hosts.every((host) => after.get(host.name) === 'kamal2');
  if (code === 0 && !arrived) console.error('demo: bactrian reports success, but not every host is on Kamal 2');
  return code !== 0 ? code : arrived ? 0 : 1;
}

/** In the state of Kamal 1, also when an earlier demo was kept. */
async function bringUp(): Promise<void> {
  const { state } = await lab.status();
  await lab.up();
  if (state === 'kamal1') await lab.restore();
}

async function takeDown(): Promise<void> {
  say('taking everything down');
  await stopBactrian();
  await lab.down();
  say('nothing is left of it');
}

/** The server and the worker that bactrian started for the project. */
async function stopBactrian(): Promise<void> {
  if (!existsSync(project)) return;
  const ended = await run(bactrian, ['down', '--force'], here);
  if (ended.code !== 0) console.error(`demo: bactrian down: ${ended.stderr.trim()}`);
}

async function generations(): Promise<Map<string, string>> {
  return new Map(await Promise.all(lab.hosts.map(async (host) => [host.name, generationOf(await lab.inspect(host.name))] as const)));
}

async function runHere(args: string[]): Promise<number> {
  return await new Promise((resolve, reject) => {
    const child = spawn(bactrian, args, { ...here, stdio: 'inherit' });
    child.on('error', (error) => reject(new Error(`can't run ${bactrian}: ${error.message}`)));
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

function tableOf(before: Map<string, string>, after: Map<string, string>, streams: StreamSummary[]): string {
  const table = new Table({
    head: ['host', 'before', 'after', 'requests to /', 'lost', 'longest gap', 'to /redis', 'lost', 'longest gap'],
    style: { head: [], border: [] },
  });
  for (const host of lab.hosts) {
    const columns = ['/', '/redis'].flatMap((route) => {
      const stream = streams.find(({ name }) => name === `${host.name} ${route}`);
      return stream === undefined ? ['–', '–', '–'] : [stream.sent, stream.lost, `${(stream.outage / 1000).toFixed(2)} s`];
    });
    table.push([`${host.name} ${host.address}`, before.get(host.name) ?? '', after.get(host.name) ?? '', ...columns]);
  }
  return table.toString();
}

function lostReasons(streams: StreamSummary[]): [string, number][] {
  const reasons = new Map<string, number>();
  for (const stream of streams) {
    for (const [reason, count] of Object.entries(stream.reasons)) {
      const key = `${stream.name.replace(/^h\d+ /, '')} ${reason}`;
      reasons.set(key, (reasons.get(key) ?? 0) + count);
    }
  }
  return [...reasons];
}

async function whatNext(keep: boolean): Promise<void> {
  if (!keep) {
    console.log('`bin/demo --keep` leaves all of this up to play with; `bin/demo --rolling` goes host by host.');
    return;
  }
  const status = await run(bactrian, ['status', '--json'], here);
  const url = /"(https?:\/\/[^"]+\/workflows\/[^"]+)"/.exec(status.stdout)?.[1];
  if (url !== undefined) console.log(`The run in the UI:     ${url}`);
  const [web] = lab.hosts;
  console.log(
    [
      `The project:           cd ${project} && . ./env`,
      'There:                 bactrian upgrade        (again: it changes nothing)',
      '                       bactrian status',
      `The app:               curl http://${web?.address}/`,
      `A host:                ssh -F ${join(project, 'config/ssh/config')} ${web?.address} docker ps`,
      'All of it away:        bin/demo down',
    ].join('\n'),
  );
}

function say(message: string): void {
  console.error(`${String(Math.round((Date.now() - startedAt) / 1000)).padStart(4)}s  ${message}`);
}
