import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { clientClasses, startClients, type ClientClass } from '../../lab/clients.ts';
import type { EngineSpec } from '../../lab/engine.ts';
import { startExchanges } from '../../lab/exchanges.ts';
import { Lab } from '../../lab/lab.ts';
import { serveTls, servedCertificate, tlsHosts } from '../../lab/tls.ts';
import { eventually } from '../../lab/run.ts';
import { dropInput, expectNothingLost, rulesLeft } from './handover.ts';
import { Shop } from './shop.ts';
import { until } from './the-lab.ts';
import { ACCEPTED_WITH_TLS, startTlsLoad } from './tls.ts';

/** What reaches a published port without Docker's userland proxy. */
const withoutProxy: readonly ClientClass[] = ['outside, IPv4', 'the host, its own address', 'the host, 127.0.0.1', 'container on the default bridge'];

interface Engines {
  spec: EngineSpec;
  /** Whether the proof finds that requests can be steered there. */
  handover: boolean;
  classes: readonly ClientClass[];
  /** Whether what is tried in all its forms on Debian's engine is tried here, too, in one form each. */
  more: boolean;
}

const engines: [string, Engines][] = [
  ['the current engine, iptables', { spec: { engine: 'current' }, handover: true, classes: clientClasses, more: true }],
  ['the current engine, nftables', { spec: { engine: 'current', firewall: 'nftables' }, handover: true, classes: clientClasses, more: true }],
  ['the current engine, iptables, no userland proxy', { spec: { engine: 'current', userlandProxy: false }, handover: true, classes: withoutProxy, more: false }],
  ['the current engine, nftables, no userland proxy', { spec: { engine: 'current', firewall: 'nftables', userlandProxy: false }, handover: false, classes: withoutProxy, more: false }],
  ["Debian's engine, iptables-legacy", { spec: { firewall: 'iptables-legacy' }, handover: true, classes: clientClasses, more: false }],
];

describe.each(engines)('a handover with %s', (_, { spec, handover, classes, more }) => {
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
    if (!handover) return;
    expectNothingLost(streams);
    expect(exchanges.map(({ name, end }) => [name, end])).toEqual([['download', 'well'], ['websocket', 'well'], ['upload', 'well']]);
  });

  if (!more) return;

  async function expectNothingLostByUpgrade(): Promise<void> {
    const load = await startClients(other, 'h1', { perSecond: 4, classes });
    const upgraded = await shop.upgrade('--accessories', 'skip', '--strategy', 'handover');
    const streams = await load.stop();
    expect(upgraded.code, upgraded.stderr).toBe(0);
    expectNothingLost(streams);
    expect(await rulesLeft('h1', other)).toBe('');
  }

  it('loses no request where the firewall drops what nobody allowed', async () => {
    await other.restore();
    await dropInput('h1', { on: other });
    await expectNothingLostByUpgrade();
  });

  if (spec.firewall === 'nftables') {
    it("loses no request where iptables' chains are older than Docker's, which decide first then", async () => {
      await other.restore();
      const older = await other.exec('h1', 'for chain in PREROUTING OUTPUT; do iptables -t nat -A $chain -p tcp --dport 9 -j ACCEPT; done; p=$(cat /run/docker.pid); kill $p; while [ -d /proc/$p ]; do sleep 0.1; done');
      expect(older.code, older.stderr).toBe(0);
      await eventually('the host serves again', 60_000, async () => (await fetch(`http://${other.host('h1').address}/`, { signal: AbortSignal.timeout(2000) })).ok);
      await expectNothingLostByUpgrade();
    });
  }

  it('comes to its end when its script is killed, and Docker restarted later on', async () => {
    await other.restore();
    const load = await startClients(other, 'h1', { perSecond: 10, classes: ['outside, IPv4'] });
    const upgrade = shop.start('upgrade', '-y', '--accessories', 'skip', '--strategy', 'handover');
    await until('h1', '^policy [0-9a-f]+ unless-stopped', 'app', 180, other);
    expect(await other.exec('h1', 'kill -9 -$(cut -d" " -f1 .kamal/bactrian/holder)')).toMatchObject({ code: 0 });
    await until('h1', '^started ', 'app', 60, other);
    expect(await other.exec('h1', 'kill $(cat /run/docker.pid)')).toMatchObject({ code: 0 });
    const ended = await upgrade.ended;
    const streams = await load.stop();
    expect(ended.code, upgrade.output()).toBe(0);
    for (const stream of streams) expect(stream.outage, JSON.stringify(stream)).toBeLessThan(30_000);
    expect(await rulesLeft('h1', other)).toBe('');
    const proxies = (await other.inspect('h1')).containers.filter(({ name }) => /proxy|traefik/.test(name));
    expect(proxies.map(({ name, status, restart }) => [name, status, restart])).toEqual([['kamal-proxy', 'running', 'unless-stopped']]);
  });

  it('carries certificates over, and loses no request of clients that check them', async () => {
    await other.restore();
    const authority = await serveTls(other);
    const [tls] = tlsHosts(other);
    if (tls === undefined) throw new Error('this needs a web host');
    await shop.configure({ changes: { drain_timeout: 4, proxy: { ssl: true, hosts: tls.names } } });
    const serials = () => Promise.all(tls.names.map((name) => servedCertificate(tls.host.address, name, authority)));
    const before = await serials();
    const load = await startTlsLoad(tls, authority);
    const upgraded = await shop.upgrade('--accessories', 'skip', '--strategy', 'handover', '--accept-answers', ACCEPTED_WITH_TLS);
    const streams = await load.stop();
    expect(upgraded.code, upgraded.stderr).toBe(0);
    expectNothingLost(streams);
    expect(await serials()).toEqual(before);
    expect(await rulesLeft('h1', other)).toBe('');
  });
});
