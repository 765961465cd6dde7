import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { loadOn, startLoad } from '../../lab/load.ts';
import { rulesLeft } from './handover.ts';
import { Shop } from './shop.ts';
import type { Running } from './shop.ts';
import { attemptsOn } from './steps.ts';
import { fleetAsItWas, lab, listFleet, locks, moment } from './the-lab.ts';
import type { Fleet } from './the-lab.ts';
import { expectUpgraded } from './upgraded.ts';

/** The long tests also have clients that keep their connections, for which each cutover waits half a minute. */
const full = process.env.BACTRIAN_TEST_FULL === '1';

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

  it('rejects what it sees after the cutover: everything is put back, and no request is lost', async () => {
    await expectPutBack(async () => {
      const upgrade = shop.start('upgrade', '-y', '--approve', 'post', '--strategy', 'handover');
      await upgrade.printed('bactrian reject post');
      expect(await shop.bactrian('reject', 'post', '--why', 'the shop looks odd')).toMatchObject({ code: 0 });
      return upgrade;
    });
  });

  it.runIf(full)('cancels in mid-run, as the button in the UI does: everything is put back, and no request is lost', async () => {
    await expectPutBack(async () => {
      const upgrade = shop.start('upgrade', '-y', '--strategy', 'handover');
      await moment.cutover();
      await shop.temporal('workflow', 'cancel', '--workflow-id', await shop.workflowId());
      return upgrade;
    });
  });

  /** As it was, but for start times: what was stopped for the cutover is running again. */
  async function expectPutBack(run: () => Promise<Running>): Promise<void> {
    const loads = await Promise.all((full ? [false, true] : [false]).map((keepAlive) => startLoad(loadOn(lab, 10, { keepAlive }))));
    const upgrade = await run();
    expect((await upgrade.ended).code, upgrade.output()).toBe(4);
    await sleep(2000);
    const streams = (await Promise.all(loads.map((load) => load.stop()))).flat();
    for (const stream of streams) expect(stream.lost, JSON.stringify(stream)).toBe(0);
    for (const host of ['h1', 'h2']) expect(await rulesLeft(host), host).toBe('');
    expect(timeless(await listFleet())).toEqual(timeless(before));
    expect(await locks()).toEqual([]);
  }
});

function timeless(fleet: Fleet): unknown {
  return Object.fromEntries(
    Object.entries(fleetAsItWas(fleet)).map(([name, host]) => [name, { ...host, containers: host.containers.map((container) => ({ ...container, startedAt: '' })) }]),
  );
}
