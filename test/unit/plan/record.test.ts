import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { Secrets, kamal1, type Hash } from '../../../src/kamal/index.ts';
import { kamal1DeploymentFrom } from '../../../src/kamal/kamal1/deployment.ts';
import { rebuild, type Rebuilt } from '../../../src/plan/record/configuration.ts';
import { containerRecord } from '../../../src/plan/record/from-inspect.ts';
import type { InspectedContainer, InspectedImage } from '../../../src/plan/record/inspect.ts';
import { masking, unmask } from '../../../src/plan/record/masking.ts';
import { partsOfKamal1 } from '../../../src/plan/record/parts.ts';
import { fileOf, readRecord, RecordError, type HostRecord } from '../../../src/plan/record/read.ts';
import type { Part, PartRecord } from '../../../src/plan/record/shape.ts';
import { configured } from '../../../src/plan/record/value.ts';
import { changedVariables } from '../../../src/plan/record/variables.ts';
import { app, deployment as kamal2Deployment, hash, host, PROXY, TRAEFIK, type ContainerWish } from './fleet.ts';
import { toldDocker } from './told-docker.ts';

/** A Kamal 1 project that uses much of what Kamal 1 can say. */
const KAMAL1 = `
service: shop
image: acme/shop
registry: { server: registry.example.com, username: bot, password: [ REGISTRY_PASSWORD ] }
labels: { team: "öffis" }
volumes: [ "storage:/storage", "/srv/up:/up:ro" ]
servers:
  web:
    hosts: [ a ]
    labels: { traefik.http.routers.shop-web.rule: "Host(\`shop.example.com\`) && PathPrefix(\`/\`)", traefik.http.routers.shop-web.entrypoints: websecure, odd: 'a "quoted" \\back #{x}' }
    options: { memory: 512m, cpus: 1.5, add-host: [ "db:10.0.0.9", "cache:10.0.0.8" ], read-only: true, tmpfs: "/tmp:size=64m", ulimit: "nofile=1024:2048" }
  jobs: { hosts: [ b ], cmd: "bin/jobs --queue 'a b'", options: { cap-add: SYS_PTRACE, restart: "on-failure:3" } }
env: { clear: { MODE: live }, secret: [ KEY ] }
asset_path: /app/assets
healthcheck: { path: /health, port: 8080, interval: 5s, max_attempts: 20 }
traefik:
  image: traefik:v2.10
  host_port: 8080
  labels: { traefik.http.middlewares.auth.basicauth.users: "admin:$apr1$x$y" }
  options: { publish: [ "443:443", "127.0.0.1:9000:9000/udp" ], memory: 256m, volume: [ "/acme.json:/acme.json" ], network: edge }
  args: { accesslog: true, "entryPoints.web.address": ":80", "entryPoints.websecure.address": ":443", providers.docker.exposedbydefault: false, log.level: ERROR }
accessories:
  redis:
    image: "redis:7"
    host: a
    port: "127.0.0.1:6379:6379"
    cmd: "redis-server --requirepass s3cr3t-pass"
    directories: [ "data:/data" ]
    volumes: [ "conf:/conf" ]
    labels: { kind: cache }
    options: { health-cmd: "redis-cli ping", health-interval: 10s, health-retries: 4 }
`;

const KAMAL2 = `
servers:
  web: { hosts: [ a ] }
  jobs: { hosts: [ b ], cmd: bin/other }
env: { clear: { MODE: live }, secret: [ "KEY:SHOP_KEY" ] }
deploy_timeout: 90
proxy: { app_port: 8080, healthcheck: { path: /health } }
accessories:
  redis: { image: "redis:7", host: a, port: "127.0.0.1:6379:6379", directories: [ "data:/data" ], env: { secret: [ REDIS_PASSWORD ] } }
`;

const FACTS = { destination: null, version: { value: 'v1', source: 'option' as const, problem: null }, selection: { hosts: null, roles: null }, hooks: { path: '.kamal/hooks', present: [] } };
const IMAGE: InspectedImage = { Id: 'sha256:1', Config: { Env: ['PATH=/bin'], Cmd: ['serve'], Entrypoint: ['/entry'], Labels: { maintainer: 'acme' }, Volumes: { '/cache': {} } } };
const SECRETS = { SHOP_KEY: 'k3y-of-the-shop', REDIS_PASSWORD: 's3cr3t-pass', REGISTRY_PASSWORD: 'registry-pw' };
const KEY = { id: 'key-1', hash: (name: string, value: string) => Buffer.from(`${name}${value}`).toString('hex').padEnd(32, '0').slice(-32) };

