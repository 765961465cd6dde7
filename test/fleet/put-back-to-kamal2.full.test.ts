import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { clientClasses, removeClients, startClients } from '../../lab/clients.ts';
import type { RunningLoad } from '../../lab/load.ts';
import { restoreUpgraded, openBothWays, startBack } from './both-ways.ts';
import { rulesLeft } from './handover.ts';
import type { Running, Shop } from './shop.ts';
import { fleetAsItWas, lab, listFleet, locks, until } from './the-lab.ts';
import type { Fleet } from './the-lab.ts';

const HOST = 'h1';

describe('a way back that is put back, under load from each class of client', () => {
  let shop: Shop;
  let before: Fleet;
  let load: RunningLoad;
  const back = () => startBack(shop, '--strategy', 'handover', '--approve', 'post', '-h', lab.host(HOST).address);

  beforeAll(async () => {
    shop = await openBothWays('put-back-to-kamal2');
  });
  beforeEach(async () => {
    await restoreUpgraded(shop);
    load = await startClients(lab, HOST, { perSecond: 4 });
    before = await listFleet();
  });
  afterEach(() => removeClients(lab, HOST));
  afterAll(() => shop.close());

  it('because a person rejects it after the cutover: nobody notices', async () => {
    const run = back();
    await run.printed('bactrian reject post');
    expect(await shop.bactrian('reject', 'post')).toMatchObject({ code: 0 });
    await isBack(run);
  });

  it('because it is cancelled while kamal-proxy stops: nobody notices', async () => {
    const run = back();
    await until(HOST, '^stopped [0-9a-f]+ always', 'app', 180);
    await shop.temporal('workflow', 'cancel', '--workflow-id', await shop.workflowId());
    await isBack(run);
  });

  async function isBack(run: Running): Promise<void> {
    expect((await run.ended).code, run.output()).toBe(4);
    const streams = await load.stop();
    expect(streams).toHaveLength(2 * clientClasses.length);
    for (const stream of streams) {
      // One that is kept may be used just as its proxy closes it, which a client can't know: at each of two handovers.
      const closing = stream.name.endsWith(', kept') ? (stream.reasons.ECONNRESET ?? 0) : 0;
      expect(closing, stream.name).toBeLessThan(5);
      expect(stream.lost - closing, `${stream.name} ${JSON.stringify(stream.reasons)}\n${run.output()}`).toBe(0);
      expect(stream.good, stream.name).toBeGreaterThan(20);
    }
    expect(timeless(await listFleet())).toEqual(timeless(before));
    expect(await rulesLeft(HOST)).toBe('');
    expect(await locks()).toEqual([]);
  }
});

function timeless(fleet: Fleet): unknown {
  return Object.fromEntries(
    Object.entries(fleetAsItWas(fleet)).map(([name, host]) => [name, { ...host, containers: host.containers.map((container) => ({ ...container, startedAt: '' })) }]),
  );
}
