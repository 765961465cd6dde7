import { describe, expect, it } from 'vitest';
import { appGeneration } from '../../../src/plan/generation.ts';
import { fleetOddities, standingOf, unreachableHost } from '../../../src/plan/standing/host.ts';
import { readLockWords } from '../../../src/plan/lock-words.ts';
import { span } from '../../../src/plan/standing/oddity.ts';
import type { Seen } from '../../../src/plan/standing/seen.ts';
import { app, deployment, host, PROXY, TRAEFIK, type ContainerWish } from './fleet.ts';

const { deployment: shop } = deployment();
const NOW = Date.parse('2026-12-01T12:00:00Z');
const NEW: Partial<ContainerWish> = { networks: ['kamal'] };
const OLD_STOPPED: ContainerWish = app('web', { name: 'shop-web-v1_replaced_0123456789abcdef', running: false });
const PROXIED = { routes: `Service   Host  Path  Target  State  TLS\nshop-web  *  /  id-shop-web:80  running  no` };
const UNROUTED = { routes: 'Service  Host  Path  Target  State  TLS' };
const REDIS: ContainerWish = { name: 'shop-redis', image: 'sha256:redis' };

function standing(name: string, containers: ContainerWish[], sections: Record<string, string> = {}, more: Partial<Seen> = {}) {
  const facts = host(name, containers, sections);
  const roles = shop.rolesOn(name).map(({ name: role, containerPrefix, runningProxy }) => ({ name: role, containerPrefix, proxied: runningProxy }));
  return standingOf({ facts, generation: appGeneration(facts, shop), deployment: shop, roles, accessories: shop.accessoriesOn(name), health: [], rules: [], record: null, open: { asked: true, run: null }, now: NOW, ...more });
}
const said = (...args: Parameters<typeof standing>) => standing(...args).oddities.map(({ id, weight, what }) => `${weight} ${id}: ${what}`);

describe('a host in one generation', () => {
  it.each<[string, string, ContainerWish[], Record<string, string>]>([
    ['Kamal 1', 'a', [app('web'), TRAEFIK], {}],
    ['Kamal 2', 'a', [app('web', NEW), PROXY], PROXIED],
    ['Kamal 1, without a proxy', 'c', [app('jobs'), REDIS], {}],
    ['Kamal 2, without a proxy', 'c', [app('jobs', NEW), { ...REDIS, ...NEW }], {}],
  ])('%s: nothing is odd', (_, name, containers, sections) => {
    expect(said(name, containers, sections)).toEqual([]);
  });

  it('tells versions, and which proxy has which port', () => {
    expect(standing('a', [app('web', NEW), PROXY, { ...TRAEFIK, running: false }], PROXIED)).toMatchObject({
      host: 'a', roles: [{ role: 'web', running: [{ container: 'shop-web-v1', version: 'v1', generation: 'kamal2', image: 'v1' }] }],
      proxies: [{ container: 'kamal-proxy', running: true, ports: [80, 443] }, { container: 'traefik', running: false, ports: [80] }],
    });
  });

  it('what is kept of the other one, stopped, is only mentioned', () => {
    expect(said('a', [app('web', NEW), PROXY, OLD_STOPPED], PROXIED)).toEqual(['note kept: kept from Kamal 1, stopped: shop-web-v1_replaced_0123456789abcdef']);
  });
});

describe('a host whose Traefik stands behind kamal-proxy', () => {
  const BEHIND: ContainerWish = { ...TRAEFIK, networks: ['bridge', 'kamal'], ports: {}, labels: { ...TRAEFIK.labels, 'bactrian.behind': '80' } };
  const WIKI: ContainerWish = { name: 'wiki-web-v3', image: 'sha256:wiki', labels: { 'traefik.http.routers.wiki.rule': 'Host(`wiki`)' } };
  it('says for whom', () => {
    expect(standing('a', [app('web', NEW), PROXY, BEHIND, WIKI], PROXIED)).toMatchObject({ generation: 'kamal2', oddities: [{ weight: 'note', what: 'Traefik stands behind kamal-proxy, for wiki-web-v3', todo: null }] });
    expect(standing('a', [app('web'), PROXY, BEHIND, WIKI], UNROUTED)).toMatchObject({ generation: 'kamal1', oddities: [{ weight: 'note', what: 'Traefik stands behind kamal-proxy, for this service, wiki-web-v3' }] });
  });
  it('says so when it is for nobody any more, and how it goes', () => {
    expect(standing('a', [app('web', NEW), PROXY, BEHIND], PROXIED).oddities).toEqual([{ id: 'traefik', weight: 'note', what: 'Traefik stands behind kamal-proxy, for nobody any more', todo: expect.stringContaining('remove bactrian-traefik') }]);
  });
});

