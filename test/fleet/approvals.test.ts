import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { loadOn, startLoad } from '../../lab/load.ts';
import { Shop } from './shop.ts';
import { attemptsOn } from './steps.ts';
import { fleetAsItWas, lab, listFleet, locks, moment } from './the-lab.ts';
import type { Fleet } from './the-lab.ts';
import { expectUpgraded } from './upgraded.ts';

describe('people decide', () => {
  let shop: Shop;
  let before: Fleet;
  beforeAll(async () => {
    shop = await Shop.open('approvals');
  });
  beforeEach(async () => {
    await lab.restore();
    before = await listFleet();
  });
  afterAll(() => shop.close());

  it('approves one gate with bactrian and the other with a plain signal', async () => {
    const upgrade = shop.start('upgrade', '-y', '--approve', 'pre,post');
    await upgrade.printed('bactrian approve pre');
    // While nobody has approved, nothing is touched and no lock is held.
    expect(fleetAsItWas(await listFleet())).toEqual(fleetAsItWas(before));
    expect(await locks()).toEqual([]);
    expect(await shop.bactrian('approve', 'post')).toMatchObject({ code: 3 });
    expect(await shop.bactrian('approve', '--why', 'a quiet hour')).toMatchObject({ code: 0 });

    await upgrade.printed('bactrian approve post');
    expect(await locks()).toHaveLength(2);
    await shop.temporal('workflow', 'signal', '--workflow-id', await shop.workflowId(), '--name', 'approve');
    const ended = await upgrade.ended;
    expect(ended.code, upgrade.output()).toBe(0);
    expect(ended.stdout).toContain('a quiet hour');
    await expectUpgraded();
    expect(await locks()).toEqual([]);
  });

  it('rejects before the first change: nothing was touched, no lock was ever taken', async () => {
    const upgrade = shop.start('upgrade', '-y', '--approve', 'pre');
    await upgrade.printed('bactrian reject pre');
    expect(await shop.bactrian('reject')).toMatchObject({ code: 0 });
    expect(await upgrade.ended).toMatchObject({ code: 4 });
    expect(fleetAsItWas(await listFleet())).toEqual(fleetAsItWas(before));
    for (const host of lab.hosts) expect(await attemptsOn(host.name), host.name).toEqual([]);
  });

  it('rejects what it sees after the cutover: everything is put back and serves again', async () => {
    const upgrade = shop.start('upgrade', '-y', '--approve', 'post');
    await upgrade.printed('bactrian reject post');
    expect(await shop.bactrian('reject', 'post', '--why', 'the shop looks odd')).toMatchObject({ code: 0 });
    expect(await upgrade.ended).toMatchObject({ code: 4 });
    await expectPutBack();
  });

  it('cancels in mid-run, as the button in the UI does: everything is put back and serves again', async () => {
    const upgrade = shop.start('upgrade', '-y');
    await moment.cutover();
    await shop.temporal('workflow', 'cancel', '--workflow-id', await shop.workflowId());
    expect(await upgrade.ended).toMatchObject({ code: 4 });
    await expectPutBack();
  });

  /** As it was, but for start times: what was stopped for the cutover is running again. */
  async function expectPutBack(): Promise<void> {
    expect(timeless(await listFleet())).toEqual(timeless(before));
    expect(await locks()).toEqual([]);
    const load = await startLoad(loadOn(lab, 10));
    await new Promise((resolve) => setTimeout(resolve, 2000));
    for (const stream of await load.stop()) expect(stream, stream.name).toMatchObject({ lost: 0, good: stream.sent });
  }
});

function timeless(fleet: Fleet): unknown {
  return Object.fromEntries(
    Object.entries(fleetAsItWas(fleet)).map(([name, host]) => [name, { ...host, containers: host.containers.map((container) => ({ ...container, startedAt: '' })) }]),
  );
}
