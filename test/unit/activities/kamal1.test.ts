import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootKamal1, prepareKamal1, pruneKamal1, verifyKamal1, warmTraefikName, type Kamal1Rendering } from '../../../activities/kamal1.ts';
import { replaceScript } from '../../../activities/script/app.ts';
import { swapScript } from '../../../activities/script/cutover.ts';
import { handoverScript } from '../../../activities/script/handover.ts';
import { proveKamal1Script } from '../../../activities/script/kamal1/app.ts';
import { kamal1AccessoryFiles, prepareKamal1Accessory, swapKamal1Accessory } from '../../../activities/kamal1-accessory.ts';
import { prepareAccessoryScript, swapAccessoryScript } from '../../../activities/script/accessory.ts';
import { prepareKamal1Script } from '../../../activities/script/kamal1/prepare.ts';
import { pruneKamal1Script } from '../../../activities/script/kamal1/prune.ts';
import { routeWords } from '../../../activities/script/kamal1/routes.ts';
import { verifyKamal1Script } from '../../../activities/script/kamal1/verify.ts';
import { toTraefik } from '../../../activities/script/kamal1/way.ts';
import { putBackThisRun } from '../../../activities/script/put-back.ts';
import { STEERING } from '../../../activities/script/steer.ts';
import type { Strategy } from '../../../src/plan/strategy.ts';
import { auditor, kamal1, line, type Secrets } from '../../../src/kamal/index.ts';
import { FAKE_DOCKER } from './fake-docker.ts';
import { LocalHost } from './local-host.ts';

const CONFIG = `service: shop
image: acme/shop
servers:
  web: [ 10.0.0.1 ]
  jobs: { hosts: [ 10.0.0.1 ], cmd: bin/jobs }
registry: { username: bot, password: [ PW ] }
env: { secret: [ KEY ] }
traefik: { options: { publish: [ "443:443" ] } }
accessories:
  redis: { image: "redis:7", host: 10.0.0.1, directories: [ "data:/data" ], files: [ "redis.conf.erb:/etc/redis.conf" ], env: { clear: { SIZE: "64mb" }, secret: [ KEY ] } }
`;
const RUN = 'run-1';
const CORD = 'c'.repeat(32);
const IMAGE = `sha256:${'1'.repeat(64)}`;
const HOST = '10.0.0.1';
const ROLES = [
  { name: 'web', version: 'v1', runningVersion: 'v1', imageId: IMAGE, primary: true, proxied: true },
  { name: 'jobs', version: 'v1', runningVersion: 'v1', imageId: IMAGE, primary: false, proxied: false },
];

let host: LocalHost;
let rendering: Kamal1Rendering;
let secrets: Secrets;
let snapshot: kamal1.Kamal1Snapshot;
let traefik: Server;
let answer: (request: IncomingMessage) => { status: number; body: string };
let port: number;