describe('a host half way through an upgrade', () => {
  it.each<[string, string, ContainerWish[], Record<string, string>, string[]]>([
    ['Traefik stopped', 'a', [app('web'), { ...TRAEFIK, running: false }], {}, ['fail traefik: nobody serves: Traefik is stopped (exited), there is no kamal-proxy, and the app still runs outside the network kamal']],
    ['Traefik gone', 'a', [app('web')], {}, ['fail traefik: nobody serves: Traefik is gone, there is no kamal-proxy, and the app still runs outside the network kamal']],
    ['kamal-proxy up, app not in the network', 'a', [app('web'), PROXY], UNROUTED, ['fail no-service: kamal-proxy runs and knows no service shop-web: requests get 404, and the app still runs outside the network kamal']],
    ['kamal-proxy up, app in the network and never healthy', 'a', [app('web', NEW), app('web', { name: 'shop-web-v1_replaced_0123456789abcdef' }), PROXY], UNROUTED, [
      'warn two-generations: role web runs in both generations: shop-web-v1 in the network kamal, shop-web-v1_replaced_0123456789abcdef outside of it',
      'fail no-service: kamal-proxy runs and knows no service shop-web: requests get 404, and the app still runs outside the network kamal',
    ]],
    ['all there, the old app not stopped', 'a', [app('web', NEW), app('web', { name: 'shop-web-v1_replaced_0123456789abcdef' }), PROXY], PROXIED, [
      'warn two-generations: role web runs in both generations: shop-web-v1 in the network kamal, shop-web-v1_replaced_0123456789abcdef outside of it',
    ]],
    ['kamal-proxy stopped', 'a', [app('web', NEW), { ...PROXY, running: false }], {}, ['fail proxy: nobody serves: Traefik is gone, kamal-proxy is exited']],
    ['kamal-proxy routes to a container that is gone', 'a', [app('web', NEW), PROXY], { routes: 'Service\nshop-web * / 0123456789ab:80 running no' }, ['fail no-service: kamal-proxy sends shop-web to 0123456789ab, which does not run: requests get 502']],
    ['kamal-proxy says nothing', 'a', [app('web', NEW), PROXY], {}, ['warn proxy: kamal-proxy runs, and does not tell what it routes to']],
    ['a container put aside, and none in its place', 'c', [app('jobs', { name: 'shop-jobs-v1_replaced_0123456789abcdef' }), REDIS], {}, ['warn half-booted: shop-jobs-v1_replaced_0123456789abcdef was put aside for another container, which never came']],
    ['the accessory not yet rebooted', 'c', [app('jobs', NEW), REDIS], {}, ['warn accessory: accessory redis still runs as Kamal 1 made it, outside the network kamal']],
    ['the accessory stopped', 'c', [app('jobs', NEW), { ...REDIS, running: false }], {}, ['fail accessory: accessory redis is exited']],
    ['nothing of a role', 'c', [REDIS], {}, ['fail role: no container of role jobs runs here']],
    ['a container in two networks', 'a', [app('web', { networks: ['bridge', 'kamal'] }), PROXY], PROXIED, ['warn two-networks: shop-web-v1 is in several networks: bridge, kamal']],
    ['both proxies', 'a', [app('web'), TRAEFIK, PROXY], UNROUTED, ['warn proxy: Traefik and kamal-proxy both run: which of them has the ports depends on who came first']],
    ['kamal-proxy made beside Traefik', 'a', [app('web'), TRAEFIK, { ...PROXY, running: false }], {}, ['warn proxy: Traefik serves, and a kamal-proxy stands beside it, exited']],
    ['Traefik left, stopped', 'a', [app('web', NEW), PROXY, { ...TRAEFIK, running: false }], PROXIED, ['warn proxy: what is left of the other generation: traefik (exited)']],
  ])('%s', (_, name, containers, sections, wanted) => {
    expect(said(name, containers, sections)).toEqual(wanted);
    for (const { todo } of standing(name, containers, sections).oddities) expect(todo).toBeTruthy();
  });

  it('an app that does not answer its health path', () => {
    const health = [{ role: 'web', container: 'shop-web-v1', port: 80, path: '/up', answer: { status: 500, redirect: null, from: 'app', certificate: null } as const, listeners: [] }];
    expect(said('a', [app('web', NEW), PROXY], PROXIED, { health })).toEqual([expect.stringContaining('fail unhealthy: web on port 80 for /up answers 500')]);
  });

  it('a host on which nothing could be seen says so', () => {
    expect(standing('a', [], { docker: '', 'docker-error': 'permission denied' })).toMatchObject({ generation: null, oddities: [{ id: 'docker', what: 'Docker does not answer: permission denied' }] });
  });
});

