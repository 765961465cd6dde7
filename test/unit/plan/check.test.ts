import { describe, expect, it } from 'vitest';
import { hostItems } from '../../../src/plan/check/host.ts';
import { judgeHealth } from '../../../src/plan/check/health.ts';
import type { CheckItem } from '../../../src/plan/check/items.ts';
import { readCloserLook, type HealthSeen, type HostLook } from '../../../src/plan/check/look.ts';
import { featuresLost } from '../../../src/plan/check/traefik-features.ts';
import type { Asked } from '../../../src/plan/answers.ts';
import type { HostFacts } from '../../../src/plan/facts.ts';
import { planUpgrade } from '../../../src/plan/plan.ts';
import { app, deployment, host, SECRETS, TRAEFIK, type ContainerWish } from './fleet.ts';

const NOW = Date.parse('2026-11-24T12:00:00Z');
const SHOP = 'servers: { web: [ a ], jobs: { hosts: [ c ], cmd: bin/jobs } }\nproxy: { app_port: 3000 }\nenv: { clear: { MODE: live }, secret: [ KEY ] }\n';
const health: HealthSeen = { role: 'web', container: 'shop-web-v1', port: 3000, path: '/up', answer: answer(200), listeners: [{ port: 3000, loopback: false }] };
const look: HostLook = {
  imageSizes: { 'sha256:v1': 400 * 1024 * 1024 },
  holders: { 443: 'nginx' },
  listeners: {},
  registries: { insecure: [], mirrors: [] },
  throughProxy: false,
  health: [health],
  login: { outcome: 'open', why: 'the login works' },
  proxyImage: { outcome: 'open', why: 'it is there' },
};

function answer(status: number, redirect: string | null = null): Asked {
  return { status, redirect, from: 'app', certificate: null };
}

const named = (name: string): ContainerWish => ({ ...TRAEFIK, image: `sha256:${name}` });
const kamal1Web = (env = ['MODE=live', 'KEY=k3y', 'KAMAL_VERSION=v1']) => app('web', { env });

interface Accepted {
  acceptAnswers?: string[];
  acceptUnreachable?: string[];
  acceptLostEnv?: boolean;
}

function check(containers: ContainerWish[], sections: Record<string, string> = {}, changes: Partial<HostLook> = {}, seen: Partial<HostFacts> = {}, { acceptLostEnv = false, ...accepted }: Accepted = {}): CheckItem[] {
  const { deployment: shop, snapshot } = deployment(SHOP);
  const facts = { ...host('a', containers, { handover: 'proven', ...sections }), reach: { looked: true, unreachable: [], notes: [] }, ...seen };
  const options = { strategy: 'auto', accessories: 'reboot', pullAccessories: false, allowIssuance: false, importCertificates: true, keepTraefik: false, waitForLock: false, acceptAnswers: [], acceptUnreachable: [], now: NOW, ...accepted } as const;
  const plan = planUpgrade(snapshot, shop, SECRETS, [facts], options);
  return hostItems({ facts, look: { ...look, ...changes }, plan: plan.hosts[0] ?? null, refusals: plan.refusals, deployment: shop, primary: true, now: NOW, acceptLostEnv });
}

const bad = (items: CheckItem[]) => items.filter(({ level }) => level !== 'ok').map(({ id, level }) => `${level} ${id}`);

describe('a host that is fit', () => {
  it('has a line for everything that was looked at, and nothing to put right', () => {
    const items = check([named('traefik'), kamal1Web()]);
    expect(bad(items)).toEqual([]);
    expect(items.map(({ id }) => id)).toEqual(['ssh', 'docker', 'disk', 'generation', 'role', 'lock', 'health', 'registry', 'proxy-image', 'ports', 'neighbours', 'strategy', 'reach']);
    expect(items.every(({ where, fix }) => where === 'a' && fix === null)).toBe(true);
  });
});

