/** What an upgrade costs, bactrian's strategies against real Kamal: `bin/bench downtime --help`. */
import { availableParallelism, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Command, InvalidArgumentError } from 'commander';

import { Lab } from '../lab/lab.ts';
import { cacheFolder } from '../lab/paths.ts';
import { writeProject } from '../lab/project.ts';
import { must, run } from '../lab/run.ts';
import type { Bench } from './downtime/contest.ts';
import { minutesFor, setUpSeconds } from './downtime/estimate.ts';
import { counts } from './downtime/figures.ts';
import { Ledger, presentCircumstances } from './downtime/ledger.ts';
import { describeMachine } from './downtime/machine.ts';
import { failing, findingsOf } from './downtime/promises.ts';
import { writeReport } from './downtime/report.ts';
import { contenders, mainRows, rows } from './downtime/rows.ts';
import type { Contender, Row } from './downtime/rows.ts';
import { renderPromises, renderResults } from './downtime/table.ts';
import { tryOnce } from './downtime/trial.ts';

interface Options {
  quick: boolean;
  row: string[];
  by: string[];
  repetitions: number;
  results: string;
  resume: boolean;
  estimate: boolean;
  keep: boolean;
}

/** One trial that is to be made. */
interface Wanted {
  row: Row;
  contender: Contender;
  repetition: number;
}

const startedAt = Date.now();
/** Of the last minute before anything was begun here. */
const loadBefore = loadavg()[0] ?? 0;
const busy = loadBefore > availableParallelism();
let interrupted = false;

const program = new Command('downtime')
  .description('Takes a fleet of real Docker hosts to Kamal 2, and back, under load, again and again: bactrian by each strategy, and real Kamal.')
  .option('--quick', `${mainRows.join(' and ')} once: under ten minutes`, false)
  .option('--row <name>', `only this row (again for more, in that order): ${rows.map(({ name }) => name).join(', ')}`, collect, [])
  .option('--by <name>', `only this contender (again for more): ${contenders.join(', ')}`, collect, [])
  .option('--repetitions <n>', 'how often each is tried', wholeNumber, 3)
  .option('--results <folder>', 'where downtime.json and downtime.svg go', fileURLToPath(new URL('results', import.meta.url)))
  .option('--resume', 'take up what was cut off: what has been tried is not tried again', false)
  .option('--estimate', 'say how long it will take, and end', false)
  .option('--keep', 'leave the hosts up', false)
  .addHelpText('after', '\nExit codes: 0 all that was to be measured was, and each promise was held; 1 not so: the end of the output names which.\nBACTRIAN_BENCH_LAB=NAME/SUBNET has hosts of another name than bench/10.86.0, for two at once.')
  .action(benchmark);

