import { setTimeout as sleep } from 'node:timers/promises';
import { activityInfo, cancellationDetails, cancellationSignal, heartbeat } from '@temporalio/activity';
import { SshError } from '../src/ssh/error.ts';
import type { SshConnection } from '../src/ssh/types.ts';
import type { MeterReading } from '../workflows/types.ts';
import type { MeterArgs } from './api.ts';
import { askAsClient, urlOf, type ClientRequest } from './ask-as-client.ts';
import { Tally, type Fate } from './tally.ts';

/** Five requests a second. */
const EVERY_MS = 200;
/** What a client of the site waits for an answer. */
const PATIENCE_MS = 10_000;
/** Requests that wait for their answer: over SSH fewer, since each takes a channel of the connection that steps use, too. */
const MOST_UNDER_WAY = { worker: 60, host: 30 };
/** A tick that comes this much late: the machine slept, or had no time for us. */
const ABSENT_MS = 1000;
const HEARTBEAT_MS = 1000;

/** A question, and from where it can be asked. */
interface Way {
  from: 'worker' | 'host';
  request: ClientRequest;
}

/** What a heartbeat carries, so that the next attempt goes on counting. */
interface Beat extends MeterReading {
  startedAt: number;
  at: number;
}

/**
 * One attempt of a meter: finds a way on which the site answers, then asks until it is told to end, or its time is over.
 * What it has counted goes into its heartbeats, so that the next attempt goes on from there.
 */
export class Metering {
  readonly #requests: ClientRequest[];
  readonly #args: Pick<MeterArgs, 'host' | 'from' | 'seconds'>;
  readonly #connect: (signal: AbortSignal) => Promise<SshConnection>;
  readonly #signal = cancellationSignal();
  readonly #startedAt: number;
  readonly #tally: Tally;
  #way: Way | null = null;
  #why: string | null = null;

  constructor(requests: ClientRequest[], args: Pick<MeterArgs, 'host' | 'from' | 'seconds'>, connect: (signal: AbortSignal) => Promise<SshConnection>) {
    this.#requests = requests;
    this.#args = args;
    this.#connect = connect;
    const before = activityInfo().heartbeatDetails as Beat | undefined;
    this.#startedAt = before?.startedAt ?? Date.now();
    this.#tally = new Tally(before && { sent: before.sent, lost: before.lost, longestGapMs: before.longestGapMs, unwatchedMs: before.unwatchedMs });
    if (before) this.#tally.unwatched(Date.now() - before.at);
  }

  async run(): Promise<MeterReading> {
    const beating = setInterval(() => heartbeat(this.#beat()), HEARTBEAT_MS);
    heartbeat(this.#beat());
    try {
      if (this.#requests.length === 0) return { ...this.#reading(), why: 'the proxy publishes no port here' };
      while (!this.#isOver() && !(this.#way = await this.#findWay())) await this.#pause(1000);
      if (this.#way) await this.#measure(this.#way);
      // An end that nobody asked for: the worker goes, and the next one goes on.
      if (this.#signal.aborted && cancellationDetails()?.workerShutdown) throw new Error('the worker ends; another one goes on');
      return this.#reading();
    } finally {
      clearInterval(beating);
    }
  }

  #isOver(): boolean {
    const { seconds } = this.#args;
    return this.#signal.aborted || (seconds !== null && Date.now() - this.#startedAt >= seconds * 1000);
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#signal }).catch(() => undefined);
  }

  /** The first way on which the app answers; it is asked from the worker's side first, as its clients are elsewhere, too. */
  async #findWay(): Promise<Way | null> {
    const sides = this.#args.from === 'host' ? (['host'] as const) : (['worker', 'host'] as const);
    for (const from of sides) {
      for (const each of this.#requests) {
        if (from === 'worker' && isLoopback(each.address)) continue;
        const request = from === 'host' && each.address === this.#args.host ? { ...each, address: '127.0.0.1' } : each;
        const answer = await this.#ask({ from, request }, 3000).catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
        if (typeof answer === 'number' && serves(answer)) {
          this.#why = null;
          return { from, request };
        }
        this.#why = `${urlOf(request)} ${typeof answer === 'number' ? `answers ${answer}` : `gives no answer: ${answer}`}`;
      }
    }
    return null;
  }

  async #measure(way: Way): Promise<void> {
    const most = MOST_UNDER_WAY[way.from];
    for (let last = Date.now(), due = last; !this.#isOver(); due += EVERY_MS) {
      const now = Date.now();
      if (now - last > ABSENT_MS + EVERY_MS) {
        this.#tally.unwatched(now - last);
        due = now;
      }
      last = now;
      if (this.#tally.underWay < most) void this.#probe(way, now);
      else this.#tally.unwatched(EVERY_MS);
      await this.#pause(Math.max(0, due + EVERY_MS - Date.now()));
    }
    // Those on their way get a moment to arrive; what is not known then is not counted.
    for (let waited = 0; waited < 2000 && this.#tally.underWay > 0; waited += 50) await sleep(50);
  }

  async #probe(way: Way, at: number): Promise<void> {
    const ended = this.#tally.send(at);
    const fate = await this.#ask(way, PATIENCE_MS).then((status): Fate => (serves(status) ? 'answered' : 'lost'), fateOf);
    if (fate === 'unknown') this.#tally.unwatched(EVERY_MS);
    ended(fate);
  }

  async #ask({ from, request }: Way, timeoutMs: number): Promise<number> {
    return await askAsClient(request, from === 'host' ? await this.#connect(this.#signal) : null, timeoutMs);
  }

  #reading(): MeterReading {
    const way = this.#way;
    return { from: way?.from ?? null, url: way && urlOf(way.request), ...this.#tally.figures(Date.now()), why: this.#why };
  }

  #beat(): Beat {
    return { ...this.#reading(), startedAt: this.#startedAt, at: Date.now() };
  }
}

/** What an app says is an answer; a proxy that has nobody to ask (502, 503, 504), or does not know the site (404), has none. */
function serves(status: number): boolean {
  return status < 500 && status !== 404;
}

/** A connection of our own that fails says nothing about the site. */
function fateOf(error: unknown): Fate {
  return error instanceof SshError && error.kind !== 'refused' ? 'unknown' : 'lost';
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address === 'localhost';
}