describe('what is left behind', () => {
  const week = Math.floor((NOW - 7 * 86_400_000) / 1000);
  const cutOff = { runs: `app\t20261124-220559-3fa9\t${week}\tcontainer shop-web-v1` };
  const lockOf = (details: string, run = '') => ({ locks: `.kamal/lock-shop\t${details && Buffer.from(Buffer.from(details).toString('base64')).toString('base64')}\t${run}` });

  it('a run that was cut off: its age, its last act, and what undoes it', () => {
    const [oddity] = standing('a', [app('web'), TRAEFIK], cutOff).oddities;
    expect(oddity).toEqual({ id: 'cut-off', weight: 'warn', what: 'run 20261124-220559-3fa9 was cut off here (7 days ago, its last act here: made the container shop-web-v1)', todo: expect.stringContaining('`bactrian upgrade` brings it to Kamal 2, `bactrian downgrade` back to Kamal 1') });
  });

  it('a run that is open is only mentioned, and one of which nobody knows is not called over', () => {
    expect(said('a', [app('web'), TRAEFIK], cutOff, { open: { asked: true, run: '20261124-220559-3fa9' } })).toEqual([expect.stringContaining('note cut-off: run 20261124-220559-3fa9 is open and at work here')]);
    expect(said('a', [app('web'), TRAEFIK], cutOff, { open: { asked: false, why: 'no server runs' } })).toEqual([expect.stringContaining('is not finished here; no server runs')]);
  });

  it('a deploy lock of somebody else: who, since when, why, and who may release it', () => {
    const details = 'Locked by: Bob at 2026-12-01T09:00:00Z\nVersion: v1\nMessage: Automatic deploy lock';
    const [oddity] = standing('a', [app('web'), TRAEFIK], lockOf(details)).oddities;
    expect(oddity?.what).toBe('the deploy lock .kamal/lock-shop is held by Bob since 2026-12-01 09:00 UTC (3 hours): Automatic deploy lock, version v1');
    expect(oddity?.todo).toContain('`kamal lock release`');
    expect(said('a', [app('web'), TRAEFIK], lockOf(''))).toEqual(['warn lock: the deploy lock .kamal/lock-shop is held: it has no details']);
    expect(said('a', [app('web'), TRAEFIK], lockOf('written by hand'))).toEqual(['warn lock: the deploy lock .kamal/lock-shop is held: written by hand']);
    expect(readLockWords('Locked by: A at B\nMessage: x')).toMatchObject({ by: 'A', since: null, version: null });
  });

  it('a lock at the place of Kamal 1 is released by Kamal 1', () => {
    const { locks } = lockOf('Locked by: Bob at 2026-12-01T09:00:00Z\nVersion: v1\nMessage: m');
    const [oddity] = standing('a', [app('web'), TRAEFIK], { locks: locks.replace('lock-shop', 'locks/shop') }).oddities;
    expect(oddity?.todo).toContain('Kamal 1.9');
  });

  it('a lock of ours: whether its run is open', () => {
    const details = lockOf('Locked by: Ann at 2026-12-01T09:00:00Z\nVersion: v1\nMessage: bactrian run run-7');
    expect(said('a', [app('web'), TRAEFIK], details, { open: { asked: true, run: 'run-7' } })).toEqual(['note lock: the deploy lock .kamal/lock-shop is held by run run-7 of bactrian, which is open']);
    expect(said('a', [app('web'), TRAEFIK], details)).toEqual(['warn lock: the deploy lock .kamal/lock-shop is held by run run-7 of bactrian, which is over']);
    const both = { locks: `${details.locks}\n${details.locks.replace('lock-shop', 'locks/shop')}` };
    expect(said('a', [app('web'), TRAEFIK], both, { open: { asked: false, why: 'no server runs' } })).toEqual(['warn lock: the deploy lock .kamal/lock-shop, .kamal/locks/shop is held by run run-7 of bactrian; no server runs']);
    expect(said('a', [app('web'), TRAEFIK], lockOf('', 'run-8'))).toEqual(['warn lock: the deploy lock .kamal/lock-shop is held by run run-8 of bactrian, which is over']);
  });

  it('rules and second proxies of runs that are not open', () => {
    const warm: ContainerWish = { ...PROXY, name: 'kamal-proxy-warm-run-7', ports: {} };
    const rules = [{ run: 'run-7', count: 9, retiring: false }, { run: 'run-8', count: 1, retiring: false }];
    expect(said('a', [app('web'), TRAEFIK, warm], {}, { rules })).toEqual(['warn steering: left of run run-7: 9 packet filter rules and kamal-proxy-warm-run-7, which runs', 'warn steering: left of run run-8: 1 packet filter rule']);
    expect(said('a', [app('web'), TRAEFIK, warm], {}, { rules, open: { asked: true, run: 'run-7' } })).toEqual(['warn steering: left of run run-8: 1 packet filter rule']);
    expect(said('a', [app('web'), TRAEFIK, warm], {}, { rules: [{ run: 'run-7', count: 9, retiring: true }] })).toEqual(['note steering: the second proxy of run run-7 lets its last connections go']);
    const blogs: ContainerWish = { ...warm, labels: { bactrian: 'blog' } };
    expect(said('a', [app('web'), TRAEFIK, blogs], {}, { rules })).toEqual(['warn steering: left of run run-8: 1 packet filter rule']);
  });
});

