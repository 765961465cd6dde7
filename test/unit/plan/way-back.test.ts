import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { servicesIn } from '../../../src/cli/probe-fleet.ts';
import { Secrets, type kamal1 } from '../../../src/kamal/index.ts';
import { kamal1DeploymentFrom } from '../../../src/kamal/kamal1/deployment.ts';
import { kamal1Generation } from '../../../src/plan/kamal1-generation.ts';
import { isDone } from '../../../src/plan/plan.ts';
import { planDowngrade, wayBackHosts } from '../../../src/plan/way-back.ts';
import type { WayBackOptions } from '../../../src/plan/way-back-refusals.ts';
import type { HostFacts } from '../../../src/plan/facts.ts';
import { app, hash, host, PROXY, TRAEFIK, type ContainerWish } from './fleet.ts';

const TEXT = `
service: shop
image: acme/shop
registry: { server: registry.example.com, username: bot, password: [ REGISTRY_PASSWORD ] }
servers:
  web: [ a, b ]
  jobs: { hosts: [ c ], cmd: bin/jobs }
env:
  clear: { MODE: live }
  secret: [ KEY ]
accessories:
  redis: { image: "redis:7", host: d, directories: [ "data:/data" ] }
`;

const ALL: kamal1.Kamal1Snapshot['selection'] = { hosts: null, roles: null };
const SECRETS = new Secrets(new Map([['KEY', 'k3y'], ['REGISTRY_PASSWORD', 'pw']]), ['.env'], ['.env']);
const NEW: Partial<ContainerWish> = { networks: ['kamal'] };
const OPTIONS: WayBackOptions = { strategy: 'auto', accessories: 'reboot', waitForLock: false, proxyServices: new Map(), importCertificates: true, allowIssuance: false, now: 0 };
const STEERED = { proven: true, why: '' };

function deployment(more = '', selection: kamal1.Kamal1Snapshot['selection'] = ALL): kamal1.Kamal1Deployment {
  const facts = { destination: null, version: { value: 'v2', source: 'option' as const, problem: null }, selection, hooks: { path: '.kamal/hooks', present: [] } };
  const raw = hash(parse(TEXT + more, { mapAsMap: true }));
  if (!(raw instanceof Map)) throw new Error('no mapping');
  return kamal1DeploymentFrom(raw, facts);
}

const shop = deployment();
const plan = (facts: HostFacts[], options: Partial<WayBackOptions> = {}, of = shop) => planDowngrade({ selection: ALL }, of, SECRETS, facts, { ...OPTIONS, ...options });
const reasons = (...args: Parameters<typeof plan>) => plan(...args).refusals.map(({ about, reason }) => `${about}: ${reason}`);
const upgraded = (more: ContainerWish[] = []): HostFacts => ({ ...host('a', [app('web', NEW), PROXY, ...more]), handover: STEERED });

describe('the generation of a host, as Kamal 1 sees it', () => {
  it.each<[string, string, ContainerWish[], Record<string, string>, string]>([
    ['the app behind Traefik', 'a', [app('web'), TRAEFIK], {}, 'kamal1'],
    ['a role without a proxy', 'c', [app('jobs')], {}, 'kamal1'],
    ['stopped containers of Kamal 2 left', 'c', [app('jobs'), app('jobs', { ...NEW, running: false, name: 'shop-jobs-v0' })], {}, 'kamal1'],
    ['the app behind kamal-proxy', 'a', [app('web', NEW), PROXY], {}, 'kamal2'],
    ['Traefik gone, the app on the old network', 'a', [app('web')], {}, 'mixed'],
    ['kamal-proxy left, stopped', 'a', [app('web'), TRAEFIK, { ...PROXY, running: false }], {}, 'mixed'],
    ['Traefik created beside kamal-proxy', 'a', [app('web', NEW), PROXY, { ...TRAEFIK, running: false }], {}, 'mixed'],
    ['the container put aside, and none in its place', 'c', [app('jobs', { name: 'shop-jobs-v1_replaced_0123456789abcdef' })], {}, 'mixed'],
    ['all there, but a run was cut off', 'a', [app('web'), TRAEFIK], { runs: 'app\trun-1' }, 'mixed'],
    ['nothing at all', 'a', [], {}, 'empty'],
  ])('%s', (_, name, containers, sections, generation) => {
    expect(kamal1Generation(host(name, containers, sections), shop)).toBe(generation);
  });
});