beforeEach(async () => {
  const projectDir = await mkdtemp(join(tmpdir(), 'kamal1-host-'));
  await mkdir(join(projectDir, 'config'));
  await writeFile(join(projectDir, 'config/deploy.yml'), CONFIG);
  await writeFile(join(projectDir, 'redis.conf.erb'), 'maxmemory <%= ENV["SIZE"] %>\n');
  const env = { PATH: process.env['PATH'], VERSION: 'v1', PW: 'p', KEY: 'very secret' };
  snapshot = await kamal1.loadKamal1Project({ projectDir, env });
  const deployment = kamal1.kamal1DeploymentOf(snapshot);
  secrets = await kamal1.readKamal1Secrets(snapshot, { projectDir, env });
  await rm(projectDir, { recursive: true });
  rendering = { deployment, audit: (text, role) => line(kamal1.auditor.record(deployment, text, { at: 'T', performer: 'p', role })) };

  answer = () => ({ status: 200, body: 'ok' });
  traefik = createServer((request, response) => {
    const { status, body } = answer(request);
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => traefik.listen(0, '127.0.0.1', resolve));
  port = (traefik.address() as AddressInfo).port;

  host = new LocalHost(FAKE_DOCKER);
  mkdirSync(host.path('docker/says'), { recursive: true });
  mkdirSync(host.path('docker/images'));
  writeFileSync(host.path('docker/images/acme_shop_v1'), IMAGE);
  writeFileSync(host.path('docker/images/basecamp_kamal-proxy_v0.9.2'), 'sha256:proxy');
});
afterEach(async () => {
  host.remove();
  await new Promise((resolve) => traefik.close(resolve));
});

/** The host as Kamal 2 left it: kamal-proxy, and the app's containers in its network. */
async function onKamal2(): Promise<void> {
  const labels = (role: string) => `--label service=shop --label destination= --label role=${role}`;
  await docker('run --name kamal-proxy --network kamal --detach --restart unless-stopped --volume kamal-proxy-config:/state --publish 80:80 basecamp/kamal-proxy:v0.9.2');
  await docker(`run --name shop-web-v1 --network kamal --detach ${labels('web')} acme/shop:v1`);
  await docker(`run --name shop-jobs-v1 --network kamal --detach ${labels('jobs')} acme/shop:v1`);
}

async function docker(words: string): Promise<string> {
  const { code, output } = await host.sh(`docker ${words}`);
  expect(code, output).toBe(0);
  return output.trim();
}

/** Names of the containers with what is told of each. */
function containers(): Record<string, string> {
  const folder = host.path('docker/containers');
  return Object.fromEntries(readdirSync(folder).map((id) => {
    const read = (file: string) => host.read('docker/containers', id, file).trim();
    return [read('name'), `${read('running') === 'true' ? 'runs' : 'stopped'} ${read('network')} ${read('policy')}`];
  }).sort(([a = ''], [b = '']) => a.localeCompare(b)));
}

const prepare = (strategy: Strategy = 'swap') => prepareKamal1Script(prepareKamal1(rendering, secrets, { run: RUN, host: HOST, roles: ROLES, strategy, keepTraefikEnv: false, replacedSuffix: 'feed' }, null));
const questions = () => [{ scheme: 'http' as const, port, host: null, path: '/up' }];
const boot = (name: string) => {
  const role = rendering.deployment.roles.find((each) => each.name === name);
  if (!role) throw new Error(`no role ${name}`);
  return { ...bootKamal1(rendering, role, { run: RUN, host: HOST, version: 'v1', hostnameSuffix: 'abc', replacedSuffix: 'beef', cordId: CORD }), questions: questions() };
};
const prove = () => proveKamal1Script({ ...boot('web'), timeout: 1 });
const replace = () => replaceScript({ ...boot('jobs'), filters: ['service=shop', 'destination=', 'role=jobs'], stopArgs: '', readinessDelay: 0, timeout: 5 });
const swap = () => swapScript({ warmName: warmTraefikName(RUN), containers: ['shop-web-v1'], ports: [80], way: toTraefik(questions()) });

describe('a host goes back to Kamal 1', () => {
  it('prepared beside what serves: env files as Kamal 1 pushes them, both Traefiks, nothing that starts the second by itself', async () => {
    await onKamal2();
    const ran = await host.step(prepare());
    expect(ran.code, ran.output).toBe(0);
    expect(host.read('.kamal/env/roles/shop-web.env')).toBe('KEY=very secret\n');
    expect(host.read('.kamal/env/traefik/traefik.env')).toBe('\n');
    expect([host.mode('.kamal/env/roles/shop-jobs.env'), host.mode('.kamal/env/traefik/traefik.env'), host.mode('.kamal/env/roles')]).toEqual(['600', '600', '755']);
    expect(containers()).toEqual({
      'kamal-proxy': 'runs kamal unless-stopped', 'shop-jobs-v1': 'runs kamal no', 'shop-web-v1': 'runs kamal no', 'traefik': 'stopped bridge unless-stopped', 'traefik-warm-run-1': 'runs bridge no',
    });
    expect(ran.output).not.toContain('very secret');
    const acts = host.read('docker/acts');
    const again = await host.step(prepare(), { attempt: 2 });
    expect(again.code, again.output).toBe(0);
    expect(host.read('docker/acts')).toBe(acts);
  });

  it('with a stopped Traefik of earlier days put aside', async () => {
    await onKamal2();
    await docker('create --name traefik --restart no traefik:v2.9');
    expect((await host.step(prepare())).code).toBe(0);
    expect(Object.keys(containers())).toContain('traefik_replaced_feed');
    await host.step(putBackThisRun(1), { seq: 9 });
    expect(containers()).toEqual({ 'kamal-proxy': 'runs kamal unless-stopped', 'shop-jobs-v1': 'runs kamal no', 'shop-web-v1': 'runs kamal no', 'traefik': 'stopped bridge no' });
    expect(host.has('.kamal/env')).toBe(false);
  });

  it('step by step to the end, and each step may run twice', { timeout: 120_000 }, async () => {
    await onKamal2();
    writeFileSync(host.path('docker/volumes/kamal-proxy-config'), '');
    mkdirSync(host.path('.kamal/cords', `shop-web-${'0'.repeat(32)}`), { recursive: true });
    mkdirSync(host.path('.kamal/cords', 'shop-web-eu-kept'), { recursive: true });
    const step = async (body: string, seq: number) => {
      for (const attempt of [1, 2]) {
        const ran = await host.step(body, { seq, attempt });
        expect(ran.code, ran.output).toBe(0);
      }
    };
    await step(prepare(), 1);
    await step(prove(), 2);
    expect(host.has('.kamal/cords', `shop-web-${CORD}`, 'cord')).toBe(true);
    expect(containers()).toMatchObject({ 'shop-web-v1': 'runs bridge unless-stopped', 'shop-web-v1_replaced_beef': 'runs kamal no', 'kamal-proxy': 'runs kamal unless-stopped' });
    await step(replace(), 3);
    expect(containers()).toMatchObject({ 'shop-jobs-v1': 'runs bridge unless-stopped', 'shop-jobs-v1_replaced_beef': 'stopped kamal no' });
    await step(swap(), 4);
    expect(containers()).toMatchObject({ 'traefik': 'runs bridge unless-stopped', 'kamal-proxy': 'stopped kamal no' });
    expect(Object.keys(containers())).not.toContain('traefik-warm-run-1');
    await docker('stop shop-web-v1_replaced_beef');
    await step(verifyKamal1Script({ ...verifyKamal1(rendering, { host: HOST, roles: ROLES, pruned: false }), traefik: { questions: questions(), envFile: '.kamal/env/traefik/traefik.env' } }), 5);
    const pruning = pruneKamal1Script(pruneKamal1(rendering, ROLES, ':'));
    await step(pruning, 6);
    expect(Object.keys(containers())).toEqual(['shop-jobs-v1', 'shop-jobs-v1_replaced_beef', 'shop-web-v1', 'shop-web-v1_replaced_beef', 'traefik']);
    expect(host.has('docker/images/basecamp_kamal-proxy_v0.9.2')).toBe(false);
    expect(host.has('docker/volumes/kamal-proxy-config')).toBe(false);
    expect(readdirSync(host.path('.kamal/cords')).sort()).toEqual([`shop-web-${CORD}`, 'shop-web-eu-kept']);
  });

  it('not with an app that does not become healthy: named, and put back to the last file', async () => {
    await onKamal2();
    await host.step(prepare());
    writeFileSync(host.path('docker/says/health'), 'unhealthy');
    const ran = await host.step(prove(), { seq: 2 });
    expect(ran.code).not.toBe(0);
    expect(ran.output).toContain('@fail AppUnhealthy shop-web-v1 did not become healthy by its own check: it is unhealthy');
    expect(ran.output).toContain('| curl: (22) 500');
    expect((await host.step(putBackThisRun(1), { seq: 3 })).code).toBe(0);
    expect(containers()).toEqual({ 'kamal-proxy': 'runs kamal unless-stopped', 'shop-jobs-v1': 'runs kamal no', 'shop-web-v1': 'runs kamal no' });
    expect([host.has('.kamal/cords'), host.has('.kamal/env')]).toEqual([false, false]);
  });

  it("not with an app that Traefik doesn't route to", async () => {
    await onKamal2();
    await host.step(prepare());
    answer = () => ({ status: 404, body: '404 page not found\n' });
    const ran = await host.step(prove().replace('until_serves "$proxy" 20', 'until_serves "$proxy" 1'), { seq: 2 });
    expect(ran.output).toContain('@fail AppUnhealthy Traefik does not route to shop-web-v1, which is healthy');
  });

  it("in Kamal's own order: Traefik takes over first, then the app boots behind it; undone in reverse", async () => {
    await onKamal2();
    const ownOrder = swapScript({ warmName: warmTraefikName(RUN), containers: [], ports: [80], way: toTraefik([]) });
    writeFileSync(host.path('docker/says/address'), `127.0.0.1:${port}/`);
    for (const [seq, body] of [prepare('kamal'), ownOrder, prove()].entries()) {
      const ran = await host.step(body, { seq });
      expect(ran.code, ran.output).toBe(0);
    }
    expect(containers()).toEqual({
      'kamal-proxy': 'stopped kamal no', 'shop-jobs-v1': 'runs kamal no', 'shop-web-v1': 'runs bridge unless-stopped', 'shop-web-v1_replaced_beef': 'runs kamal no', 'traefik': 'runs bridge unless-stopped',
    });
    expect((await host.step(putBackThisRun(1), { seq: 9 })).code).toBe(0);
    expect(containers()).toEqual({ 'kamal-proxy': 'runs kamal unless-stopped', 'shop-jobs-v1': 'runs kamal no', 'shop-web-v1': 'runs kamal no' });
  });

  it('and back to kamal-proxy where Traefik does not start', async () => {
    await onKamal2();
    for (const [seq, body] of [prepare(), prove()].entries()) await host.step(body, { seq });
    writeFileSync(host.path('docker/says/broken'), 'traefik\n');
    const ran = await host.step(swap(), { seq: 4 });
    expect(ran.output).toContain('@fail CutoverFailed traefik did not start, the old proxy serves again: port is already allocated');
    expect(containers()).toMatchObject({ 'kamal-proxy': 'runs kamal always', 'traefik': 'stopped bridge unless-stopped' });
  });
});

describe('an accessory goes back to Kamal 1', () => {
  it('out of the network kamal, with its data, its image and its own env file; twice is as once', async () => {
    const redis = rendering.deployment.accessories[0] as kamal1.Kamal1Accessory;
    writeFileSync(host.path('docker/images/redis_7'), 'sha256:redis');
    await docker('run --name shop-redis --network kamal --detach --restart unless-stopped redis:7');
    const files = await kamal1AccessoryFiles(snapshot, redis, { projectDir: '/', env: {} });
    const prepared = prepareAccessoryScript(prepareKamal1Accessory(rendering, redis, secrets, files));
    const swapped = swapAccessoryScript(swapKamal1Accessory(rendering, redis, 'beef'));
    for (const [seq, body] of [prepared, prepared, swapped, swapped].entries()) {
      const ran = await host.step(body, { seq, journal: 'accessories' });
      expect(ran.code, ran.output).toBe(0);
    }
    expect(containers()).toEqual({ 'shop-redis': 'runs bridge unless-stopped', 'shop-redis_replaced_beef': 'stopped kamal no' });
    expect([host.read('.kamal/env/accessories/shop-redis.env'), host.mode('.kamal/env/accessories/shop-redis.env')]).toEqual(['KEY=very secret\n', '600']);
    expect([host.read('shop-redis/etc/redis.conf'), host.mode('shop-redis/etc/redis.conf')]).toEqual(['maxmemory 64mb\n', '755']);
    expect(host.has('shop-redis/data')).toBe(true);
  });
});

describe('Traefik is asked whether it routes', () => {
  const asks = async (path = '$PATH', wanted = { host: null as string | null, path: '/up' }) => {
    await docker('run --name traefik --detach x');
    const script = `D=.; RUN=r; ${STEERING}\n${routeWords([{ scheme: 'http', port, ...wanted }])}\nPATH=${path}; if serves traefik; then echo yes; else echo no; fi`;
    return (await host.sh(`cat > s; sh -c 'is_running() { :; }; . ./s'`, script)).output.trim().split('\n').at(-1);
  };
  /** A PATH with some of the programs that may be there. */
  const only = (...names: string[]) => {
    const bin = host.path('bin');
    mkdirSync(bin, { recursive: true });
    for (const name of ['sh', 'bash', 'cat', 'sed', 'grep', 'head', 'tail', 'tr', 'cut', 'rm', 'timeout', 'mkdir', 'basename', 'id']) symlinkSync(`/usr/bin/${name}`, join(bin, name));
    for (const name of names) symlinkSync(`/usr/bin/${name}`, join(bin, name));
    return `$(dirname "$(command -v docker)"):${bin}`;
  };

  it.each([
    [{ status: 200, body: 'ok' }, 'yes'],
    [{ status: 302, body: '' }, 'yes'],
    [{ status: 401, body: '' }, 'yes'],
    [{ status: 404, body: "the app's own" }, 'yes'],
    [{ status: 404, body: '404 page not found\n' }, 'no'],
    [{ status: 502, body: 'Bad Gateway' }, 'no'],
    [{ status: 503, body: 'no available server' }, 'no'],
  ])('%j: %s', async (says, expected) => {
    answer = () => says;
    expect(await asks()).toBe(expected);
  });

  it.each([[['curl']], [['wget']], [[]]])('with %j, by the name that its rule asks for', async (programs) => {
    answer = ({ headers, url }) => (headers.host === 'shop.test' && url === '/up' ? { status: 200, body: 'ok' } : { status: 404, body: '404 page not found\n' });
    const path = only(...programs);
    expect(await asks(path, { host: 'shop.test', path: '/up' })).toBe('yes');
    answer = () => ({ status: 502, body: '' });
    await docker('rm traefik');
    expect(await asks(path, { host: 'shop.test', path: '/up' })).toBe('no');
  });
});

it('the audit log of Kamal 1 is the one that Kamal 2 writes', () => {
  expect(rendering.audit('x')).toContain(auditor.auditLogFile({ directories: { run: '.kamal' }, service: 'shop', destination: null } as never));
});

it('the handover to Traefik is what a shell can read, and waits for Traefik in place of kamal-proxy', async () => {
  const script = handoverScript({ warmName: warmTraefikName(RUN), containers: ['shop-web-v1'], way: toTraefik(questions()), drainSeconds: 30 });
  expect((await host.sh('sh -n', script)).code).toBe(0);
  expect(script).toContain('old=$(id kamal-proxy); new=$(id traefik)');
  expect(script.slice(script.indexOf('old=$(id'))).not.toContain('lists ');
});
