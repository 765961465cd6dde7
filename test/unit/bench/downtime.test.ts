import { describe, expect, it } from 'vitest';

import { chartOf } from '../../../bench/downtime/chart.ts';
import { minutesFor, secondsFor } from '../../../bench/downtime/estimate.ts';
import { figuresOf, ratio, spreadOf } from '../../../bench/downtime/figures.ts';
import { byKind, gapsByHost, stepsByHost } from '../../../bench/downtime/measured.ts';
import { rows } from '../../../bench/downtime/rows.ts';
import type { StreamSummary } from '../../../lab/load-meter.ts';
import type { FleetResult, HostResult } from '../../../workflows/types.ts';
import { entry, rowNamed, trial } from './fakes.ts';

const row = rowNamed('main');

describe('figures', () => {
  it('have the least, the median and the most', () => {
    expect(spreadOf([9, 1, 4])).toEqual({ min: 1, median: 4, max: 9 });
    expect(spreadOf([9, 1, 4, 5])).toEqual({ min: 1, median: 4.5, max: 9 });
    expect(() => spreadOf([])).toThrow('no values');
  });

  it('take the mean of the hosts for commands', () => {
    expect(figuresOf([trial({ commands: { h1: 8, h2: 6, h3: 7 } })]).commands.median).toBe(7);
  });

  it('tell losses by kind of client', () => {
    const figures = figuresOf([trial({ byKind: { new: { requests: 9, lost: 3 } } }), trial({ byKind: { new: { requests: 9, lost: 5 } } })]);
    expect(figures.lostByKind).toEqual({ new: { min: 3, median: 4, max: 5 } });
  });

  it('compare medians with real Kamal, where it took part', () => {
    const ours = entry('swap', [trial({ wall: 10, commands: { h1: 8 } })]);
    const theirs = entry('real Kamal', [trial({ wall: 20, commands: { h1: 32 } })]);
    expect(ratio({ row, entries: [ours, theirs] }, 'swap')).toEqual({ wall: 0.5, commands: 0.25 });
    expect(ratio({ row, entries: [ours] }, 'swap')).toBeUndefined();
  });
});

describe('what was measured', () => {
  it('is told apart by the kind of client', () => {
    const streams = [stream('h1 new', { sent: 50, lost: 2 }), stream('h2 new', { sent: 50, lost: 1 }), stream('h1 accessory', { sent: 5, lost: 4 })];
    expect(byKind(streams)).toEqual({ new: { requests: 100, lost: 3 }, accessory: { requests: 5, lost: 4 } });
    expect(() => byKind([stream('h1 sideways', {})])).toThrow('no kind of client');
  });

  it('gives each web host its own gap, beside the stop and start that its own script measured', () => {
    const result = { hosts: [host('10.0.0.1', 'traefik out, kamal-proxy in: 900 ms between them'), host('10.0.0.2', 'drained')], accessories: [{ steps: [{ startedAt: 15_000, endedAt: 16_000 }] }] };
    const streams = [stream('10.0.0.1 new', { gaps: [{ atMs: 1000, ms: 950 }, { atMs: 5200, ms: 1400 }] }), stream('10.0.0.2 new', {}), stream('10.0.0.2 kept', { gaps: [{ atMs: 1, ms: 9999 }] })];
    // The load began at 10 s, so the accessory was rebooted from 5 s to 6 s of it.
    expect(gapsByHost(streams, result as unknown as FleetResult, (address) => address, 10_000)).toEqual({
      '10.0.0.1': { gapMs: 950, gapAtMs: 1000, heldMs: 1400, swapMs: 900 },
      '10.0.0.2': { gapMs: 0, heldMs: 0 },
    });
  });
});

describe('steps', () => {
  it('are told in seconds since the load began', () => {
    expect(stepsByHost({ hosts: [host('10.0.0.1', '')], accessories: [] } as unknown as FleetResult, () => 'h1', -500)).toEqual({ h1: { 'hand over to kamal-proxy': { from: 0.5, to: 0.5 } } });
  });
});

describe('how long it takes', () => {
  it('is more the more there is to do, and less the more of it is done', () => {
    const all = rows.flatMap((each) => each.by.map((contender) => [each, contender] as [typeof each, typeof contender]));
    const quick = all.filter(([{ name }]) => ['main', 'back'].includes(name));
    expect(minutesFor(quick)).toBeLessThan(10);
    expect(minutesFor(all)).toBeGreaterThan(minutesFor(all.slice(3)));
    expect(minutesFor([])).toBe(0);
  });

  it('follows the pace of what has been done', () => {
    const seconds = 2 * secondsFor(row, 'swap');
    expect(minutesFor([[row, 'handover']], [{ row, contender: 'swap', seconds }])).toBe(Math.ceil((2 * secondsFor(row, 'handover')) / 60));
  });
});

describe('the chart', () => {
  const upgrade = { row, entries: [entry('handover', [trial()]), entry('real Kamal', [trial({ lost: 300 }), trial({ lost: 100 })])] };

  it('has a bar each contender and figure, and names what would end its text', () => {
    const chart = chartOf([upgrade], 'a < b & "c"');
    expect(chart.match(/<rect class="ours"/g)).toHaveLength(2);
    expect(chart.match(/<rect class="theirs"/g)).toHaveLength(2);
    expect(chart).toContain('200 (100–300)');
    expect(chart).toContain('a &lt; b &amp; &quot;c&quot;');
    expect(chart).not.toContain('not measured');
  });

  it('has the way back below, with what was not measured as such', () => {
    const chart = chartOf([upgrade, { row: rowNamed('back'), entries: [entry('handover', [trial()])] }], 'caption');
    expect(chart.match(/<rect class="elsewhere"/g)).toHaveLength(2);
    expect(chart).toContain('Kamal 1.9.3');
    expect(chart).toContain('not measured in this run');
  });
});

function stream(name: string, some: Partial<StreamSummary>): StreamSummary {
  return { name, sent: 1, good: 1, lost: 0, reasons: {}, losses: [], outage: 0, gaps: [], median: 0, p99: 0, slowest: 0, closedIdle: 0, answers: {}, ...some };
}

function host(address: string, note: string): Pick<HostResult, 'host' | 'steps'> {
  return { host: address, steps: [{ name: 'hand over to kamal-proxy', state: 'done', startedAt: 0, endedAt: 1, notes: [note] }] };
}
