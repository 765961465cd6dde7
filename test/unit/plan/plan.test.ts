import { describe, expect, it } from 'vitest';
import { isEmpty, losesEnv } from '../../../src/plan/differences.ts';
import { isDone, planUpgrade } from '../../../src/plan/plan.ts';
import type { RefusalOptions } from '../../../src/plan/refusals.ts';
import type { HostFacts } from '../../../src/plan/facts.ts';
import { app, deployment, host, PROXY, SECRETS, TRAEFIK, type ContainerWish } from './fleet.ts';

const OPTIONS: RefusalOptions = { strategy: 'auto', accessories: 'reboot', pullAccessories: false, allowIssuance: false, importCertificates: true, keepTraefik: false, now: Date.parse('2026-11-25'), waitForLock: false, acceptAnswers: [], acceptUnreachable: [] };
const REDIS: ContainerWish = { name: 'shop-redis', image: 'sha256:redis', mounts: [{ Type: 'bind', Source: '/root/shop-redis/data', Destination: '/data' }] };
const JOBS = app('jobs', { cmd: ['bin/jobs'] });

function plan(facts: HostFacts[], options: Partial<RefusalOptions> = {}, text?: string) {
  const { deployment: d, snapshot } = deployment(text);
  return planUpgrade(snapshot, d, SECRETS, facts, { ...OPTIONS, ...options });
}

const FLEET = () => [host('c', [JOBS, REDIS]), host('b', [app('web'), TRAEFIK]), host('a', [app('web'), TRAEFIK])];
const reasons = (...args: Parameters<typeof plan>) => plan(...args).refusals.map(({ host: at, reason }) => `${at ?? '-'}: ${reason}`);
/** The differences of role web on host a. */
const changes = (web: Partial<ContainerWish>, text?: string) => {
  const found = plan([host('a', [app('web', web), TRAEFIK])], {}, text).hosts[0]?.roles[0]?.differences;
  if (!found) throw new Error('the plan has no role');
  return found;
};

describe('a plan', () => {
  it("has the hosts in Kamal's order, each with its roles, accessories and generation", () => {
    const { hosts, refusals, notes } = plan(FLEET());
    expect(hosts.map(({ host: name, generation }) => `${name} ${generation}`)).toEqual(['a kamal1', 'b kamal1', 'c kamal1']);
    expect(refusals).toEqual([]);
    expect(notes).toEqual([]);
    expect(hosts[0]?.roles).toMatchObject([{ name: 'web', primary: true, proxied: true, version: 'v1', runningVersion: 'v1', container: 'shop-web-v1', imageId: 'sha256:v1', there: false }]);
    expect(hosts[2]?.roles).toMatchObject([{ name: 'jobs', primary: false, proxied: false }]);
    expect(hosts[2]?.accessories).toEqual([{ name: 'redis', image: 'redis:7', imageId: 'sha256:redis', there: false }]);
    expect(hosts.every((each) => each.roles.every(({ differences }) => isEmpty(differences)))).toBe(true);
    expect(hosts.some(isDone)).toBe(false);
  });

  it('knows hosts on which nothing is left to do', () => {
    const { hosts } = plan([host('a', [app('web', { networks: ['kamal'] }), PROXY]), host('c', [app('jobs', { networks: ['kamal'] }), { ...REDIS, networks: ['kamal'] }])]);
    expect(hosts.map(isDone)).toEqual([true, true]);
    expect(hosts[1]?.accessories).toMatchObject([{ there: true }]);
  });

  it('notes several versions, and accessories without a container or left alone', () => {
    const mixed = [host('a', [app('web'), TRAEFIK]), host('b', [app('web', { name: 'shop-web-v0' }), TRAEFIK]), host('c', [JOBS])];
    expect(plan(mixed).notes).toEqual([
      'shop runs in several versions (v1, v0): each host keeps its own',
      'accessory redis has no container on c: it is left to `kamal accessory boot`',
    ]);
    const skipped = plan(FLEET(), { accessories: 'skip' });
    expect(skipped.hosts[2]?.accessories).toEqual([]);
    expect(skipped.notes.join()).toContain('left alone');
  });

  it('boots another version where one is asked for', () => {
    expect(plan(FLEET(), { version: 'v9' }).hosts[0]?.roles[0]).toMatchObject({ version: 'v9', runningVersion: 'v1' });
  });

  it('names the runs that were cut off on a host', () => {
    expect(plan([host('a', [app('web'), TRAEFIK], { runs: 'app\trun-1' })]).hosts[0]?.cutOff).toEqual(['run-1']);
  });
});

