import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ComparableHost } from '../../lab/comparable.ts';
import { loadOn, startLoad } from '../../lab/load.ts';
import type { StreamSummary } from '../../lab/load-meter.ts';
import type { Ended } from '../../lab/run.ts';
import type { FleetResult } from '../../workflows/types.ts';
import { goBack, openBothWays } from './both-ways.ts';
import type { Shop } from './shop.ts';
import { fleetAsItWas, lab, listFleet, locks, redis } from './the-lab.ts';
import { presentState } from './upgraded.ts';

describe('bactrian downgrade, all hosts together, under load', () => {
  let shop: Shop;
  let before: Record<string, ComparableHost>;
  let upgraded: Ended;
  let downgraded: Ended;
  let streams: StreamSummary[];
  const resultOf = ({ stdout }: Ended) => JSON.parse(stdout) as FleetResult;

  beforeAll(async () => {
    await lab.restore();
    before = await presentState();
    shop = await openBothWays('downgrade');
    upgraded = await shop.upgrade();
    await redis('SET written before');
    const load = await startLoad(loadOn(lab, 20));
    downgraded = await goBack(shop);
    streams = await load.stop();
  });
  afterAll(() => shop.close());

  it('ends with every host on Kamal 1 and verified', () => {
    expect(upgraded.code, upgraded.stderr).toBe(0);
    expect(downgraded.code, downgraded.stderr).toBe(0);
    expect(resultOf(downgraded).hosts.map(({ host, outcome }) => [host, outcome])).toEqual(lab.hosts.map(({ address }) => [address, 'done']));
  });

  it('loses not one request but those that need the accessory while it reboots', () => {
    for (const host of ['h1 /', 'h2 /']) {
      const stream = streams.find(({ name }) => name === host);
      expect(stream?.good).toBeGreaterThan(100);
      expect(stream, host).toMatchObject({ lost: 0, reasons: {}, answers: { 'labapp v1': stream?.good } });
    }
  });

  it('leaves what Kamal 1 had left, but for stopped containers and the network of Kamal 2', async () => {
    const after = await presentState();
    for (const [name, host] of Object.entries(after)) {
      expect(running(host), name).toEqual(running(before[name]));
      expect({ images: host.images, volumes: host.volumes }, name).toEqual({ images: before[name]?.images, volumes: before[name]?.volumes });
    }
    expect(await locks()).toEqual([]);
    expect(await redis('GET written')).toContain('before');
  });

  it('changes nothing when run again, restarts nothing and says so', async () => {
    const there = await listFleet();
    const again = await goBack(shop);
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toContain('already there: verified, nothing restarted');
    expect(fleetAsItWas(await listFleet())).toEqual(fleetAsItWas(there));
  });
});

function running(host: ComparableHost | undefined): ComparableHost['containers'] {
  return (host?.containers ?? []).filter(({ status }) => status === 'running').sort((a, b) => (a.name < b.name ? -1 : 1));
}
