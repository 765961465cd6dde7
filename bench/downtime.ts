/** What an upgrade costs, bactrian's strategies against real Kamal: `bin/bench downtime --help`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Command, InvalidArgumentError } from 'commander';

import { Lab } from '../lab/lab.ts';
import { cacheFolder } from '../lab/paths.ts';
import { writeProject } from '../lab/project.ts';
import { must, run } from '../lab/run.ts';
import { chartOf } from './downtime/chart.ts';
import { counts, figuresOf, ratio } from './downtime/figures.ts';
import type { Entry, RowResult } from './downtime/figures.ts';
import { describeMachine } from './downtime/machine.ts';
import { findingsOf } from './downtime/promises.ts';
import { contenders, rows } from './downtime/rows.ts';
import type { Contender, Row } from './downtime/rows.ts';
import { renderResults } from './downtime/table.ts';
import { tryOnce } from './downtime/trial.ts';
import type { Bench } from './downtime/trial.ts';

interface Options {
  quick: boolean;
  row: string[];
  by: string[];
  repetitions: number;
  results: string;
  keep: boolean;
}

const startedAt = Date.now();
/** Of the last minute before anything was begun here. */
const loadBefore = loadavg()[0] ?? 0;
const busy = loadBefore > availableParallelism();
const results: RowResult[] = [];
let interrupted = false;

const program = new Command('downtime')
  .description('Upgrades a fleet of real Docker hosts under load, again and again: bactrian by each strategy, and real Kamal.')
  .option('--quick', 'the main row once: under ten minutes', false)
  .option('--row <name>', `only this row (again for more): ${rows.map(({ name }) => name).join(', ')}`, collect, [])
  .option('--by <name>', `only this contender (again for more): ${contenders.join(', ')}`, collect, [])
  .option('--repetitions <n>', 'how often each is tried', wholeNumber, 3)
  .option('--results <folder>', 'where downtime.json and downtime.svg go', fileURLToPath(new URL('results', import.meta.url)))
  .option('--keep', 'leave the hosts up', false)
  .action(benchmark);

try {
  await program.parseAsync();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function benchmark(options: Options): Promise<void> {
  const chosen = choose(options);
  const [name = '', subnet = ''] = (process.env.BACTRIAN_BENCH_LAB ?? 'bench/10.86.0').split('/');
  const lab = new Lab({ name, subnet }, say);
  const bench: Bench = { lab, project: join(lab.folder, 'project'), bactrian: fileURLToPath(new URL('../bin/bactrian', import.meta.url)), env: environmentFor(lab) };
  // What has been measured is written whatever comes in between.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted = true;
      say('interrupted: finishing this upgrade, then writing what there is');
    });
  }
  if (busy) say(`this machine has other work to do (load ${loadBefore.toFixed(1)}): times will be long, and say little`);
  try {
    await lab.up();
    const coldSeconds = await warmUp(bench);
    try {
      for (const row of chosen) await measureOrSay(bench, row, options);
    } finally {
      await report(bench, coldSeconds, options);
    }
  } finally {
    await run(bench.bactrian, ['down', '--force'], { cwd: bench.project, env: bench.env });
    if (!options.keep) await lab.down();
  }
}

/**
 * One upgrade that isn't counted: it compiles bactrian, starts its Temporal server and its worker, as a first run ever does,
 * and leaves the fleet from which the rows begin that start upgraded.
 * @returns how long it took from the command to its end, in seconds
 */
async function warmUp(bench: Bench): Promise<number> {
  say('one upgrade that is not counted, which starts the Temporal server and the worker');
  await bench.lab.restore();
  await writeProject(bench.lab, bench.project);
  await must(bench.bactrian, ['--version'], { env: bench.env });
  const began = Date.now();
  await must(bench.bactrian, ['upgrade', '-y', '--json'], { cwd: bench.project, env: bench.env, timeoutMs: 600_000 });
  const seconds = (Date.now() - began) / 1000;
  await bench.lab.snapshot('upgraded');
  return seconds;
}

