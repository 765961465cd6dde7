import { readFile } from 'node:fs/promises';
import { get as getPlainly } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { realKamal } from '../../lab/kamal.ts';
import type { ProjectOptions, Yaml } from '../../lab/project.ts';
import { must } from '../../lab/run.ts';
import { Shop } from './shop.ts';
import { fleetAsItWas, lab, listFleet, redis } from './the-lab.ts';
import type { Fleet } from './the-lab.ts';
import { asKamalsBut, presentState } from './upgraded.ts';

const NAME = 'shop.test';

/** Traefik answers in plain, whatever is asked for; from here on the name and TLS are needed. */
const accepting = ['--accept-answers', 'http'];

const SCRIPTS = '/etc/redis/scripts';
const FOLDER = `config/scripts:${SCRIPTS}`;
const files = [
  'config/redis.conf:/etc/redis/redis.conf',
  'config/templates/motd.erb:/etc/redis/motd',
  { local: 'config/users.acl', remote: '/etc/redis/users.acl', mode: '0640', owner: '1001:1001', options: 'ro' },
];

const projectWith = (accessoryFiles: Yaml[], secrets: string): ProjectOptions => ({
  changes: {
    // Of the app's image: a folder that has something in it.
    asset_path: '/etc/ssl/certs',
    error_pages_path: 'public',
    proxy: { host: NAME, ssl: { certificate_pem: 'CERTIFICATE', private_key_pem: 'PRIVATE_KEY' } },
    accessories: {
      redis: {
        cmd: 'redis-server /etc/redis/redis.conf --appendonly yes',
        env: { clear: { GREETING: 'good day' } },
        files: accessoryFiles,
        directories: ['data:/data', { local: 'dumps', remote: '/dumps', mode: '0750', owner: '1001:1001' }, { local: 'backups', remote: '/backups', options: 'ro' }],
      },
    },
  },
  files: {
    '.kamal/secrets': secrets,
    'public/503.html': '<h1>Back soon</h1>\n',
    'public/404.html': '<h1>Nothing é here</h1>\n',
    'public/logo.txt': 'no error page\n',
    'config/redis.conf': '# of the project\nmaxclients 77\n',
    'config/templates/motd.erb': '<%= ENV["GREETING"] %>, <%= ENV.fetch("REDIS_PASSWORD") %>\n<% 2.times do |i| %>line <%= i %>\n<% end %>end\n',
    'config/scripts/one.lua': 'return 1\n',
    'config/scripts/deeper/two words.lua': 'return 2\n',
    'config/users.acl': 'user default on nopass\n',
  },
});