describe('the differences', () => {
  const ENV = ['MODE=live', 'KEY=k3y'];

  it('are none for what the image itself sets, nor for what Kamal sets', () => {
    expect(isEmpty(changes({ env: [...ENV, 'PATH=/bin', 'RAILS_ENV=production', 'KAMAL_CONTAINER_NAME=shop-web-v1', 'KAMAL_VERSION=v1'] }))).toBe(true);
  });

  it('name variables that come, go and change, without a value', () => {
    const found = changes({ env: ['MODE=test', 'GONE=secret-value', 'PATH=/opt/bin'] });
    expect(found).toMatchObject({ envAdded: ['KEY'], envRemoved: ['GONE', 'PATH'], envChanged: ['MODE'], envEmptied: [] });
    expect(losesEnv(found)).toBe(true);
    expect(JSON.stringify(found)).not.toMatch(/secret-value|k3y|live|test/);
  });

  it('tell a variable that becomes empty', () => {
    const found = changes({ env: ENV }, 'servers: [ a ]\nenv: { clear: { MODE: "" }, secret: [ KEY ] }\n');
    expect(found).toMatchObject({ envEmptied: ['MODE'], envRemoved: [] });
    expect(losesEnv(found)).toBe(true);
    expect(losesEnv(changes({ env: ['MODE=', 'KEY=k3y'] }, 'servers: [ a ]\nenv: { clear: { MODE: "" }, secret: [ KEY ] }\n'))).toBe(false);
  });

  it('tell mounts that come and go, but not the cord of Kamal 1', () => {
    const mounts = [{ Type: 'bind', Source: '/srv/old', Destination: '/old' }, { Type: 'bind', Source: '/x', Destination: '/tmp/kamal-cord' }];
    expect(changes({ env: ENV, mounts }, 'servers: [ a ]\nenv: { clear: { MODE: live }, secret: [ KEY ] }\nvolumes: [ "/srv/new:/new" ]\n')).toMatchObject({ mountsRemoved: ['/old'], mountsAdded: ['/new'] });
  });

  it('tell another command', () => {
    const text = 'servers:\n  web: { hosts: [ a ], cmd: bin/web -p 3000 }\nenv: { clear: { MODE: live }, secret: [ KEY ] }\n';
    expect(changes({ env: ENV, cmd: ['bin/web', '-p', '3000'] }, text).cmd).toBeNull();
    expect(changes({ env: ENV, cmd: ['sh', '-c', 'bin/web -p 3000'] }, text).cmd).toBeNull();
    expect(changes({ env: ENV, cmd: ['bin/web'] }, text).cmd).toEqual({ now: 'bin/web', next: 'bin/web -p 3000' });
  });
});

