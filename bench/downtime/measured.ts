import type { StreamSummary } from '../../lab/load-meter.ts';
import type { FleetResult } from '../../workflows/types.ts';

/** Clients that connect anew for each request, that keep their connections, and that ask for what needs the accessory. */
export const clientKinds = ['new', 'kept', 'accessory'] as const;
export type ClientKind = (typeof clientKinds)[number];

/** What became of some requests. */
export interface Requests {
  requests: number;
  lost: number;
}

/** What one web host's clients waited, in milliseconds. */
export interface HostGap {
  /** The longest time without an answer, but for what follows, and when in the load it began. */
  gapMs: number;
  gapAtMs?: number;
  /** The longest time for which requests were held while the accessory rebooted; they are answered late. */
  heldMs: number;
  /** How long no proxy ran: one `docker stop` and one `docker start`, as the script on the host measured them. */
  swapMs?: number;
}

interface Sum extends Requests {
  closedIdle: number;
  reasons: Record<string, number>;
}

/** Streams are named by web host and kind of client: `h1 new`. */
export function kindOf({ name }: Pick<StreamSummary, 'name'>): ClientKind {
  const kind = clientKinds.find((each) => name.endsWith(` ${each}`));
  if (kind === undefined) throw new Error(`a stream '${name}', which is of no kind of client`);
  return kind;
}

export function sumOf(streams: readonly StreamSummary[]): Sum {
  const sum: Sum = { requests: 0, lost: 0, closedIdle: 0, reasons: {} };
  for (const stream of streams) {
    sum.requests += stream.sent;
    sum.lost += stream.lost;
    sum.closedIdle += stream.closedIdle;
    for (const [reason, count] of Object.entries(stream.reasons)) sum.reasons[reason] = (sum.reasons[reason] ?? 0) + count;
  }
  return sum;
}

/** Requests and losses by kind of client, of all web hosts; kinds that sent nothing are left out. */
export function byKind(streams: readonly StreamSummary[]): Partial<Record<ClientKind, Requests>> {
  const kinds: Partial<Record<ClientKind, Requests>> = {};
  for (const kind of clientKinds) {
    const { requests, lost } = sumOf(streams.filter((stream) => kindOf(stream) === kind));
    if (requests > 0) kinds[kind] = { requests, lost };
  }
  return kinds;
}

/**
 * Gaps by web host, of the streams over new connections: one of few requests has gaps of its own.
 * @param nameOf a host's name, given its address
 * @param loadBegan milliseconds since the epoch
 */
export function gapsByHost(streams: readonly StreamSummary[], result: FleetResult | null, nameOf: (address: string) => string, loadBegan: number): Record<string, HostGap> {
  const reboots = (result?.accessories ?? []).flatMap(({ steps }) => steps).map(({ startedAt, endedAt }) => ({ from: startedAt - loadBegan, to: (endedAt ?? startedAt) - loadBegan }));
  const swaps = swapsByHost(result, nameOf);
  const hosts: Record<string, HostGap> = {};
  for (const stream of streams.filter((each) => kindOf(each) === 'new')) {
    const name = stream.name.split(' ')[0] ?? '';
    const gap: HostGap = { gapMs: 0, heldMs: 0, ...(swaps[name] !== undefined && { swapMs: swaps[name] }) };
    for (const { atMs, ms } of stream.gaps) {
      if (reboots.some(({ from, to }) => atMs < to && atMs + ms > from)) gap.heldMs = Math.max(gap.heldMs, ms);
      else if (ms > gap.gapMs) Object.assign(gap, { gapMs: ms, gapAtMs: atMs });
    }
    hosts[name] = gap;
  }
  return hosts;
}

/** The script on the host notes how long it was without a proxy. */
function swapsByHost(result: FleetResult | null, nameOf: (address: string) => string): Record<string, number> {
  const swaps: Record<string, number> = {};
  for (const { host, steps } of result?.hosts ?? []) {
    for (const note of steps.flatMap(({ notes }) => notes)) {
      const ms = /(\d+) ms between them/.exec(note)?.[1];
      if (ms !== undefined) swaps[nameOf(host)] = Math.max(swaps[nameOf(host)] ?? 0, Number(ms));
    }
  }
  return swaps;
}

/** When a step began and ended, in seconds since the load began. */
export interface Times {
  from: number;
  to: number;
}

/**
 * bactrian's steps on each host, from its own record.
 * @param loadBegan milliseconds since the epoch
 */
export function stepsByHost(result: FleetResult | null, nameOf: (address: string) => string, loadBegan: number): Record<string, Record<string, Times>> {
  const hosts: Record<string, Record<string, Times>> = {};
  const since = (ms: number): number => round((ms - loadBegan) / 1000);
  for (const { host, steps } of [...(result?.hosts ?? []), ...(result?.accessories ?? [])]) {
    for (const { name, startedAt, endedAt } of steps) {
      if (endedAt !== null) hosts[nameOf(host)] = { ...hosts[nameOf(host)], [name]: { from: since(startedAt), to: since(endedAt) } };
    }
  }
  return hosts;
}

export function round(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