describe('what comes with the app: assets, error pages, a certificate of its own, files for accessories', () => {
  let shop: Shop;
  let certificate: string;
  let secrets: string;
  let before: Fleet;
  let failed: Awaited<ReturnType<Shop['upgrade']>>;
  let afterFailure: Fleet;
  let ours: Awaited<ReturnType<typeof observe>>;

  beforeAll(async () => {
    await lab.restore();
    shop = await Shop.open('companions');
    const pem = (file: string) => join(shop.dir, file);
    await must('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${NAME}`, '-addext', `subjectAltName=DNS:${NAME}`, '-keyout', pem('key.pem'), '-out', pem('cert.pem')]);
    certificate = await readFile(pem('cert.pem'), 'utf8');
    secrets = `KAMAL_REGISTRY_PASSWORD=pw7k3q\nREDIS_PASSWORD=redis-secret-1\nAPP_SECRET=app-secret-1\nCERTIFICATE="${certificate}"\nPRIVATE_KEY='${await readFile(pem('key.pem'), 'utf8')}'\n`;
    const whole = projectWith([...files, FOLDER], secrets);
    before = await listFleet();
    await shop.configure({ ...whole, changes: { ...whole.changes, env: { clear: { NEVER_HEALTHY: '1' } } } });
    failed = await shop.upgrade(...accepting);
    afterFailure = await listFleet();

    await lab.restore();
    await shop.configure(whole);
    await redis('SET written before');

    const upgraded = await shop.upgrade(...accepting);
    expect(upgraded.code, upgraded.stderr).toBe(0);
    ours = await observe();
  });
  afterAll(() => shop.close());

  it('all of it is taken away again where the app does not become healthy', () => {
    expect(failed.code, failed.stderr).toBe(1);
    expect(failed.result?.failure).toMatchObject({ type: 'AppUnhealthy' });
    expect(fleetAsItWas(afterFailure)).toEqual(fleetAsItWas(before));
  });

  it('HTTPS answers with that certificate, to a client that checks it, and HTTP leads there', async () => {
    for (const host of ['h1', 'h2']) {
      expect(await overHttps(host, '/')).toMatchObject({ status: 200, body: expect.stringContaining('labapp v1') });
      const plain = await new Promise<IncomingMessage>((resolve, reject) => {
        getPlainly({ host: lab.host(host).address, path: '/slow', headers: { host: NAME } }, (answer) => resolve(answer.resume())).on('error', reject);
      });
      expect([plain.statusCode, plain.headers.location]).toEqual([301, `https://${NAME}/slow`]);
    }
  });

  it("the proxy shows the project's error pages", async () => {
    const kamal = (...args: string[]) => must(realKamal(), args, { cwd: shop.dir, env: { ...shop.env, VERSION: 'v1' } });
    await kamal('app', 'maintenance');
    expect(await overHttps('h1', '/')).toEqual({ status: 503, body: '<h1>Back soon</h1>\n' });
    await kamal('app', 'live');
    expect(await overHttps('h1', '/')).toMatchObject({ status: 200 });
  });

  it('the accessory has its data and runs with its files', async () => {
    expect(await redis('GET written')).toContain('before');
    expect(await redis('CONFIG GET maxclients')).toContain('77');
    const { stdout } = await lab.exec('h3', 'docker exec labapp-redis cat /etc/redis/motd "/etc/redis/scripts/deeper/two words.lua"');
    expect(stdout).toContain('good day, redis-secret-1\n');
    expect(stdout).toContain('return 2\n');
  });

  it('all of it is as after real Kamal upgrades the same fleet: mounts, files, their modes, owners and contents', async () => {
    await lab.restore();
    // Kamal 2.11 ends with an error where it should upload a folder.
    await shop.configure(projectWith(files, secrets));
    await must(realKamal(), ['upgrade', '-y', '--version', 'v1'], { cwd: shop.dir, env: { ...shop.env, VERSION: 'v1' }, timeoutMs: 300_000 });
    const kamals = await observe();
    expect(ours.contents).toEqual(kamals.contents);
    expect(ours.states).toEqual(asKamalsBut(kamals.states, ['h1', 'h2', 'h3']));
    expect(Object.keys(ours.contents['h1'] ?? {}).filter((path) => /404|503|cert.pem|ca-certificates/.test(path)).length).toBeGreaterThanOrEqual(4);
  });

  /** All but the folder. */
  async function observe() {
    const states = Object.fromEntries(
      Object.entries(await presentState()).map(([name, state]) => {
        const containers = state.containers.map((each) => ({ ...each, binds: each.binds.filter((bind) => !bind.includes(SCRIPTS)), mounts: each.mounts.filter(({ target }) => target !== SCRIPTS) }));
        return [name, { ...state, containers, files: state.files.filter((line) => !line.includes(SCRIPTS)) }];
      }),
    );
    const contents = await Promise.all(
      lab.hosts.map(async ({ name }) => {
        const { stdout } = await lab.exec(name, `find . -type f ! -path './.kamal/bactrian/*' ! -name '*audit.log' ! -path './labapp-redis/data/*' ! -path './.docker/*' ! -path '*${SCRIPTS}/*' -exec sha256sum {} +`);
        const digests = stdout.split('\n').filter(Boolean).map((line) => [line.slice(66).replace(/(cords\/[\w-]+-)[0-9a-f]{32}/, '$1<hex>'), line.slice(0, 64)]);
        return [name, Object.fromEntries(digests) as Record<string, string>] as const;
      }),
    );
    return { states, contents: Object.fromEntries(contents) };
  }

  async function overHttps(host: string, path: string): Promise<{ status: number | undefined; body: string }> {
    return await new Promise((resolve, reject) => {
      const asked = get({ host: lab.host(host).address, path, servername: NAME, headers: { host: NAME }, ca: certificate, timeout: 10_000 }, (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (text: string) => (body += text));
        answer.on('end', () => resolve({ status: answer.statusCode, body }));
      });
      asked.on('timeout', () => asked.destroy(new Error('no answer within 10 s')));
      asked.on('error', reject);
    });
  }
});