const text = (yaml: string): Hash => hash(parse(yaml, { mapAsMap: true })) as Hash;
const original = kamal1DeploymentFrom(text(KAMAL1), FACTS);
const kamal2 = kamal2Deployment(KAMAL2).deployment;

/** What Docker is told by a Kamal 1 configuration, by part. */
function told(d: kamal1.Kamal1Deployment): { host: string; part: Part; container: InspectedContainer }[] {
  const role = (name: string) => d.allRoles.find((each) => each.name === name) ?? fail(name);
  const app = (name: string, host: string) => toldDocker(kamal1.app.run(d, { role: role(name), host, version: 'v1', runId: '0'.repeat(32), hostname: `${host}-abc` }), IMAGE);
  return [
    { host: 'a', part: { kind: 'traefik' }, container: toldDocker(kamal1.traefik.run(d), IMAGE) },
    { host: 'a', part: { kind: 'role', name: 'web' }, container: app('web', 'a') },
    { host: 'b', part: { kind: 'role', name: 'jobs' }, container: app('jobs', 'b') },
    ...d.accessories.map((accessory) => ({ host: 'a', part: { kind: 'accessory', name: accessory.name } as const, container: toldDocker(kamal1.accessory.run(d, accessory), IMAGE) })),
  ];
}

function fail(name: string): never {
  throw new Error(`nothing called ${name}`);
}

type Change = (container: InspectedContainer, part: Part) => InspectedContainer;

/** Files as they lie on hosts, read again. */
function records(change: Change = (container) => container, of = original): HostRecord[] {
  const files = told(of).map(({ host, part, container }) => ({ host, ...file(part, change(container, part)) }));
  return ['a', 'b'].map((host) => readRecord(host, files.filter((each) => each.host === host), host === 'a' ? [] : null));
}

function file(part: Part, container: InspectedContainer) {
  const record: PartRecord = { format: 1, deployment: 'shop', part, run: 'run-1', at: '2026-11-30T12:00:00.000Z', home: '/tmp', key: KEY.id, container: containerRecord(container, IMAGE, part, { hash: KEY.hash, mask: masking(SECRETS) }) };
  return { path: `.kamal/bactrian/kamal1-shop.${fileOf(part)}`, text: JSON.stringify(record) };
}

const again = (from = records(), of = kamal2): Rebuilt => rebuild(of, from, (name) => SECRETS[name as keyof typeof SECRETS] ?? fail(name));
const made = (from?: HostRecord[]) => kamal1DeploymentFrom(again(from).raw, FACTS);

/** The settings that make a container what it is, without order where Docker keeps none. */
function settings({ container }: { container: InspectedContainer }) {
  const { Config: config, HostConfig: host } = container;
  return { ...container, Config: { ...config, Env: [...(config?.Env ?? [])].sort() }, HostConfig: { ...host, Binds: [...((host?.['Binds'] as string[]) ?? [])].sort() } };
}

