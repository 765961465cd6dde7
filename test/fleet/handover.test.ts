import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { clientClasses, removeClients, startClients } from '../../lab/clients.ts';
import { startExchanges, type ExchangeEnd } from '../../lab/exchanges.ts';
import type { StreamSummary } from '../../lab/load-meter.ts';
import { dropInput, expectNothingLost, rulesLeft } from './handover.ts';
import { Shop } from './shop.ts';
import { lab } from './the-lab.ts';

describe('a handover, under load from each class of client', () => {
  let shop: Shop;
  let upgraded: Awaited<ReturnType<Shop['upgrade']>>;
  const streams: Record<string, StreamSummary[]> = {};
  let exchanges: ExchangeEnd[];

  beforeAll(async () => {
    await lab.restore();
    shop = await Shop.open('handover', { changes: { drain_timeout: 12 } });
    await dropInput('h2');
    const loads = { h1: await startClients(lab, 'h1', { perSecond: 4 }), h2: await startClients(lab, 'h2', { perSecond: 4 }) };
    const long = await startExchanges(lab.host('h1').address, 15);
    // Requests are held while an accessory is rebooted: that is measured elsewhere.
    upgraded = await shop.upgrade('--strategy', 'handover', '--accessories', 'skip');
    for (const [host, load] of Object.entries(loads)) streams[host] = await load.stop();
    exchanges = await long.ended;
  });
  afterAll(async () => {
    await shop.close();
    for (const host of ['h1', 'h2']) await removeClients(lab, host);
  });

  it('comes to its end, and leaves no rule and no warm proxy behind', async () => {
    expect(upgraded.code, upgraded.stderr).toBe(0);
    for (const host of ['h1', 'h2']) expect(await rulesLeft(host), host).toBe('');
  });

  it.each([
    ['h1', 'that lets everything in'],
    ['h2', 'whose firewall drops what nobody allowed'],
  ])('loses none of them on a host %s %s', (host) => {
    expect(streams[host]).toHaveLength(2 * clientClasses.length);
    expectNothingLost(streams[host] ?? []);
  });

  it('lets a download, a websocket and an upload that had begun come to their end', () => {
    expect(exchanges.map(({ name, end }) => [name, end])).toEqual([['download', 'well'], ['websocket', 'well'], ['upload', 'well']]);
  });
});
