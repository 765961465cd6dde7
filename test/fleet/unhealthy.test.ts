import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loadOn, startLoad } from '../../lab/load.ts';
import { rulesLeft } from './handover.ts';
import { Shop } from './shop.ts';
import { asItWas, fleetAsItWas, lab, listFleet, locks } from './the-lab.ts';
import { presentState, upgradedState } from './upgraded.ts';

const full = process.env.BACTRIAN_TEST_FULL === '1';

describe('an app that never gets healthy', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await Shop.open('unhealthy');
  });
  afterAll(() => shop.close());

  const core = [['on one host, with handover', 'handover', { NEVER_HEALTHY_ON: lab.host('h2').address }]] as const;
  const all = [...core, ['on one host, with swap', 'swap', { NEVER_HEALTHY_ON: lab.host('h2').address }], ['on all hosts, with handover', 'handover', { NEVER_HEALTHY: '1' }]] as const;
  it.each(full ? all : core)('%s: costs no request and changes nothing', async (_, strategy, clear) => {
    await lab.restore();
    await shop.configure({ changes: { env: { clear } } });
    const before = await listFleet();
    const loads = await Promise.all([false, true].map((keepAlive) => startLoad(loadOn(lab, 10, { keepAlive }))));
    const ended = await shop.upgrade('--strategy', strategy);
    const streams = (await Promise.all(loads.map((load) => load.stop()))).flat();

    expect(ended.code, ended.stderr).toBe(1);
    expect(streams).toHaveLength(8);
    for (const stream of streams) expect(stream, stream.name).toMatchObject({ lost: 0, good: stream.sent });
    for (const host of ['h1', 'h2']) expect(await rulesLeft(host), host).toBe('');
    expect(fleetAsItWas(await listFleet())).toEqual(fleetAsItWas(before));
    expect(await locks()).toEqual([]);
    expect(ended.stderr).toContain('labapp: DATABASE_URL is not reachable, refusing to be healthy');
    expect(ended.result).toMatchObject({ outcome: 'failed', failure: { type: 'AppUnhealthy' } });
    expect(ended.result?.hosts.map(({ outcome }) => outcome)).toEqual(['put back', 'put back', 'put back']);
  });

  it.runIf(full)('is put back once, however often its journal is read: the old container has its name back by then', async () => {
    await lab.restore();
    await shop.configure({ changes: { env: { clear: { NEVER_HEALTHY: '1' } } } });
    const before = await listFleet();
    await shop.upgrade();
    // As when the host died before it could note that all was undone: the next run undoes it once more.
    for (const host of ['h1', 'h2']) {
      const moved = await lab.exec(host, 'for j in .kamal/bactrian/*/app.journal.undone; do mv "$j" "${j%.undone}"; done; grep -q "^renamed" .kamal/bactrian/*/app.journal');
      expect(moved.code, moved.stderr).toBe(0);
    }
    const again = await shop.upgrade();
    expect(again.code, again.stderr).toBe(1);
    expect(fleetAsItWas(await listFleet())).toEqual(fleetAsItWas(before));
  });

  it('in a role without a proxy: its host is put back, the others stay, and the next run goes on from there', async () => {
    await lab.restore();
    await shop.configure({ changes: { servers: { workers: { cmd: 'nonsense' } } } });
    const before = await listFleet();
    const failed = await shop.upgrade();
    expect(failed.code, failed.stderr).toBe(1);
    expect(failed.stderr).toContain(`labapp: unknown argument "nonsense"`);
    expect(failed.result?.hosts.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'put back']);
    expect(asItWas((await listFleet())['h3']!).files).toEqual(asItWas(before['h3']!).files);
    expect(await presentState(['h1', 'h2'])).toEqual(await upgradedState(['h1', 'h2']));
    expect(await locks()).toEqual([]);

    await shop.configure();
    const again = await shop.upgrade();
    expect(again.code, again.stderr).toBe(0);
    expect(again.result?.hosts.map(({ alreadyThere }) => alreadyThere)).toEqual([true, true, false]);
    const state = await presentState();
    expect(state['h3']?.containers).toEqual((await upgradedState())['h3']?.containers);
  });
});