describe('a configuration made of a record', () => {
  it('tells Docker what the configuration of Kamal 1 told it, but for variables, which are those of Kamal 2', () => {
    expect(again().problems).toEqual([]);
    const then = told(original).map(settings);
    const now = told(made()).map(settings);
    expect(now.map(({ Name }) => Name)).toEqual(then.map(({ Name }) => Name));
    for (const [at, each] of now.entries()) expect(each, each.Name).toEqual(then[at]);
  });

  it('is one that Kamal 1 takes, waits for the app as long as Kamal 2 does, and asks its routes', () => {
    const d = made();
    expect(d.healthcheck.maxAttempts).toBe(13);
    expect(d.traefik.ports).toEqual([{ ip: null, hostPort: 8080, containerPort: 80 }, { ip: null, hostPort: 443, containerPort: 443 }]);
    expect(kamal1.routeQuestions(d, d.allRoles.find(({ name }) => name === 'web') ?? fail('web'))).toEqual([{ scheme: 'http', port: 443, host: 'shop.example.com', path: '/health' }]);
  });

  it('names a secret as its variable, as Kamal 1 does', () => {
    expect(again().aliases).toEqual({ KEY: 'SHOP_KEY' });
    expect(made().allRoles[0]?.env('a').secretKeys).toEqual(['KEY']);
    const two = kamal2Deployment(KAMAL2.replace('cmd: bin/other', 'env: { secret: [ "KEY:OTHER" ] }')).deployment;
    expect(again(records(), two).problems).toEqual([expect.stringMatching(/KEY is another secret in one place/)]);
  });

  it('refuses what it could not say, and says where', () => {
    const with_ = (more: Record<string, unknown>): Change => (container, part) => (part.kind === 'role' && part.name === 'jobs' ? { ...container, HostConfig: { ...container.HostConfig, ...more } } : container);
    expect(again(records(with_({ BlkioDeviceReadBps: [{ Path: '/dev/sda', Rate: 1 }] }))).problems).toEqual(['b: role jobs ran with HostConfig.BlkioDeviceReadBps, which can\'t be given to `docker run` from the record']);
    expect(again(records(with_({ ExtraHosts: ['x:${HOME}'] }))).problems).toEqual([expect.stringMatching(/^b: role jobs: "x:\$\{HOME\}" can't be said/)]);
    expect(again(records((container, part) => (part.kind === 'traefik' ? { ...container, Config: { ...container.Config, Cmd: ['--providers.docker', 'what?'] } } : container))).problems).toEqual(['a: Traefik: its argument "what?" is none that Kamal 1 could have given']);
  });

  it('refuses what hosts say differently, and a role that nothing is written down of', () => {
    const [a, b] = records();
    const two = kamal2Deployment(KAMAL2.replace('hosts: [ a ]', 'hosts: [ a, b ]')).deployment;
    const web = records((container, part) => (part.kind === 'role' && part.name === 'web' ? { ...container, HostConfig: { ...container.HostConfig, Memory: 1 } } : container))[0]?.roles.get('web') ?? fail('web');
    if (!a || !b) throw new Error('two hosts');
    expect(again([a, { ...b, roles: new Map([...b.roles, ['web', web]]) }], two).problems).toEqual(['a and b had role web differently (options/memory): one configuration can\'t say both']);
    expect(again([a], kamal2).problems).toEqual(['nothing is written down of role jobs: no host ran it under Kamal 1 when it was upgraded']);
  });

  it('leaves an accessory alone that came later', () => {
    const more = kamal2Deployment(`${KAMAL2}  mail: { image: mail, host: a }\n`).deployment;
    expect(again(records(), more)).toMatchObject({ problems: [], notes: ['nothing is written down of accessory mail: it is left alone'] });
  });
});

describe('a record', () => {
  it('holds no value of a variable, and names secrets in other texts', () => {
    const all = told(original).map(({ part, container }) => file(part, container).text).join('\n');
    expect(all).toContain('"KEY"'.replace('KEY', 'MODE'));
    for (const value of ['"live"', 'secret value', ...Object.values(SECRETS)]) expect(all).not.toContain(value);
    expect(all).toContain('{"secret":"REDIS_PASSWORD"}');
  });

  it.each<[string, (record: Record<string, unknown>) => unknown, RegExp]>([
    ['no JSON', () => '{', /a:.*traefik\.json: the text is/],
    ['another format', (record) => ({ ...record, format: 2 }), /format is 2, where 1 .*another version of bactrian/],
    ['something missing', (record) => ({ ...record, home: undefined }), /home is missing, where an absolute path is expected/],
    ['something else within', (record) => ({ ...record, container: { ...(record['container'] as object), labels: { x: 1 } } }), /container\/labels is .*texts by name/],
    ['a value where a hash should be', (record) => ({ ...record, container: { ...(record['container'] as object), env: { KEY: 'plain' } } }), /container\/env is .*hashes by name/],
    ['the file of another part', (record) => ({ ...record, part: { kind: 'role', name: 'web' } }), /part is .*file's name/],
  ])('that is not what we wrote is refused: %s', (_, change, message) => {
    const { path, text: written } = file({ kind: 'traefik' }, told(original)[0]?.container ?? fail('traefik'));
    const changed = change(JSON.parse(written) as Record<string, unknown>);
    const read = () => readRecord('a', [{ path, text: typeof changed === 'string' ? changed : JSON.stringify(changed) }], null);
    expect(read).toThrow(RecordError);
    expect(read).toThrow(message);
    expect(read).toThrow(/-c FILE or --from-git REV/);
  });
});

describe('what is written down of a host', () => {
  const redis: ContainerWish = { name: 'shop-redis', labels: { service: 'shop-redis' } };
  const NEW: Partial<ContainerWish> = { networks: ['kamal'] };
  it.each<[string, ContainerWish[], Record<string, string>, string[]]>([
    ['all of it, under Kamal 1', [app('web'), TRAEFIK, redis], {}, ['traefik', 'role web', 'accessory redis']],
    ['nothing of the app once it is under Kamal 2', [app('web', NEW), PROXY, redis], {}, ['accessory redis']],
    ['nothing of the app between the two', [app('web'), TRAEFIK, PROXY, redis], {}, ['accessory redis']],
    ['nothing of the app where a run was cut off', [app('web'), TRAEFIK, redis], { runs: 'app\trun-1' }, ['accessory redis']],
    ['no accessory that is there already', [app('web'), TRAEFIK, { ...redis, ...NEW }], {}, ['traefik', 'role web']],
    ['nor one whose reboot was cut off', [app('web'), TRAEFIK, redis], { runs: 'accessories\trun-1' }, ['traefik', 'role web']],
  ])('%s', (_, containers, sections, parts) => {
    expect(partsOfKamal1(host('a', containers, sections), kamal2).map(({ part }) => (part.kind === 'traefik' ? part.kind : `${part.kind} ${part.name}`))).toEqual(parts);
  });
});

describe('variables since Kamal 1', () => {
  const byHost = (from = records()) => new Map(from.map((record) => [record.host, record]));
  const secrets = new Secrets(new Map(Object.entries({ ...SECRETS, KEY: SECRETS.SHOP_KEY })), [], []);

  it('that nothing gives a value are named, and those with another value where the key is known', () => {
    const from = records((container) => ({ ...container, Config: { ...container.Config, Env: [...(container.Config?.Env ?? []), 'GONE=1', 'KAMAL_HOST=a'] } }));
    const d = made(from);
    expect(changedVariables(d, secrets, { byHost: byHost(from), key: KEY })).toEqual([
      { host: 'a', part: 'Traefik', missing: ['FROM_FILE', 'GONE'], changed: [] },
      { host: 'a', part: 'role web', missing: ['FROM_FILE', 'GONE'], changed: [] },
      { host: 'a', part: 'accessory redis', missing: ['FROM_FILE', 'GONE'], changed: [] },
      { host: 'b', part: 'role jobs', missing: ['FROM_FILE', 'GONE'], changed: [] },
    ]);
    const other = records((container) => ({ ...container, Config: { ...container.Config, Env: ['MODE=test'] } }));
    const changed = (key: typeof KEY) => changedVariables(made(other), secrets, { byHost: byHost(other), key }).filter(({ part }) => part === 'role web').map((each) => each.changed);
    expect(changed(KEY)).toEqual([['MODE']]);
    expect(changed({ ...KEY, id: 'of another machine' })).toEqual([]);
  });

  it('of Traefik are in the env file that Kamal 1 left', () => {
    const kept = records().map((record) => ({ ...record, traefikEnv: ['FROM_FILE'] }));
    expect(changedVariables(made(kept), secrets, { byHost: byHost(kept), key: KEY }).filter(({ part }) => part === 'Traefik')).toEqual([]);
  });
});

describe('texts', () => {
  it('with secrets are the same again once these are there', () => {
    const mask = masking({ LONG: 'abcdef', SHORT: 'abcd', TINY: 'ab' });
    expect(mask('x abcdef abcd ab')).toEqual(['x ', { secret: 'LONG' }, ' ', { secret: 'SHORT' }, ' ab']);
    expect(unmask(mask('x abcdef abcd ab'), (name) => `<${name}>`)).toBe('x <LONG> <SHORT> ab');
    expect(mask('nothing')).toBe('nothing');
  });

  it.each(['plain', 'a b', '"q"', '\\', '$apr1$x', '`x`', '\\u00F6ffis', 'a \\#{x}', '', "it's"])('%j can be said to Kamal 1', (wanted) => {
    expect(configured(wanted)).not.toBeNull();
  });

  it('that the shell on the host would change can not', () => {
    expect(configured('https://x/${1}')).toBeNull();
  });
});
