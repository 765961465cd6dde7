import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tally, type Fate } from '../../../activities/tally.ts';

describe('a tally', () => {
  it('knows no gap where nothing was lost', () => {
    const tally = new Tally();
    for (const at of [0, 200, 400]) tally.send(at)('answered');
    expect(tally.figures(9000)).toEqual({ sent: 3, lost: 0, longestGapMs: 0, unwatchedMs: 0 });
  });

  it('measures a gap from the first lost request to the next answered one, in whichever order they end', () => {
    const tally = new Tally();
    const [first, second, third, fourth] = [0, 200, 400, 600].map((at) => tally.send(at));
    fourth?.('answered');
    third?.('lost');
    first?.('answered');
    second?.('lost');
    expect(tally.figures(600)).toEqual({ sent: 4, lost: 2, longestGapMs: 400, unwatchedMs: 0 });
  });

  it('lets a gap that is still open last until now', () => {
    const tally = new Tally();
    tally.send(100)('lost');
    expect(tally.figures(1100).longestGapMs).toBe(1000);
    tally.send(1200)('answered');
    expect(tally.figures(5000).longestGapMs).toBe(1100);
  });

  it('counts neither what is under way nor what our own side could not see', () => {
    const tally = new Tally();
    tally.send(0);
    tally.send(200)('unknown');
    tally.send(400)('answered');
    expect(tally.underWay).toBe(1);
    expect(tally.figures(500)).toMatchObject({ sent: 0, lost: 0 });
  });

  it('goes on from what an earlier attempt has counted', () => {
    const tally = new Tally({ sent: 10, lost: 2, longestGapMs: 700, unwatchedMs: 0 });
    tally.unwatched(1234.4);
    tally.send(0)('lost');
    tally.send(200)('answered');
    expect(tally.figures(400)).toEqual({ sent: 12, lost: 3, longestGapMs: 700, unwatchedMs: 1234 });
  });

  it('counts the same whatever the order in which requests end', () => {
    const fates = fc.array(fc.constantFrom<Fate>('answered', 'lost', 'unknown'), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fates.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all.map((_, at) => at), { minLength: all.length }))), ([all, order]) => {
        const straight = new Tally();
        for (const [at, fate] of all.entries()) straight.send(at * 200)(fate);
        const mixed = new Tally();
        const ends = all.map((_, at) => mixed.send(at * 200));
        for (const at of order) ends[at]?.(all[at] ?? 'unknown');
        expect(mixed.figures(100_000)).toEqual(straight.figures(100_000));
      }),
    );
  });
});
