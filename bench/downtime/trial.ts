import { generationOf } from '../../lab/generation.ts';
import { startLoad } from '../../lab/load.ts';
import type { StreamSummary } from '../../lab/load-meter.ts';
import { serveTls } from '../../lab/tls.ts';
import { compete, writeProjectFor } from './contest.ts';
import type { Bench } from './contest.ts';
import { byKind, gapsByHost, kindOf, round, stepsByHost, sumOf } from './measured.ts';
import type { ClientKind, HostGap, Requests, Times } from './measured.ts';
import type { Contender, Row } from './rows.ts';
import { httpSite, httpsSite, loadFor } from './site.ts';

/** What one way to the other Kamal cost. Times in seconds where their names don't say otherwise. */
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
  byKind: Partial<Record<ClientKind, Requests>>;
  /** The worst of all web hosts. */
  gapMs: number;
  heldMs: number;
  gaps: Record<string, HostGap>;
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
  /** bactrian's steps on each host, from its own record. */
  steps: Record<string, Record<string, Times>>;
}

/** A load without an upgrade, right before a trial on the same hosts. */
export interface Control extends Requests {
  reasons: Record<string, number>;
  /** How many requests were due in that time; a machine that is too busy sends less. */
  due: number;
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
  await writeProjectFor(bench, row, site);
  await lab.forgetCommands();

  const plan = loadFor(site, row);
  const quiet = await startLoad(plan);
  await pause(controlSeconds * 1000);
  const before = sumOf(await quiet.stop());
  const due = Math.round(controlSeconds * plan.streams.reduce((sum, { perSecond }) => sum + perSecond, 0));

  const load = await startLoad(plan);
  const loadBegan = Date.now();
  await pause(pauseMs);
  const began = performance.now();
  const ended = await compete(bench, row, contender, site.options);
  const wall = (performance.now() - began) / 1000;
  await pause(pauseMs);
  const streams = await load.stop();

  const hosts = Object.fromEntries(await Promise.all(site.fleet.map(async (name) => [name, generationOf(await lab.inspect(name))] as const)));
  const commands = Object.fromEntries(await Promise.all(site.fleet.map(async (name) => [name, (await lab.commands(name)).length] as const)));
  const front = sumOf(streams.filter((stream) => kindOf(stream) !== 'accessory'));
  const accessory = sumOf(streams.filter((stream) => kindOf(stream) === 'accessory'));
  const nameOf = (address: string): string => lab.host(address).name;
  const gaps = gapsByHost(streams, ended.result, nameOf, loadBegan);
  const there = Object.values(hosts).every((state) => state === row.ends) && (ended.code === 0) === row.succeeds;
  return {
    control: { requests: before.requests, lost: before.lost, reasons: before.reasons, due },
    trial: {
      code: ended.code,
      wall: round(wall),
      hosts,
      // Nobody promised that Kamal puts a host back.
      asExpected: there || (contender === 'real Kamal' && !row.succeeds),
      requests: front.requests,
      lost: front.lost,
      byKind: byKind(streams),
      gapMs: Math.max(0, ...Object.values(gaps).map(({ gapMs }) => gapMs)),
      heldMs: Math.max(0, ...Object.values(gaps).map(({ heldMs }) => heldMs)),
      gaps,
      reasons: front.reasons,
      losses: Object.fromEntries(streams.filter(({ losses }) => losses.length > 0).map(({ name, losses }) => [name, losses])),
      closedIdle: front.closedIdle,
      accessoryRequests: accessory.requests,
      accessoryLost: accessory.lost,
      commands,
      steps: stepsByHost(ended.result, nameOf, loadBegan),
    },
  };
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