describe('what a person accepts', () => {
  const places: Partial<HostFacts> = {
    answers: [{ question: { name: 'https by ip /', scheme: 'https', port: 443, host: null, path: '/' }, before: answer(200) }],
    reach: { looked: true, unreachable: [{ variables: ['DATABASE_URL'], host: 'db', port: 5432, now: 'silent', hint: 'admit it' }], notes: [] },
  };
  const containers = [named('traefik'), kamal1Web(['MODE=live', 'KEY=k3y', 'OLD=1', 'KAMAL_VERSION=v1'])];

  it('is in the way until then', () => {
    expect(bad(check(containers, {}, {}, places))).toEqual(['fail answers', 'fail reach', 'warn differences']);
  });
  it('is then listed as accepted, as an upgrade with the same options goes on', () => {
    const items = check(containers, {}, {}, places, { acceptAnswers: ['by ip'], acceptUnreachable: ['DATABASE_URL'], acceptLostEnv: true });
    expect(bad(items)).toEqual([]);
    expect(items.filter(({ what }) => what.startsWith('accepted: ')).map(({ id, what }) => [id, what])).toEqual([
      ['differences', 'accepted: web runs with something else than the configuration says: env removed: OLD'],
      ['answers', "accepted: kamal-proxy will not answer 'https by ip /' as Traefik does"],
      ['reach', 'accepted: not reached from the network kamal: DATABASE_URL (db:5432)'],
    ]);
  });
});

describe('a host that is not', () => {
  const web = [named('traefik'), kamal1Web()];
  it.each<[string, CheckItem[], string[]]>([
    ['Docker is old', check(web, { docker: '19.03.15' }), ['warn docker']],
    ['Docker is of 2020', check(web, { docker: '20.9.1' }), ['warn docker']],
    ['the disk is full', check(web, { disk: '102400' }), ['fail disk']],
    ['the disk has no room for the next image', check(web, { disk: String(500 * 1024) }), ['warn disk']],
    ['a lock is held', check(web, { locks: '.kamal/lock-shop\t' }), ['fail lock']],
    ['something else has the port', check(web, { listening: '22\n80\n443' }), ['fail ports']],
    ['no app runs', check([named('traefik')]), ['fail role']],
    ['nothing runs', check([], { listening: '22' }), ['fail role', 'fail generation']],
    ['Traefik has stopped', check([{ ...named('traefik'), running: false }, kamal1Web()]), ['fail generation']],
    ['a run was cut off', check(web, { runs: 'app\t20261124-1' }), ['warn cut-off', 'warn generation']],
    ['handover can\'t be', check(web, { handover: 'no iptables' }), ['warn strategy']],
    ['an old Kamal made the container', check([named('traefik'), kamal1Web(['MODE=live', 'KEY=k3y'])]), ['warn kamal-version']],
    ['a variable would go', check([named('traefik'), kamal1Web(['MODE=live', 'KEY=k3y', 'OLD=1', 'KAMAL_VERSION=v1'])]), ['warn differences']],
    ['the registry says no', check(web, {}, { login: { outcome: 'refused', why: 'no' } }), ['fail registry']],
    ['nobody could ask for the image', check(web, {}, { proxyImage: { outcome: 'unknown', why: 'later' } }), ['warn proxy-image']],
    ['the app is silent', check(web, {}, { health: [{ ...health, answer: { silent: 'nobody listens' } }] }), ['fail health']],
    ['Docker is silent', check([], { docker: '', 'docker-error': 'no' }), ['fail docker']],
  ])('%s', (_, items, expected) => {
    expect(bad(items)).toEqual(expected);
    expect(items.filter(({ level }) => level !== 'ok').every(({ fix }) => (fix ?? '').length > 5)).toBe(true);
  });

  it('names who has the port, where the host tells', () => {
    expect(check(web, { listening: '22\n80\n443' }).find(({ id }) => id === 'ports')?.what).toMatch(/port 443 .*\(nginx\)/);
  });
});

