import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { kamal, oddIn, openHalfWay, stand } from './half-way.ts';
import type { Shop } from './shop.ts';
import { fleetAsItWas, lab, listFleet, locks } from './the-lab.ts';

describe('bactrian status --hosts', () => {
  let shop: Shop;
  beforeAll(async () => {
    await lab.restore();
    shop = await openHalfWay('standing');
  });
  afterAll(() => shop.close());

  it('tells each host’s generation without a run and without a server, and changes nothing', async () => {
    const before = await listFleet();
    const standing = await stand(shop);
    expect(standing).toMatchObject({
      code: 0,
      deployment: 'labapp',
      fleet: [],
      hosts: [
        { generation: 'kamal1', roles: [{ role: 'web', running: [{ version: 'v1', generation: 'kamal1' }] }], proxies: [{ container: 'traefik', running: true, ports: [80, 8443] }], oddities: [] },
        { generation: 'kamal1' },
        { generation: 'kamal1', roles: [{ role: 'workers' }], proxies: [] },
      ],
    });
    expect(standing).not.toHaveProperty('openRun');
    expect(fleetAsItWas(await listFleet())).toEqual(fleetAsItWas(before));
    await expect(shop.serverPid()).rejects.toThrow();
  });

  it('names what is odd, host by host; a lock of real Kamal is refused with who holds it, and stays', async () => {
    expect((await kamal(shop, 'lock', 'acquire', '-m', 'closed for the holidays')).code).toBe(0);
    await lab.exec('h1', 'docker stop traefik');
    await lab.cutLink('h2');
    const standing = await stand(shop);
    await lab.restoreLink('h2');
    expect(standing.code).toBe(1);
    expect(oddIn(standing)).toEqual(['h1 fail traefik', 'h1 warn lock', 'h2 fail unreachable']);
    expect(standing.hosts.map(({ generation }) => generation)).toEqual(['mixed', null, 'kamal1']);

    const refused = await shop.upgrade();
    expect(refused.code).toBe(3);
    expect(refused.stderr + refused.stdout).toMatch(/the deploy lock \.kamal\/lock-labapp is held by Olga Owner since .+: closed for the holidays/);
    expect(refused.stderr + refused.stdout).toContain('`kamal lock release`');
    expect(await locks()).toEqual(['.kamal/lock-labapp']);
    // Only one host is asked for: the primary's lock is told of all the same.
    const one = await stand(shop, '-h', lab.host('h3').address);
    expect(one.hosts).toHaveLength(1);
    expect(one.fleet.map(({ id }) => id)).toEqual(['lock']);
  });
});