try {
  await program.parseAsync();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function benchmark(options: Options): Promise<void> {
  const wanted = choose(options);
  const file = join(options.results, 'downtime.trials.jsonl');
  const here = presentCircumstances();
  const ledger = options.resume ? await Ledger.resume(file, here) : options.estimate ? undefined : await Ledger.begin(file, here);
  const left = wanted.filter(({ row, contender, repetition }) => ledger?.has(row.name, contender, repetition) !== true);
  const minutes = Math.ceil(minutesFor(left.map(({ row, contender }): [Row, Contender] => [row, contender])) + setUpSeconds / 60);
  say(`${left.length} trials${left.length < wanted.length ? ` of ${wanted.length} are left` : ''}: about ${minutes} minutes on two idle cores`);
  if (options.estimate || ledger === undefined) return;
  if (busy) say(`this machine has other work to do (load ${loadBefore.toFixed(1)}): it will take longer, and times will say little`);

  const [name = '', subnet = ''] = (process.env.BACTRIAN_BENCH_LAB ?? 'bench/10.86.0').split('/');
  const lab = new Lab({ name, subnet }, say);
  const bench: Bench = { lab, project: join(lab.folder, 'project'), bactrian: fileURLToPath(new URL('../bin/bactrian', import.meta.url)), env: environmentFor(lab) };
  // What has been measured is written whatever comes in between.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted = true;
      say('interrupted: finishing this trial, then writing what there is');
    });
  }
  try {
    await lab.up();
    const coldSeconds = await warmUp(bench);
    const failures = await measure(bench, left, ledger);
    await report(bench, wanted, ledger, failures, coldSeconds, options);
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

type Failure = Omit<Wanted, 'row' | 'repetition'> & { row: string; message: string };

/**
 * Makes the trials that are left. One that can't be made is said to be so, and not tried once more; the others are made.
 * @returns what could not be measured, and why
 */
async function measure(bench: Bench, left: readonly Wanted[], ledger: Ledger): Promise<Failure[]> {
  const failures: Failure[] = [];
  const made: { row: Row; contender: Contender; seconds: number }[] = [];
  for (const [index, { row, contender, repetition }] of left.entries()) {
    if (interrupted) break;
    if (failures.some((failure) => failure.row === row.name && failure.contender === contender)) continue;
    const began = Date.now();
    try {
      const { control, trial } = await tryOnce(bench, row, contender);
      const seconds = Math.round((Date.now() - began) / 1000);
      made.push({ row, contender, seconds });
      await ledger.add({ row: row.name, contender, repetition, takenAt: new Date(began).toISOString(), seconds, control, trial });
      const shortly = `lost ${trial.lost} of ${trial.requests}, longest gap ${trial.gapMs} ms, ${trial.wall.toFixed(1)} s, exit code ${trial.code}`;
      const rest = left.slice(index + 1).map((each): [Row, Contender] => [each.row, each.contender]);
      say(`${row.name} · ${contender} · ${repetition}: ${shortly}${counts({ contender, trials: [trial], controls: [control] }) ? '' : `; DOES NOT COUNT: the control sent ${control.requests} of ${control.due} and lost ${control.lost}`}${rest.length > 0 ? `; about ${minutesFor(rest, made)} minutes left` : ''}`);
    } catch (error) {
      // What was being measured is ended by Ctrl-C too.
      if (interrupted) break;
      const message = error instanceof Error ? error.message : String(error);
      failures.push({ row: row.name, contender, message });
      say(`${row.name} · ${contender} · ${repetition}: ${message}`);
    }
  }
  return failures;
}

async function report(bench: Bench, wanted: readonly Wanted[], ledger: Ledger, failures: readonly Failure[], firstRunEverSeconds: number, options: Options): Promise<void> {
  const results = ledger.results();
  const promises = findingsOf(results, rows, (row, contender) => wanted.some((each) => each.row === row && each.contender === contender), failures);
  if (results.length > 0) {
    console.log(renderResults(results));
    const machine = await describeMachine(bench);
    const times = Math.max(...results.flatMap(({ entries }) => entries.map(({ trials }) => trials.length)));
    const caption = `two web hosts, ${times === 1 ? 'once each' : `up to ${times} times each: median (least–most)`}, on ${machine.cores}${busy ? ' busy' : ''} cores`;
    const load = { loadBefore: Math.round(loadBefore * 10) / 10, busy };
    const files = await writeReport(options.results, { startedAt, machine: { ...machine, ...load }, firstRunEverSeconds, results, promises }, caption);
    say(`written: ${files.join(', ')}`);
  }
  console.log(`\n${renderPromises(promises)}`);
  if (failing(promises).length > 0) process.exitCode = 1;
  const undone = wanted.filter(({ row, contender, repetition }) => !ledger.has(row.name, contender, repetition)).length;
  if (undone === 0) return await ledger.close();
  process.exitCode = 1;
  say(`${undone} of ${wanted.length} trials were not made; the same command with --resume makes them (the others are kept in ${ledger.file})`);
}

/** Repetitions go round the contenders, so that a machine that becomes busy is so for all. */
function choose({ quick, row, by, repetitions }: Options): Wanted[] {
  const unknown = [...row.filter((name) => !rows.some((each) => each.name === name)), ...by.filter((name) => !contenders.includes(name as Contender))];
  if (unknown.length > 0) throw new Error(`no row or contender '${unknown.join("', '")}'; see --help`);
  const names = row.length > 0 ? row : quick ? mainRows : rows.map(({ name }) => name);
  const times = Array.from({ length: quick ? 1 : repetitions }, (_, index) => index + 1);
  const wanted = [...new Set(names)]
    .flatMap((name) => rows.filter((each) => each.name === name))
    .flatMap((each) => times.flatMap((repetition) => each.by.filter((contender) => by.length === 0 || by.includes(contender)).map((contender) => ({ row: each, contender, repetition }))));
  if (wanted.length === 0) throw new Error(`${by.join(', ')} takes no part in ${names.join(', ')}; see --help`);
  return wanted;
}

/** Nothing of the caller's Temporal, Kamal or SSH settings; a home, a server and a state of its own. */
function environmentFor(lab: Lab): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(TEMPORAL_|BACTRIAN_STATE|KAMAL_|SSH_|NODE_OPTIONS|FORCE_COLOR|VERSION$)/.test(name));
  const path = [process.env.PATH, join(cacheFolder, 'bin'), dirname(process.execPath)].join(':');
  return { ...Object.fromEntries(kept), PATH: path, NO_COLOR: '1', HOME: join(lab.folder, 'home'), BACTRIAN_LAB_CACHE: cacheFolder, BACTRIAN_STATE_DIR: join(lab.folder, 'bactrian') };
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