/** A row that can't be measured is said to be so, and fails the command; the others are measured all the same. */
async function measureOrSay(bench: Bench, row: Row, options: Options): Promise<void> {
  try {
    await measure(bench, row, options);
  } catch (error) {
    // What was being measured is ended by Ctrl-C too.
    if (!interrupted) say(`${row.name}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}

/** Repetitions go round the contenders, so that a machine that becomes busy is so for all. */
async function measure(bench: Bench, row: Row, options: Options): Promise<void> {
  const by = row.by.filter((contender) => options.by.length === 0 || options.by.includes(contender));
  const entries: Entry[] = by.map((contender) => ({ contender, trials: [], controls: [] }));
  const result = { row, entries: [] as Entry[] };
  results.push(result);
  for (let repetition = 1; repetition <= (options.quick ? 1 : options.repetitions); repetition++) {
    for (const entry of entries) {
      if (interrupted) return;
      const { control, trial } = await tryOnce(bench, row, entry.contender);
      entry.controls.push(control);
      entry.trials.push(trial);
      if (repetition === 1) result.entries.push(entry);
      const shortly = `lost ${trial.lost} of ${trial.requests}, longest gap ${trial.gapMs} ms, ${trial.wall.toFixed(1)} s, exit code ${trial.code}`;
      say(`${row.name} · ${entry.contender} · ${repetition}: ${shortly}${control.lost > 0 ? `; THE CONTROL LOST ${control.lost}` : ''}`);
    }
  }
}

async function report(bench: Bench, coldSeconds: number, options: Options): Promise<void> {
  const measured = results.filter(({ entries }) => entries.length > 0);
  const first = measured[0];
  if (first === undefined) return;
  const findings = findingsOf(measured);
  console.log(renderResults(measured, findings));
  const machine = await describeMachine(bench);
  const json = {
    takenAt: new Date(startedAt).toISOString(),
    minutes: Math.round((Date.now() - startedAt) / 60_000),
    machine: { ...machine, loadBefore: Math.round(loadBefore * 10) / 10, busy },
    firstRunEverSeconds: Math.round(coldSeconds * 10) / 10,
    rows: measured.map((result) => ({
      ...result.row,
      ofRealKamal: Object.fromEntries(result.entries.filter(({ contender }) => contender !== 'real Kamal').map(({ contender }) => [contender, ratio(result, contender)])),
      by: result.entries.map((entry) => ({ contender: entry.contender, counts: counts(entry), ...figuresOf(entry.trials), controls: entry.controls, trials: entry.trials })),
    })),
    findings,
  };
  await mkdir(options.results, { recursive: true });
  await writeFile(join(options.results, 'downtime.json'), `${JSON.stringify(json, null, 2)}\n`);
  const times = first.entries[0]?.trials.length ?? 0;
  const caption = `${first.row.title}; two web hosts, ${times === 1 ? 'once each' : `${times} times each: median (least–most)`}, on ${machine.cores}${busy ? ' busy' : ''} cores`;
  await writeFile(join(options.results, 'downtime.svg'), chartOf(first, caption));
  say(`written: ${join(options.results, 'downtime.json')}, downtime.svg`);
}

function choose({ quick, row, by }: Options): Row[] {
  const unknown = [...row.filter((name) => !rows.some((each) => each.name === name)), ...by.filter((name) => !contenders.includes(name as Contender))];
  if (unknown.length > 0) throw new Error(`no row or contender '${unknown.join("', '")}'; see --help`);
  const wanted = row.length > 0 ? row : quick ? ['main'] : rows.map(({ name }) => name);
  return rows.filter(({ name, by: its }) => wanted.includes(name) && (by.length === 0 || its.some((contender) => by.includes(contender))));
}

/** Nothing of the caller's Temporal, Kamal or SSH settings; a server and a state of its own. */
function environmentFor(lab: Lab): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(TEMPORAL_|BACTRIAN_STATE|KAMAL_|SSH_|NODE_OPTIONS|FORCE_COLOR|VERSION$)/.test(name));
  const path = [process.env.PATH, join(cacheFolder, 'bin'), dirname(process.execPath)].join(':');
  return { ...Object.fromEntries(kept), PATH: path, NO_COLOR: '1', BACTRIAN_STATE_DIR: join(lab.folder, 'bactrian') };
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('expected a whole number from 1 up');
  return Number(text);
}

function say(message: string): void {
  console.error(`${String(Math.round((Date.now() - startedAt) / 1000)).padStart(5)}s  ${message}`);
}