describe('the answer to a health check', () => {
  const judged = (changes: Partial<HealthSeen>) => judgeHealth({ ...health, ...changes });
  it.each<[Partial<HealthSeen>, string, RegExp]>([
    [{ answer: answer(204) }, 'ok', /answers 204/],
    [{ answer: answer(301, 'https://abc:3000') }, 'fail', /301 to https/],
    [{ answer: answer(302) }, 'warn', /302/],
    [{ answer: answer(403) }, 'fail', /403/],
    [{ answer: answer(404) }, 'fail', /404/],
    [{ answer: answer(500) }, 'fail', /500/],
    [{ answer: null }, 'warn', /could not be asked/],
    [{ answer: { silent: 'nobody listens' }, listeners: [{ port: 3000, loopback: true }] }, 'fail', /127\.0\.0\.1 only/],
    [{ answer: { silent: 'nobody listens' }, listeners: [] }, 'fail', /nothing listens/],
  ])('%o', (changes, level, what) => {
    const verdict = judged(changes);
    expect(verdict.level).toBe(level);
    expect(verdict.what).toMatch(what);
    expect(verdict.fix === null).toBe(level === 'ok');
  });

  it('says on which port the app listens instead, not counting what only the container reaches', () => {
    const listeners = [{ port: 3000, loopback: false }, { port: 9394, loopback: true }];
    expect(judged({ port: 80, answer: { silent: 'nobody listens' }, listeners }).fix).toBe('set `proxy/app_port: 3000`');
  });
});

describe('what a script on the host prints', () => {
  it('is read: sizes, programs, sockets, registries', () => {
    const seen = readCloserLook(
      [
        '', '@@sizes', 'sha256:v1\t1000', '', '@@registries', '{"IndexConfigs":{"docker.io":{"Secure":true},"r:5000":{"Secure":false}},"Mirrors":["http://m:5001/"]}', '', '@@through-proxy',
        '', '@@holders', 'LISTEN 0      5      0.0.0.0:443  0.0.0.0:* users:(("python3",pid=4300,fd=3))', 'LISTEN 0 128 [::]:22 [::]:* users:(("sshd",pid=46,fd=4))',
        '', '@@sockets', 'c1\t00000000:0BB8', 'c1\t0100007F:24B2', 'c1\t00000000000000000000000001000000:1F90', 'c1\t00000000000000000000000000000000:1F90', '', '@@end', '',
      ].join('\n'),
    );
    expect(seen).toEqual({
      imageSizes: { 'sha256:v1': 1000 },
      holders: { 443: 'python3', 22: 'sshd' },
      listeners: { c1: [{ port: 3000, loopback: false }, { port: 8080, loopback: false }, { port: 9394, loopback: true }] },
      registries: { insecure: ['r:5000'], mirrors: ['http://m:5001/'] },
      throughProxy: false,
    });
  });
});

describe('what Traefik does and kamal-proxy does not', () => {
  const KAMALS = { 'traefik.http.routers.shop-web.rule': 'Host(`a.example`) && PathPrefix(`/`)', 'traefik.http.middlewares.shop-web-retry.retry.attempts': '5', 'traefik.http.services.shop-web.loadbalancer.server.scheme': 'http' };
  it('is nothing of what Kamal 1 sets up itself', () => {
    expect(featuresLost([KAMALS], ['--providers.docker', '--log.level=DEBUG', '--accesslog', '--entryPoints.http.address=:80'])).toEqual([]);
  });
  it.each<[Record<string, string>, string[], RegExp]>([
    [{ 'traefik.http.middlewares.auth.basicauth.users': 'u:$apr1$secret' }, [], /^the middleware basicauth \(traefik\.http\.middlewares\.auth\.basicauth\)$/],
    [{ 'traefik.http.routers.x.rule': 'Headers(`X-A`, `b`)' }, [], /^a rule by Headers/],
    [{ 'traefik.http.routers.x.rule': 'Host(`a`) && !Method(`POST`)' }, [], /^a rule by Method/],
    [{ 'traefik.tcp.routers.db.rule': 'HostSNI(`*`)' }, [], /^a TCP route/],
    [{}, ['--api.dashboard=true'], /dashboard.*\(--api\.dashboard\)/],
    [{}, ['--providers.file.directory=/etc'], /doesn't take from Docker/],
    [{}, ['--certificatesresolvers.le.acme.dnschallenge.provider=cloudflare'], /DNS challenge/],
  ])('is found: %o %o', (labels, args, what) => {
    const found = featuresLost([{ ...KAMALS, ...labels }], args);
    expect(found.map((each) => each.what)).toEqual([expect.stringMatching(what)]);
    expect(JSON.stringify(found.map((each) => [each.what, each.fix]))).not.toContain('secret');
  });
});
