import { generationOf } from '../../lab/generation.ts';
import { realKamal } from '../../lab/kamal.ts';
import type { Lab } from '../../lab/lab.ts';
import { startLoad } from '../../lab/load.ts';
import type { StreamSummary } from '../../lab/load-meter.ts';
import { writeProject } from '../../lab/project.ts';
import { run } from '../../lab/run.ts';
import { serveTls } from '../../lab/tls.ts';
import type { FleetResult } from '../../workflows/types.ts';
import type { Contender, Row } from './rows.ts';
import { httpSite, httpsSite, loadFor } from './site.ts';

/** Where a benchmark runs. */
export interface Bench {
  lab: Lab;
  /** The Kamal project's folder. */
  project: string;
  /** The program `bactrian`. */
  bactrian: string;
  env: NodeJS.ProcessEnv;
}

/** What one upgrade cost. Times in seconds but for `gapMs`. */
export interface Trial {
  code: number;
  wall: number;
  /** Where each host is afterwards. */
  hosts: Record<string, string>;
  /** Whether it came to the end that it had to come to. */
  asExpected: boolean;
  /** To the front page, of all web hosts. */
  requests: number;
  lost: number;
  /** The longest time without an answer on any web host, but for what follows. */
  gapMs: number;
  /** The longest time for which requests were held while the accessory rebooted; they are answered late. */
  heldMs: number;
  reasons: Record<string, number>;
  /** The first losses of each stream: when, how long after they were sent, and why. */
  losses: Record<string, StreamSummary['losses']>;
  /** Kept-alive connections that were closed while idle, just as they were used again; not lost. */
  closedIdle: number;
  /** To the page that needs the accessory, which is rebooted on the way. */
  accessoryRequests: number;
  accessoryLost: number;
  /** What was run over SSH, by host. */
  commands: Record<string, number>;
  /** bactrian's steps on each host, in seconds, from its own record. */
  steps: Record<string, Record<string, number>>;
  /** How long a host had no proxy, in milliseconds, as the script on the host measured it. */
  swapMs?: number;
}

/** A load without an upgrade, right before a trial on the same hosts. */
export interface Control {
  requests: number;
  lost: number;
}

const controlSeconds = 5;
const pauseMs = 2000;

/**
 * Gives the hosts the row's first state, sees that nothing is lost when nothing happens, and lets the contender at them.
 * @throws if the hosts can't be restored or the contender not be started; an upgrade that fails is a result
 */
export async function tryOnce(bench: Bench, row: Row, contender: Contender): Promise<{ control: Control; trial: Trial }> {
  const { lab } = bench;
  // HTTPS is made of that state, the first time.
  await lab.restore(row.from === 'tls' ? 'kamal1' : row.from);
  const site = row.from === 'tls' ? httpsSite(lab, await serveTls(lab)) : httpSite(lab);
  await writeProject(lab, bench.project, { changes: { ...site.changes, ...row.changes } });
  await lab.forgetCommands();

  const quiet = await startLoad(loadFor(site, row));
  await pause(controlSeconds * 1000);
  const before = sumOf(await quiet.stop());

  const load = await startLoad(loadFor(site, row));
  const loadBegan = Date.now();
  await pause(pauseMs);
  const began = performance.now();
  const ended = await compete(bench, row, contender, site.options);
  const wall = (performance.now() - began) / 1000;
  await pause(pauseMs);
  const streams = await load.stop();

  const hosts = Object.fromEntries(await Promise.all(site.fleet.map(async (name) => [name, generationOf(await lab.inspect(name))] as const)));
  const commands = Object.fromEntries(await Promise.all(site.fleet.map(async (name) => [name, (await lab.commands(name)).length] as const)));
  const front = sumOf(streams.filter(({ name }) => !name.endsWith('accessory')));
  const accessory = sumOf(streams.filter(({ name }) => name.endsWith('accessory')));
  const wanted = contender === 'real Kamal' && row.ends === 'kamal1' ? undefined : row.ends;
  return {
    control: { requests: before.sent, lost: before.lost },
    trial: {
      code: ended.code,
      wall: round(wall),
      hosts,
      asExpected: wanted === undefined || (Object.values(hosts).every((state) => state === wanted) && (ended.code === 0) === (wanted === 'kamal2')),
      requests: front.sent,
      lost: front.lost,
      ...gapsOf(streams, accessoryTimes(ended.result, loadBegan)),
      reasons: front.reasons,
      losses: Object.fromEntries(streams.filter(({ losses }) => losses.length > 0).map(({ name, losses }) => [name, losses])),
      closedIdle: front.closedIdle,
      accessoryRequests: accessory.sent,
      accessoryLost: accessory.lost,
      commands,
      ...fromRecord(lab, ended.result),
    },
  };
}