describe('the plan of a way back', () => {
  it('has the hosts of roles, then those of accessories alone', () => {
    expect(wayBackHosts(shop, ALL)).toEqual(['a', 'b', 'c', 'd']);
    expect(wayBackHosts(deployment('', { hosts: ['b', 'd'], roles: null }), { hosts: ['b', 'd'], roles: null })).toEqual(['b', 'd']);
    expect(wayBackHosts(deployment('', { hosts: null, roles: ['web'] }), { hosts: null, roles: ['web'] })).toEqual(['a', 'b']);
  });

  it('boots the version that runs, by handover where requests can be steered', () => {
    const [only] = plan([upgraded()]).hosts;
    expect(only).toMatchObject({ target: 'kamal1', generation: 'kamal2', strategy: 'handover', roles: [{ name: 'web', version: 'v1', runningVersion: 'v1', proxied: true, there: false }] });
    expect(only?.roles[0]?.differences).toMatchObject({ envAdded: [], envRemoved: [], envChanged: [], mountsAdded: [], mountsRemoved: [] });
    expect(plan([{ ...upgraded(), handover: { proven: false, why: 'no iptables' } }]).hosts[0]).toMatchObject({ strategy: 'swap', reason: 'no iptables' });
  });

  it('names a variable that would go', () => {
    const facts = host('a', [app('web', { ...NEW, env: ['MODE=live', 'KEY=k3y', 'EXTRA=1', 'PATH=/bin'] }), PROXY]);
    expect(plan([facts]).hosts[0]?.roles[0]?.differences.envRemoved).toEqual(['EXTRA']);
  });

  it('has nothing to do where Kamal 1 is already', () => {
    const there = plan([host('a', [app('web'), TRAEFIK])]);
    expect(there.refusals).toEqual([]);
    expect(there.hosts.map(isDone)).toEqual([true]);
    expect(plan([upgraded()]).hosts.map(isDone)).toEqual([false]);
  });

  it('refuses nothing on a host as an upgrade leaves it', () => {
    expect(reasons([upgraded()], { proxyServices: new Map([['a', ['shop-web']]]) })).toEqual([]);
  });

  it('refuses what would be cut off, or caught by Traefik', () => {
    expect(reasons([upgraded()], { proxyServices: new Map([['a', ['shop-web', 'blog-web']]]) })).toEqual([expect.stringContaining("kamal-proxy also routes to blog-web")]);
    const labelled: ContainerWish = { name: 'blog', labels: { service: 'blog', 'traefik.http.routers.blog.rule': 'PathPrefix(`/`)' } };
    expect(reasons([upgraded([labelled])])).toEqual([expect.stringContaining("blog carries Traefik's labels")]);
    expect(reasons([upgraded([{ ...labelled, labels: { ...labelled.labels, 'traefik.enable': 'false' } }])])).toEqual([]);
  });

  it('refuses a Traefik that no second one can run beside', () => {
    expect(reasons([upgraded()], {}, deployment('traefik: { options: { network: host } }\n'))).toEqual([expect.stringContaining("traefik: no second Traefik can run beside the published one")]);
    // Kamal's own order needs none.
    expect(reasons([upgraded()], { strategy: 'kamal' }, deployment('traefik: { options: { network: host } }\n'))).toEqual([]);
  });

  it("refuses handover by name where requests can't be steered, and a port that somebody else has", () => {
    expect(reasons([{ ...upgraded(), handover: { proven: false, why: 'no iptables' } }], { strategy: 'handover' })).toEqual([expect.stringContaining('no iptables')]);
    expect(reasons([{ ...upgraded(), listening: [80, 8080] }], {}, deployment('traefik: { host_port: 8080 }\n'))).toEqual([expect.stringContaining('port 8080 is in use')]);
  });

  it('refuses an accessory whose data would stay behind, unless it is left alone', () => {
    const redis: ContainerWish = { name: 'shop-redis', image: 'sha256:redis', networks: ['kamal'], mounts: [{ Type: 'volume', Name: 'f'.repeat(64), Source: '/x', Destination: '/data' }] };
    expect(reasons([host('d', [redis])])).toEqual([expect.stringContaining('anonymous volume')]);
    expect(reasons([host('d', [redis])], { accessories: 'skip' })).toEqual([]);
  });
});

describe("the services in kamal-proxy's list", () => {
  it('are its first column, whatever colours it has', () => {
    expect(servicesIn('\u001b[1mService   Host  Target\u001b[0m\n\u001b[32mshop-web\u001b[0m  *  abc:3000\nblog-web  x.example.com  def:80\n\n')).toEqual(['shop-web', 'blog-web']);
    expect(servicesIn('')).toEqual([]);
  });
});

describe('a host on which kamal-proxy has Traefik behind it', () => {
  const BEHIND: ContainerWish = { ...TRAEFIK, networks: ['bridge', 'kamal'], ports: {}, labels: { ...TRAEFIK.labels, 'bactrian.behind': '80' } };
  const WIKI: ContainerWish = { name: 'wiki-web-v3', image: 'sha256:wiki', labels: { 'traefik.http.routers.wiki.rule': 'Host(`wiki`)' } };
  const proxyServices = new Map([['a', ['bactrian-traefik', 'shop-web', 'other-web']]]);

  it('keeps it, for a service that goes back behind it', () => {
    const { hosts, refusals } = plan([upgraded([BEHIND, WIKI])], { proxyServices });
    expect(refusals).toEqual([]);
    expect(hosts[0]).toMatchObject({ generation: 'kamal2', strategy: 'move', shared: { becomes: 'stays', others: ['wiki-web-v3'] } });
  });

  it('is there already, for one that never left or is back', () => {
    expect(plan([host('a', [app('web'), PROXY, BEHIND, WIKI])], { proxyServices }).hosts.map(isDone)).toEqual([true]);
  });

  it('is refused to a service with routes that the one behind has no port for', () => {
    const tls = deployment('traefik:\n  args: { entryPoints.websecure.address: ":443" }\nlabels: { traefik.http.routers.shop-web.entrypoints: websecure, traefik.http.routers.shop-web.tls: true }\n');
    expect(reasons([upgraded([BEHIND, WIKI])], { proxyServices }, tls)).toEqual([expect.stringMatching(/^traefik: role web has a route with TLS/)]);
  });
});
