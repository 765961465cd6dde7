import { clientKinds } from './measured.ts';
import type { ClientKind } from './measured.ts';
import type { Contender, Row } from './rows.ts';
import type { Control, Trial } from './trial.ts';

export interface Spread {
  min: number;
  median: number;
  max: number;
}

/** All repetitions of one contender in one row. */
export interface Entry {
  contender: Contender;
  trials: Trial[];
  controls: Control[];
}

export interface RowResult {
  row: Row;
  entries: Entry[];
}

/** What a table or a chart shows of an entry; `commands` is the mean of the hosts. */
export interface Figures {
  requests: Spread;
  lost: Spread;
  lostByKind: Partial<Record<ClientKind, Spread>>;
  gapMs: Spread;
  heldMs: Spread;
  wall: Spread;
  commands: Spread;
  closedIdle: Spread;
  accessoryLost: Spread;
}

/** @throws if there are no values */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => {
    const value = sorted[index];
    if (value === undefined) throw new Error('no values to take the median of');
    return value;
  };
  const last = sorted.length - 1;
  return { min: at(0), median: (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2, max: at(last) };
}

/** @throws if there are no trials */
export function figuresOf(trials: readonly Trial[]): Figures {
  const spread = (of: (trial: Trial) => number): Spread => spreadOf(trials.map(of));
  const kinds = clientKinds.filter((kind) => trials.some(({ byKind }) => byKind[kind] !== undefined));
  return {
    requests: spread(({ requests }) => requests),
    lost: spread(({ lost }) => lost),
    lostByKind: Object.fromEntries(kinds.map((kind) => [kind, spread(({ byKind }) => byKind[kind]?.lost ?? 0)])),
    gapMs: spread(({ gapMs }) => gapMs),
    heldMs: spread(({ heldMs }) => heldMs),
    wall: spread(({ wall }) => wall),
    commands: spread(({ commands }) => mean(Object.values(commands))),
    closedIdle: spread(({ closedIdle }) => closedIdle),
    accessoryLost: spread(({ accessoryLost }) => accessoryLost),
  };
}

/** Less of what is due than that, and the machine is too busy for the load: it would measure itself. */
const leastOfWhatIsDue = 0.9;

/** An entry counts only if the load alone, without an upgrade, was sent and lost nothing. */
export function counts(entry: Entry): boolean {
  return entry.controls.every(({ lost, requests, due }) => lost === 0 && requests >= leastOfWhatIsDue * due);
}

/** Medians of one entry as shares of another's; undefined where the row lacks one of the two. */
export function ratio(result: RowResult, of: Contender, to: Contender = 'real Kamal'): { wall: number; commands: number } | undefined {
  const find = (name: Contender) => result.entries.find(({ contender }) => contender === name);
  const [ours, theirs] = [find(of), find(to)];
  if (ours === undefined || theirs === undefined) return undefined;
  const [a, b] = [figuresOf(ours.trials), figuresOf(theirs.trials)];
  return { wall: a.wall.median / b.wall.median, commands: a.commands.median / b.commands.median };
}

function mean(values: readonly number[]): number {
  return Math.round((values.reduce((sum, value) => sum + value, 0) / values.length) * 10) / 10;
}
