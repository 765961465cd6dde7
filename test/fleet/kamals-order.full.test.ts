import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Shop } from './shop.ts';
import { lab, locks } from './the-lab.ts';
import { presentState, upgradedState } from './upgraded.ts';

describe("--strategy kamal, Kamal's own order", () => {
  let shop: Shop;
  beforeAll(async () => {
    await lab.restore();
    shop = await Shop.open('kamals-order');
  });
  afterAll(() => shop.close());

  it('ends where the other strategies end', async () => {
    const ended = await shop.upgrade('--strategy', 'kamal');
    expect(ended.code, ended.stderr).toBe(0);
    const web = ended.result?.hosts[0]?.steps.map(({ name }) => name) ?? [];
    expect(web.indexOf('hand over to kamal-proxy')).toBeLessThan(web.indexOf('boot app web'));
    expect(await presentState()).toEqual(await upgradedState());
    expect(await locks()).toEqual([]);
  });
});