describe('a run is refused', () => {
  const web = (wish: Partial<ContainerWish> = {}) => app('web', wish);

  it.each<[string, HostFacts[], RegExp]>([
    ['where Docker does not answer', [host('a', [], { docker: '', 'docker-error': 'permission denied' })], /^a: Docker does not answer: permission denied$/],
    ['where a program is missing', [host('a', [web(), TRAEFIK], { missing: 'flock' })], /^a: the host lacks flock$/],
    ['where the deploy lock is held', [host('a', [web(), TRAEFIK], { locks: `.kamal/lock-shop\t${Buffer.from(Buffer.from('Locked by: Bob\nVersion: v1').toString('base64')).toString('base64')}` })], /^a: the deploy lock \.kamal\/lock-shop is held: Locked by: Bob, Version: v1$/],
    ['where a lock has no details', [host('a', [web(), TRAEFIK], { locks: '.kamal/lock-shop\t' })], /^a: the deploy lock \.kamal\/lock-shop is held: it has no details$/],
    ['where a role does not run', [host('a', [TRAEFIK])], /^a: no container of role web runs here$/],
    ["where the running container's image is gone", [host('a', [web({ image: 'sha256:gone' }), TRAEFIK])], /^a: the image that role web runs is gone/],
    ['where the app is on the host network', [host('a', [web({ networkMode: 'host', networks: ['host'] }), TRAEFIK])], /^a: shop-web-v1 is on the host network: two generations/],
    ['where the app publishes ports', [host('a', [web({ ports: { '3000/tcp': [{ HostPort: '3000' }] } }), TRAEFIK])], /^a: shop-web-v1 publishes ports: two generations/],
    ["where Traefik isn't Kamal's", [host('a', [web(), { ...TRAEFIK, labels: {} }])], /^a: a container `traefik` runs here that Kamal did not make$/],
    ['where Traefik serves another app as well', [host('a', [web(), TRAEFIK, { name: 'blog', labels: { 'traefik.http.routers.blog.rule': 'Host(`blog`)' } }])], /^a: this host's Traefik also routes to blog, which is not part/],
    ['where a port is taken', [host('a', [web()], { listening: '22\n443' })], /^a: port 443 is in use by something/],
    ['where an accessory has data in an anonymous volume', [host('c', [JOBS, { ...REDIS, mounts: [{ Type: 'volume', Name: 'a'.repeat(64), Destination: '/data' }] }])], /^c: accessory redis keeps data in an anonymous volume \(\/data\)/],
    ['where an accessory runs another image than its tag names', [host('c', [JOBS, { ...REDIS, image: 'sha256:older' }])], /^c: accessory redis runs another image than redis:7 names by now$/],
  ])('%s', (_, facts, reason) => {
    const found = plan(facts);
    expect(found.refusals.map(({ host: at, reason: text }) => `${at}: ${text}`)).toEqual([expect.stringMatching(reason)]);
    expect(found.refusals[0]?.hint).not.toBe('');
  });

  it.each<[string, string, RegExp]>([
    ['a role keeps a traefik label', 'servers:\n  web: { hosts: [ a ], labels: { traefik.http.routers.x.rule: "Host(`x`)" } }\n', /^-: config\/deploy\.yml:9: role web keeps the label traefik\.http\.routers\.x\.rule/],
    ['a role publishes a port', 'servers:\n  web: { hosts: [ a ], options: { publish: "3000:3000" } }\n', /^-: role web has the Docker option --publish/],
    ['a role has a device', 'servers:\n  web: { hosts: [ a ], options: { device: /dev/fuse } }\n', /^-: role web has the Docker option --device/],
    ['a role is on the host network', 'servers:\n  web: { hosts: [ a ], options: { network: host } }\n', /^-: role web has the Docker option --network host/],
    ['an accessory alone is behind the proxy', 'servers: [ a ]\naccessories:\n  search: { image: "search:1", host: d, proxy: { host: search.example.com } }\n', /^-: accessory search is behind kamal-proxy on a host that runs no proxied role/],
    ['TLS has no certificate yet', 'servers: [ a ]\nproxy: { ssl: true, host: shop.example.com }\n', /^a: `ssl: true` and there is no certificate for shop\.example\.com that kamal-proxy could serve/],
  ])('when %s', (_, text, reason) => {
    expect(reasons([host('a', [app('web'), TRAEFIK])], {}, text)).toEqual([expect.stringMatching(reason)]);
  });

  it('not for what it was told to accept', () => {
    const tls = 'servers: [ a ]\nproxy: { ssl: true, host: shop.example.com }\n';
    const a = host('a', [app('web'), TRAEFIK]);
    expect(reasons([a], { allowIssuance: true }, tls)).toEqual([]);
    expect(reasons([host('a', [app('web'), TRAEFIK], { locks: '.kamal/lock-shop\t' })], { waitForLock: true })).toEqual([]);
    const older = host('c', [JOBS, { ...REDIS, image: 'sha256:older' }]);
    expect(reasons([older], { pullAccessories: true })).toEqual([]);
    expect(reasons([host('c', [JOBS, { ...REDIS, mounts: [{ Type: 'volume', Name: 'a'.repeat(64), Destination: '/data' }] }])], { accessories: 'join' })).toEqual([]);
  });

  it('not for a stranger called traefik where no role is behind a proxy', () => {
    expect(reasons([host('c', [app('jobs'), { ...TRAEFIK, labels: {}, running: false }])], {}, 'servers:\n  jobs: { hosts: [ c ], cmd: bin/jobs, proxy: false }\n')).toEqual([]);
  });
  it('not for a traefik label that is switched off, nor for a lock of ours', () => {
    expect(reasons([host('a', [app('web'), TRAEFIK])], {}, 'servers:\n  web: { hosts: [ a ], labels: { traefik.http.routers.x.rule: y, traefik.enable: false } }\n')).toEqual([]);
    const ours = Buffer.from(Buffer.from('Locked by: Eve\nMessage: bactrian run 20261124-220559-3fa9').toString('base64')).toString('base64');
    expect(reasons([host('a', [app('web'), TRAEFIK], { locks: `.kamal/lock-shop\t${ours}` })])).toEqual([]);
  });

  it('for joining an accessory that is in another network', () => {
    expect(reasons([host('c', [JOBS, { ...REDIS, networks: ['data'] }])], { accessories: 'join' })).toEqual([expect.stringMatching(/^c: accessory redis is in the network data: joining it/)]);
  });

  it('with all its reasons at once', () => {
    expect(reasons([host('c', [REDIS], { missing: 'awk' }), host('a', [TRAEFIK], { missing: 'flock' })])).toEqual([
      'a: the host lacks flock', 'a: no container of role web runs here', 'c: the host lacks awk', 'c: no container of role jobs runs here',
    ]);
  });
});

describe('how a proxy is replaced', () => {
  const at = (handover: HostFacts['handover']) => ({ ...host('a', [app('web'), TRAEFIK]), handover });
  const proven = { proven: true, why: 'proven' };
  const not = { proven: false, why: 'no root and no sudo -n' };
  const choice = (facts: HostFacts, strategy: RefusalOptions['strategy'], text?: string) => {
    const { hosts, refusals } = plan([facts], { strategy }, text);
    return { strategy: hosts[0]?.strategy, reason: hosts[0]?.reason, refused: refusals.map(({ reason }) => reason) };
  };

  it('is by handover where the host has shown that it can, else by swap, and says why', () => {
    expect(choice(at(proven), 'auto')).toEqual({ strategy: 'handover', reason: null, refused: [] });
    expect(choice(at(not), 'auto')).toEqual({ strategy: 'swap', reason: 'no root and no sudo -n', refused: [] });
    expect(choice(at(null), 'auto').strategy).toBe('swap');
  });

  it('is as somebody asked for by name, or refused', () => {
    expect(choice(at(proven), 'swap')).toEqual({ strategy: 'swap', reason: null, refused: [] });
    expect(choice(at(proven), 'kamal').strategy).toBe('kamal');
    expect(choice(at(proven), 'handover').refused).toEqual([]);
    expect(choice(at(not), 'handover').refused).toEqual(["new connections can't be steered here: no root and no sudo -n"]);
  });

  it('does not matter where nothing is proxied or everything is there', () => {
    expect(choice(host('c', [JOBS, REDIS]), 'handover').refused).toEqual([]);
    expect(choice({ ...host('a', [app('web', { networks: ['kamal'] }), PROXY]), handover: not }, 'handover').refused).toEqual([]);
  });

  it('is by swap where kamal-proxy publishes nothing', () => {
    const text = 'servers: [ a ]\nproxy: { run: { publish: false } }\nenv: { secret: [ KEY ] }';
    expect(choice(at(proven), 'auto', text)).toMatchObject({ strategy: 'swap', reason: 'kamal-proxy will publish no port here' });
  });
});
