import { describe, expect, it } from 'vitest';

import { chartOf } from '../../../bench/downtime/chart.ts';
import { counts, figuresOf, ratio, spreadOf } from '../../../bench/downtime/figures.ts';
import type { Entry } from '../../../bench/downtime/figures.ts';
import { findingsOf } from '../../../bench/downtime/promises.ts';
import { rows } from '../../../bench/downtime/rows.ts';
import type { Contender } from '../../../bench/downtime/rows.ts';
import type { Trial } from '../../../bench/downtime/trial.ts';

const row = rows.find(({ name }) => name === 'main') ?? rows[0];
if (row === undefined) throw new Error('no rows');

describe('figures', () => {
  it('have the least, the median and the most', () => {
    expect(spreadOf([9, 1, 4])).toEqual({ min: 1, median: 4, max: 9 });
    expect(spreadOf([9, 1, 4, 5])).toEqual({ min: 1, median: 4.5, max: 9 });
    expect(() => spreadOf([])).toThrow('no values');
  });

  it('take the mean of the hosts for commands', () => {
    expect(figuresOf([trial({ commands: { h1: 8, h2: 6, h3: 7 } })]).commands.median).toBe(7);
  });

  it('compare medians with real Kamal, where it took part', () => {
    const ours = entry('swap', [trial({ wall: 10, commands: { h1: 8 } })]);
    const theirs = entry('real Kamal', [trial({ wall: 20, commands: { h1: 32 } })]);
    expect(ratio({ row, entries: [ours, theirs] }, 'swap')).toEqual({ wall: 0.5, commands: 0.25 });
    expect(ratio({ row, entries: [ours] }, 'swap')).toBeUndefined();
  });
});

describe('findings', () => {
  it('are broken promises where requests are lost by a handover, or the run ends elsewhere', () => {
    const findings = findingsOf([{ row, entries: [entry('handover', [trial({ lost: 0 }), trial({ lost: 1, asExpected: false })])] }]);
    expect(findings.map(({ held, found }) => [held, found])).toEqual([
      [false, '1 of 2'],
      [false, 'at most 1 lost'],
    ]);
  });

  it("judge no losses where the load alone lost something", () => {
    const noisy = { ...entry('handover', [trial({ lost: 1 })]), controls: [{ requests: 100, lost: 1 }] };
    expect(counts(noisy)).toBe(false);
    expect(findingsOf([{ row, entries: [noisy] }]).map(({ what }) => what)).toEqual(['main: handover ends on kamal2', 'main: handover counts']);
  });

  it('hold the gap of a swap against the stop and the start that it needed', () => {
    const held = (gapMs: number) => findingsOf([{ row, entries: [entry('swap', [trial({ gapMs, swapMs: 1000 })])] }]).at(-1)?.held;
    expect([held(1400), held(1600)]).toEqual([true, false]);
  });
});

describe('the chart', () => {
  it('has a bar each contender and figure, and names what would end its text', () => {
    const chart = chartOf({ row, entries: [entry('handover', [trial({})]), entry('real Kamal', [trial({ lost: 300 }), trial({ lost: 100 })])] }, 'a < b & "c"');
    expect(chart.match(/<rect class="ours"/g)).toHaveLength(2);
    expect(chart.match(/<rect class="theirs"/g)).toHaveLength(2);
    expect(chart).toContain('200 (100–300)');
    expect(chart).toContain('a &lt; b &amp; &quot;c&quot;');
  });
});

function entry(contender: Contender, trials: Trial[]): Entry {
  return { contender, trials, controls: trials.map(() => ({ requests: 100, lost: 0 })) };
}

function trial(some: Partial<Trial>): Trial {
  return {
    code: 0,
    wall: 10,
    hosts: {},
    asExpected: true,
    requests: 1000,
    lost: 0,
    gapMs: 20,
    heldMs: 0,
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