async function compete(bench: Bench, row: Row, contender: Contender, options: readonly string[]): Promise<{ code: number; result: FleetResult | null }> {
  const rolling = row.rolling ? ['--rolling'] : [];
  const here = { cwd: bench.project, env: bench.env, timeoutMs: 600_000 };
  if (contender === 'real Kamal') {
    // The version that runs, which Kamal would otherwise ask git for.
    const ended = await run(realKamal(), ['upgrade', '-y', ...rolling], { ...here, env: { ...bench.env, VERSION: 'v1' } });
    return { code: ended.code, result: null };
  }
  const ended = await run(bench.bactrian, ['upgrade', '-y', '--json', '--strategy', contender, ...options, ...rolling], here);
  // A command line that isn't understood, or a fleet that was refused, is no upgrade to measure.
  if (ended.stdout.trim() === '') throw new Error(`bactrian upgrade ended with ${ended.code} and no result:\n${ended.stderr.trim()}`);
  return { code: ended.code, result: JSON.parse(ended.stdout) as FleetResult };
}

function fromRecord(lab: Lab, result: FleetResult | null): Pick<Trial, 'steps' | 'swapMs'> {
  const records = [...(result?.hosts ?? []), ...(result?.accessories ?? [])];
  const steps: Trial['steps'] = {};
  for (const { host, steps: each } of records) {
    const name = lab.host(host).name;
    for (const { name: step, startedAt, endedAt } of each) {
      if (endedAt !== null) steps[name] = { ...steps[name], [step]: round((endedAt - startedAt) / 1000) };
    }
  }
  const swaps = records
    .flatMap((record) => record.steps.flatMap(({ notes }) => notes))
    .map((note) => /(\d+) ms between them/.exec(note)?.[1])
    .filter((ms) => ms !== undefined)
    .map(Number);
  return { steps, ...(swaps.length > 0 ? { swapMs: Math.max(...swaps) } : {}) };
}

/** When accessories were rebooted, in milliseconds since the load began. */
function accessoryTimes(result: FleetResult | null, loadBegan: number): { from: number; to: number }[] {
  const steps = (result?.accessories ?? []).flatMap((record) => record.steps);
  return steps.map(({ startedAt, endedAt }) => ({ from: startedAt - loadBegan, to: (endedAt ?? startedAt) - loadBegan }));
}

/** Of the streams over new connections: one of few requests has gaps of its own. */
function gapsOf(streams: readonly StreamSummary[], accessories: readonly { from: number; to: number }[]): Pick<Trial, 'gapMs' | 'heldMs'> {
  let [gapMs, heldMs] = [0, 0];
  for (const { gaps } of streams.filter(({ name }) => name.endsWith(' new'))) {
    for (const { atMs, ms } of gaps) {
      if (accessories.some(({ from, to }) => atMs < to && atMs + ms > from)) heldMs = Math.max(heldMs, ms);
      else gapMs = Math.max(gapMs, ms);
    }
  }
  return { gapMs, heldMs };
}

interface Sum {
  sent: number;
  lost: number;
  closedIdle: number;
  reasons: Record<string, number>;
}

function sumOf(streams: readonly StreamSummary[]): Sum {
  const sum: Sum = { sent: 0, lost: 0, closedIdle: 0, reasons: {} };
  for (const stream of streams) {
    sum.sent += stream.sent;
    sum.lost += stream.lost;
    sum.closedIdle += stream.closedIdle;
    for (const [reason, count] of Object.entries(stream.reasons)) sum.reasons[reason] = (sum.reasons[reason] ?? 0) + count;
  }
  return sum;
}

function round(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
