import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { Shop } from './shop.ts';
import { lab, locks, moment } from './the-lab.ts';
import { expectUpgraded } from './upgraded.ts';

describe('a host goes away in mid-run and comes back', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await Shop.open('outages');
  });
  beforeEach(() => lab.restore());
  afterAll(() => shop.close());

  it.each(['boot', 'cutover', 'accessory'] as const)('it loses power at %s', async (at) => {
    const host = at === 'accessory' ? 'h3' : 'h1';
    await goesOn(at, async () => {
      await lab.powerOff(host);
      await sleep(3000);
      await lab.powerOn(host);
    });
  });

  it.each(['boot', 'cutover'] as const)('its link is silent for 20 s at %s', async (at) => {
    await goesOn(at, async () => {
      await lab.cutLink('h1');
      await sleep(20_000);
      await lab.restoreLink('h1');
    });
  });

  async function goesOn(at: keyof typeof moment, outage: () => Promise<void>): Promise<void> {
    const upgrade = shop.start('upgrade', '-y');
    await moment[at]();
    await outage();
    expect((await upgrade.ended).code, upgrade.output()).toBe(0);
    await expectUpgraded();
    expect(await locks()).toEqual([]);
  }
});
