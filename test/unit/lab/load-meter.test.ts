import { describe, expect, it } from 'vitest';

import { LoadMeter } from '../../../lab/load-meter.ts';

describe('LoadMeter', () => {
  it('counts what was sent, good and lost, and why', () => {
    const meter = new LoadMeter('h1 /', 0);
    for (let i = 0; i < 4; i++) meter.sent();
    meter.good(0, 10, 'labapp v1 on one\n');
    meter.lost('HTTP 502', 10, 30);
    meter.lost('HTTP 502', 10, 30);
    meter.good(30, 50, 'labapp v2 on one\n');
    expect(meter.summary(60)).toMatchObject({
      name: 'h1 /',
      sent: 4,
      good: 2,
      lost: 2,
      reasons: { 'HTTP 502': 2 },
      losses: Array.from({ length: 2 }, () => ({ atMs: 30, afterMs: 20, reason: 'HTTP 502' })),
      answers: { 'labapp v1': 1, 'labapp v2': 1 },
      median: 20,
      slowest: 20,
    });
  });

  it('counts apart what met the closing of an idle connection', () => {
    const meter = new LoadMeter('', 0);
    meter.sent();
    meter.closedIdle();
    meter.good(0, 10, 'labapp v1 on one');
    expect(meter.summary(10)).toMatchObject({ sent: 1, good: 1, lost: 0, closedIdle: 1 });
  });

  it('takes the longest time without a good answer for the outage, wherever it is', () => {
    const inTheMiddle = new LoadMeter('', 0);
    inTheMiddle.good(0, 100, '');
    inTheMiddle.good(150, 1100, '');
    expect(inTheMiddle.summary(1150)).toMatchObject({ outage: 1000, gaps: [{ atMs: 100, ms: 1000 }, { atMs: 0, ms: 100 }] });

    const atTheStart = new LoadMeter('', 0);
    atTheStart.good(690, 700, '');
    expect(atTheStart.summary(750).outage).toBe(700);

    const atTheEnd = new LoadMeter('', 0);
    atTheEnd.good(0, 10, '');
    atTheEnd.lost('ECONNREFUSED', 10, 2000);
    expect(atTheEnd.summary(2010).outage).toBe(2000);
  });

  it('is not misled by answers that overtake each other', () => {
    const meter = new LoadMeter('', 0);
    meter.good(0, 100, '');
    meter.good(0, 90, '');
    expect(meter.summary(200).outage).toBe(100);
  });

  it('has an outage of the whole time when nothing was good', () => {
    expect(new LoadMeter('', 1000).summary(6000)).toMatchObject({ outage: 5000, median: 0, p99: 0, slowest: 0 });
  });
});
