import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ComparableHost } from '../../lab/comparable.ts';
import { goBack, openBothWays } from './both-ways.ts';
import type { Shop } from './shop.ts';
import { lab, locks } from './the-lab.ts';
import { presentState, upgradedState } from './upgraded.ts';

describe("--strategy kamal, Kamal's own order", () => {
  let shop: Shop;
  let before: Record<string, ComparableHost>;
  beforeAll(async () => {
    await lab.restore();
    before = await presentState();
    shop = await openBothWays('kamals-order');
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

  it('and so it does on the way back, without a second Traefik', async () => {
    const ended = await goBack(shop, '--strategy', 'kamal');
    expect(ended.code, ended.stderr).toBe(0);
    const [web] = ended.result?.hosts ?? [];
    const names = web?.steps.map(({ name }) => name) ?? [];
    expect(names.indexOf('hand over to Traefik')).toBeLessThan(names.indexOf('boot app web'));
    expect(web?.steps.flatMap(({ notes }) => notes).join()).not.toContain('traefik-warm');
    const running = (host: ComparableHost | undefined) => (host?.containers ?? []).filter(({ status }) => status === 'running');
    for (const [name, host] of Object.entries(await presentState())) expect(running(host), name).toEqual(running(before[name]));
    expect(await locks()).toEqual([]);
  });
});
