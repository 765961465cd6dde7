import type { Entry } from '../../../bench/downtime/figures.ts';
import { rows } from '../../../bench/downtime/rows.ts';
import type { Contender, Row } from '../../../bench/downtime/rows.ts';
import type { Trial } from '../../../bench/downtime/trial.ts';

/** @throws if there is no row of that name */
export function rowNamed(name: string): Row {
  const row = rows.find((each) => each.name === name);
  if (row === undefined) throw new Error(`no row ${name}`);
  return row;
}

/** A contender's trials that nobody made, after controls that lost nothing. */
export function entry(contender: Contender, trials: Trial[]): Entry {
  return { contender, trials, controls: trials.map(() => ({ requests: 100, lost: 0, reasons: {}, due: 100 })) };
}

/** A trial that nobody made: nothing lost, no gap, all hosts where they belong. */
export function trial(some: Partial<Trial> = {}): Trial {
  return {
    code: 0,
    wall: 10,
    hosts: {},
    asExpected: true,
    requests: 1000,
    lost: 0,
    byKind: { new: { requests: 800, lost: 0 }, kept: { requests: 200, lost: 0 }, accessory: { requests: 100, lost: 0 } },
    gapMs: 20,
    heldMs: 0,
    gaps: { h1: { gapMs: 20, heldMs: 0 } },
    reasons: {},
    losses: {},
    closedIdle: 0,
    accessoryRequests: 100,
    accessoryLost: 0,
    commands: { h1: 8 },
    steps: {},
    ...some,
  };
}
