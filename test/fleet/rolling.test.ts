import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { LOCK_STEP, UNLOCK_STEP } from '../../workflows/numbering.ts';
import { Shop } from './shop.ts';
import { appStepsOn, attemptsOn } from './steps.ts';
import { asItWas, lab, listFleet, locks } from './the-lab.ts';
import { presentState, upgradedState } from './upgraded.ts';

describe('a part of the fleet at a time', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await Shop.open('rolling');
  });
  afterAll(() => shop.close());

  it('--rolling: one host after the other, in order, to the same end', async () => {
    await lab.restore();
    const ended = await shop.upgrade('--rolling');
    expect(ended.code, ended.stderr).toBe(0);
    expect(await presentState()).toEqual(await upgradedState());
    expect(await locks()).toEqual([]);

    const [first = [], second = [], third = []] = await Promise.all(['h1', 'h2', 'h3'].map(appStepsOn));
    for (const steps of [first, second, third]) expect(steps.length).toBeGreaterThan(3);
    expect(second[0]?.startedAt).toBeGreaterThanOrEqual(first.at(-1)?.endedAt ?? Infinity);
    expect(third[0]?.startedAt).toBeGreaterThanOrEqual(second.at(-1)?.endedAt ?? Infinity);
  });

  it('-h: one host only, then the rest', async () => {
    await lab.restore();
    const before = await listFleet();
    const part = await shop.upgrade('-h', lab.host('h2').address);
    expect(part.code, part.stderr).toBe(0);
    expect(part.result?.hosts.map(({ host }) => host)).toEqual([lab.host('h2').address]);
    const after = await listFleet();
    for (const name of ['h1', 'h3']) expect(asItWas(after[name]!), name).toEqual(asItWas(before[name]!));
    expect(await presentState(['h2'])).toEqual(await upgradedState(['h2']));
    // The lock is where all deploys look for it, whichever hosts are meant.
    expect((await attemptsOn('h1')).map(({ seq, code }) => [seq, code])).toEqual([[LOCK_STEP, 0], [UNLOCK_STEP, 0]]);
    expect(await attemptsOn('h3')).toEqual([]);
    expect(await locks()).toEqual([]);

    const rest = await shop.upgrade();
    expect(rest.code, rest.stderr).toBe(0);
    expect(rest.result?.hosts.map(({ alreadyThere }) => alreadyThere)).toEqual([false, true, false]);
    expect(await presentState()).toEqual(await upgradedState());
  });
});