it('a record of how Kamal 1 ran', () => {
  const record = (used: boolean) => ({ record: { writtenAt: NOW - 3 * 86_400_000, used } });
  expect(said('a', [app('web', NEW), PROXY], PROXIED, record(false))).toEqual(['note record: how Kamal 1 ran here is written down (3 days ago): `bactrian downgrade` needs no old configuration']);
  expect(said('a', [app('web'), TRAEFIK], {}, record(true))).toEqual(['note record: how Kamal 1 ran here is written down (3 days ago), and a way back has used it']);
  expect(said('a', [app('web'), TRAEFIK], {}, record(false))).toEqual([]);
});

it('spans are told in the largest unit that tells', () => {
  expect([0, 60_000, 59 * 60_000, 47 * 3600_000, 48 * 3600_000, -5].map(span)).toEqual(['0 minutes', '1 minute', '59 minutes', '47 hours', '2 days', '0 minutes']);
});

describe('the fleet', () => {
  const old = standing('a', [app('web'), TRAEFIK]);
  const next = standing('b', [app('web', { ...NEW, name: 'shop-web-v2', image: 'sha256:v2' }), PROXY], PROXIED);
  it('half way, and in several versions', () => {
    expect(fleetOddities([old, next]).map(({ what }) => what)).toEqual(['the fleet is half way: on Kamal 1 a; on Kamal 2 b', 'several versions run: web: v1, v2']);
    const latest = standing('b', [app('web', { ...NEW, name: 'shop-web-latest' }), PROXY], PROXIED);
    expect(fleetOddities([latest, standing('a', [app('web', NEW), PROXY], PROXIED)])).toEqual([]);
    expect(fleetOddities([old, unreachableHost({ host: 'b', message: 'm', hint: 'h' })])).toEqual([]);
  });
});
