import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { clientClasses, startClients, type ClientClass } from '../../lab/clients.ts';
import type { EngineSpec } from '../../lab/engine.ts';
import { startExchanges } from '../../lab/exchanges.ts';
import { Lab } from '../../lab/lab.ts';
import { rulesLeft } from './handover.ts';
import { Shop } from './shop.ts';

/** What reaches a published port without Docker's userland proxy. */
const withoutProxy: readonly ClientClass[] = ['outside, IPv4', 'the host, its own address', 'the host, 127.0.0.1', 'container on the default bridge'];

interface Engines {
  spec: EngineSpec;
  /** Whether the proof finds that requests can be steered there. */
  handover: boolean;
  classes: readonly ClientClass[];
}

const engines: [string, Engines][] = [
  ['the current engine, iptables', { spec: { engine: 'current' }, handover: true, classes: clientClasses }],
  ['the current engine, nftables', { spec: { engine: 'current', firewall: 'nftables' }, handover: true, classes: clientClasses }],
  ['the current engine, iptables, no userland proxy', { spec: { engine: 'current', userlandProxy: false }, handover: true, classes: withoutProxy }],
  ['the current engine, nftables, no userland proxy', { spec: { engine: 'current', firewall: 'nftables', userlandProxy: false }, handover: false, classes: withoutProxy }],
  ["Debian's engine, iptables-legacy", { spec: { firewall: 'iptables-legacy' }, handover: true, classes: clientClasses }],
];

describe.each(engines)('a handover with %s', (_, { spec, handover, classes }) => {
  const other = new Lab({ name: 'engine', subnet: '10.89.0', hosts: 1, ...spec });
  let shop: Shop;
  beforeAll(async () => {
    await other.down();
    await other.up();
    shop = await Shop.open('engines', { changes: { drain_timeout: 12 } }, {}, other);
  });
  afterAll(async () => {
    await shop.close();
    await other.down();
  });

  it(handover ? 'loses no request, and leaves nothing behind' : 'is not tried: the look at the host says why, and the proxies are swapped', async () => {
    const load = await startClients(other, 'h1', { perSecond: 4, classes });
    const long = await startExchanges(other.host('h1').address, 10);
    const upgraded = await shop.upgrade('--accessories', 'skip');
    const streams = await load.stop();
    const exchanges = await long.ended;
    expect(upgraded.code, upgraded.stderr).toBe(0);
    expect(await rulesLeft('h1', other)).toBe('');
    const running = (await other.inspect('h1')).containers.map(({ name }) => name);
    expect(running).toContain('kamal-proxy');
    expect(running).not.toContain('traefik');
    expect(upgraded.stderr).toContain(handover ? 'handover: new connections are steered' : 'no handover: iptables takes no rules for new connections');
    expect(streams).toHaveLength(2 * classes.length);
    for (const stream of streams) {
      expect(stream.good, stream.name).toBeGreaterThan(20);
      if (!handover) continue;
      // A connection that is kept may be used just as its proxy closes it, which a client can't know: that and nothing else.
      const closing = stream.name.endsWith(', kept') ? (stream.reasons.ECONNRESET ?? 0) : 0;
      expect(closing, stream.name).toBeLessThan(3);
      expect(stream.lost - closing, `${stream.name} ${JSON.stringify(stream.reasons)}`).toBe(0);
    }
    if (handover) expect(exchanges.map(({ name, end }) => [name, end])).toEqual([['download', 'well'], ['websocket', 'well'], ['upload', 'well']]);
  });
});
