import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, kamal1, line, Secrets, secretValuesIn, snapshotDigest, type Problem } from '../../../src/kamal/index.ts';
import { parseDotenv2 } from '../../../src/kamal/kamal1/dotenv.ts';

const execute = promisify(execFile);
const VALID = 'service: shop\nimage: acme/shop\nservers:\n  web: [ 10.0.0.1, 10.0.0.2 ]\n  jobs:\n    hosts: [ 10.0.0.3 ]\nregistry:\n  username: bot\n  password: [ REGISTRY_PASSWORD ]\n';
const env = { PATH: process.env.PATH, HOME: '/root', VERSION: 'v1', REGISTRY_PASSWORD: 'from the environment' };
let projectDir: string;
beforeEach(async () => {
  projectDir = await mkdtemp(path.join(tmpdir(), 'kamal1-test-'));
  await mkdir(path.join(projectDir, 'config'));
});
afterEach(() => rm(projectDir, { recursive: true }));

const write = (text: string, file = 'config/deploy.yml') => writeFile(path.join(projectDir, file), text);
const git = (...args: string[]) => execute('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.test', ...args], { cwd: projectDir });
const load = (options: Partial<kamal1.Kamal1LoadOptions> = {}) => kamal1.loadKamal1Project({ projectDir, env, ...options });

async function problemsOf(text: string, options: Partial<kamal1.Kamal1LoadOptions> = {}): Promise<readonly Problem[]> {
  await write(text);
  const thrown: unknown = await load(options).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(ConfigError);
  return (thrown as ConfigError).problems;
}

describe('a Kamal 1 configuration is refused', () => {
  it('with everything that is wrong at once, each with its place', async () => {
    const problems = await problemsOf(`${VALID}proxy:\n  host: a.test\ntraefik:\n  args: [ a ]\nhealthcheck:\n  max_attempts: many\naccessories:\n  db: { image: "m:1", roles: [ cache ] }\n`);
    expect(problems.map(({ message, line: at, key }) => [message, at, key])).toEqual([
      ['unknown key: proxy', 10, 'proxy'],
      ['accessories/db: unknown roles cache', 17, 'accessories/db/roles'],
      ['healthcheck/max_attempts: should be an integer', 15, 'healthcheck/max_attempts'],
      ['traefik/args: should be a hash', 13, 'traefik/args'],
    ]);
    expect(problems[0]?.hint).toMatch(/Kamal 2's/);
  });

  it('for a command in .env that fails, naming line and command and no value', async () => {
    await write('A=1\nREGISTRY_PASSWORD=$(false)\n', '.env');
    expect(await problemsOf(VALID)).toMatchObject([{ file: '.env', line: 2, key: 'REGISTRY_PASSWORD', message: expect.stringContaining('$(false)') as string }]);
  });

  it('for what Kamal finds only when it uses it', async () => {
    await write(`${VALID.replace('[ 10.0.0.3 ]', '[ 10.0.0.3: far ]')}env: { secret: [ NOPE ], tags: { near: { A: b } } }\naccessories:\n  db: { image: "m:1", host: 10.0.0.3, files: [ "my.cnf:/my.cnf" ] }\nhealthcheck: { path: "/up and down" }\n`);
    const snapshot = await load();
    const problems = await kamal1.kamal1ProblemsInUse(snapshot, await kamal1.readKamal1Secrets(snapshot, { projectDir, env }), { projectDir, env });
    expect(problems.map(({ key }) => key)).toEqual(['healthcheck', 'servers/web/healthcheck', 'env/secret', 'servers/jobs', 'accessories/db/files']);
  });
});

describe('secrets of Kamal 1', () => {
  it('come from .env, the destination on top, the environment below, and from Kamal 2 where neither has them', async () => {
    await write(`${VALID}env: { secret: [ A, B, C ] }\n`);
    await write('service: shop\n', 'config/deploy.eu.yml');
    await write('A=base\nB=base\n', '.env');
    await write('B=eu\n', '.env.eu');
    const snapshot = await load({ destination: 'eu' });
    const secrets = await kamal1.readKamal1Secrets(snapshot, { projectDir, env, others: new Secrets(new Map([['C', 'from kamal 2'], ['D', 'unasked']]), [], []) });
    expect(secrets.values()).toEqual({ A: 'base', B: 'eu', C: 'from kamal 2', REGISTRY_PASSWORD: 'from the environment' });
    expect(() => secrets.get('D')).toThrow('key not found: "D"');
    expect(JSON.stringify(snapshot)).not.toContain('from the environment');
  });

  // What dotenv 2.8.1 gives for these.
  it.each([
    ['A="one\\ntwo"', { A: 'one\ntwo' }],
    ["A='one\\n$B'", { A: 'one\\n$B' }],
    ['A=x # comment\nexport B=${A}y', { A: 'x', B: 'xy' }],
    ['A=$(echo a; echo b)\nB="\\$(echo c)"', { A: 'a\nb', B: '$(echo c)' }],
    ["X='$HOME'\nA=$(printf %s '$X')", { X: '$HOME', A: '$HOME' }],
    ['A: yaml\nB=\nC = spaced ', { A: 'yaml', B: '', C: 'spaced' }],
    ['A="multi\nline"\r\nB=$A', { A: 'multi\nline', B: 'multi\nline' }],
  ])('%j', async (text, expected) => {
    const run = async (command: string) => (await execute('sh', ['-c', command], { env: { PATH: process.env.PATH } })).stdout.replace(/\n$/, '');
    expect(Object.fromEntries(await parseDotenv2(text, { env: { HOME: '/root' }, run }))).toEqual(expected);
  });

  it('an exported variable without a value is refused', async () => {
    await expect(parseDotenv2('A=1\nexport A\nexport B\n', { env: {}, run: async () => '' })).rejects.toMatchObject({ line: 3, key: 'B' });
  });
});

it("quotes as Kamal 1 does: letters beyond ASCII become escapes, false is a name's absence", async () => {
  await write(`${VALID}env: { clear: { GREETING: "café \\U0001F42B", NONE: false, PRICE: "$5 \${HOME}" } }\n`);
  const d = kamal1.kamal1DeploymentOf(await load());
  expect(d.roles[0]?.envArgs('10.0.0.1').slice(2)).toEqual(['--env', 'GREETING="caf\\u00E9 \\u{1F42B}"', '--env', 'NONE', '--env', 'PRICE="\\$5 ${HOME}"']);
});

it('warns of what Kamal 1 changes on the way to the app, and never says a value', async () => {
  await write(`${VALID}env: { clear: { PLAIN: ok, GREETING: "café", NONE: false, HASH: "#{x}" }, secret: [ KEY ] }\n`);
  await write('KEY="a\\nb"\n', '.env');
  const snapshot = await load();
  const mangled = kamal1.kamal1MangledVariables(kamal1.kamal1DeploymentOf(snapshot), await kamal1.readKamal1Secrets(snapshot, { projectDir, env }));
  expect(mangled.filter(({ owner }) => owner === 'servers/web').map(({ variable, kind }) => [variable, kind])).toEqual([['GREETING', 'clear'], ['NONE', 'clear'], ['HASH', 'clear'], ['KEY', 'secret']]);
  expect(mangled[0]?.reason).toMatch(/beyond ASCII/);
});

it('tells which values must not show: of .env, of the registry, long ones that ERB may have put there', async () => {
  await write(`${VALID}env: { clear: { LONG: "0123456789abcdef", SHORT: x } }\n`);
  await write('KEY=from dotenv\n', '.env');
  const snapshot = await load();
  expect(secretValuesIn(kamal1.kamal1DeploymentOf(snapshot), await kamal1.readKamal1Secrets(snapshot, { projectDir, env }))).toEqual({ secret: ['from the environment', 'from dotenv'], suspicious: ['0123456789abcdef'] });
});

it.each([
  ['options: { memory: 64m }', null],
  ['options: { network: host }', /host's own network/],
  ['options: { ip: 10.9.0.2 }', /10\.9\.0\.2/],
  ['options: { publish: [ "8000-8010:8000-8010" ] }', /ranges/],
])('says why no second Traefik can run beside one with %s', async (text, why) => {
  await write(`${VALID}traefik: { ${text} }\n`);
  const { alone } = kamal1.kamal1DeploymentOf(await load()).traefik;
  if (why === null) expect(alone).toBeNull();
  else expect(alone).toMatch(why);
});

// What Ruby's URI.join gives for these.
it.each([
  ['3000', '/up', 'http://localhost:3000/up'],
  ['80', '/up?x=1', 'http://localhost/up?x=1'],
  ['3000', 'up', 'http://localhost:3000/up'],
  ['3000', '/a/../b', 'http://localhost:3000/b'],
  ['3000', '', 'http://localhost:3000'],
  ['3000', '?q', 'http://localhost:3000?q'],
  ['3000', '//x', 'http://x:3000'],
  ['80', '//x/y', 'http://x/y'],
  ['3000', '//x:5/y', 'http://x:5/y'],
  ['3000', 'http://o', 'http://o'],
])('checks health on port %s and path %j at %s', async (port, path, url) => {
  await write(`${VALID}healthcheck: { port: ${port}, path: "${path}" }\n`);
  expect(kamal1.kamal1DeploymentOf(await load()).healthcheck.cmd).toBe(`curl -f ${url} || exit 1`);
});

it('makes Traefik beside what runs: another name, no ports, nothing that starts it by itself', async () => {
  await write(`${VALID}traefik: { host_port: 8080, options: { publish: [ "127.0.0.1:443:443/tcp" ], memory: 64m } }\n`);
  const d = kamal1.kamal1DeploymentOf(await load());
  expect(d.traefik.ports).toEqual([{ ip: null, hostPort: 8080, containerPort: 80 }, { ip: '127.0.0.1', hostPort: 443, containerPort: 443 }]);
  const command = line(kamal1.traefik.run(d, { verb: 'create', name: 'traefik-warm', restart: 'no', publish: ['$WARM_80:80'] }));
  expect(command).toMatch(/^docker create --name traefik-warm --restart no --publish \$WARM_80:80 --volume /);
  expect(command).toContain('--memory "64m"');
  expect(command).not.toContain('443');
});

describe('the configuration of an earlier commit', () => {
  beforeEach(async () => {
    await write(`${VALID}labels: { from: "<%= File.read("stage").strip %>", key: "<%= File.read("config/ignored.key").strip %>" }\naccessories:\n  db: { image: "m:1", host: 10.0.0.3, files: [ "my.cnf:/my.cnf", "conf.d:/conf.d" ] }\n`);
    await write('then\n', 'stage');
    await write('then\n', 'real.cnf');
    await symlink('real.cnf', path.join(projectDir, 'my.cnf'));
    await mkdir(path.join(projectDir, 'conf.d/deep'), { recursive: true });
    await write('deep\n', 'conf.d/deep/a.cnf');
    await git('init', '-q');
    await git('add', '.');
    await git('commit', '-qm', 'on Kamal 1');
    await write('service: shop\nbuilder: { arch: amd64 }\nproxy: {}\n');
    await write('now\n', 'stage');
    await write('now\n', 'real.cnf');
    await git('commit', '-qam', 'on Kamal 2');
    await write('SECRET=now\n', '.env');
    await write('kept\n', 'config/ignored.key');
  });

  it('is read without touching the work tree, secrets and ignored files from the work tree', async () => {
    const snapshot = await load({ fromGit: 'HEAD~1' });
    const d = kamal1.kamal1DeploymentOf(snapshot);
    expect(d.roles[0]?.labels.get('from')).toBe('then');
    expect(d.roles[0]?.labels.get('key')).toBe('kept');
    expect(snapshot.files['my.cnf']).toEqual({ kind: 'file', base64: Buffer.from('then\n').toString('base64') });
    expect(snapshot.files['conf.d']).toEqual({ kind: 'directory', files: [{ path: 'deep/a.cnf', base64: Buffer.from('deep\n').toString('base64') }] });
    await git('checkout', '-q', 'HEAD~1');
    expect(snapshotDigest(await load())).toBe(snapshotDigest(snapshot));
    await git('checkout', '-q', '-');
    expect(snapshot.revision).toBe((await git('rev-parse', 'HEAD~1')).stdout.trim());
    expect((await kamal1.readKamal1Secrets(snapshot, { projectDir, env })).get('SECRET')).toBe('now');
    expect((await git('status', '--porcelain')).stdout.split('\n').filter((each) => !each.startsWith('??')).join('')).toBe('');
  });

  it('is refused with the commit named: unknown, without the file, not a Kamal 1 configuration', async () => {
    await expect(load({ fromGit: 'gone' })).rejects.toThrow('no commit gone');
    await expect(load({ fromGit: '--output=x' })).rejects.toThrow('no commit --output=x');
    await expect(load({ fromGit: 'HEAD~1', configFile: 'config/other.yml' })).rejects.toThrow('Configuration file not found in HEAD~1:config/other.yml');
    await expect(load({ fromGit: 'HEAD' })).rejects.toThrow('unknown key: proxy');
  });

  it('needs a repository', async () => {
    await rm(path.join(projectDir, '.git'), { recursive: true });
    await expect(load({ fromGit: 'HEAD' })).rejects.toThrow('not a git repository');
  });
});

describe('what Traefik is asked to see whether it routes to a role', () => {
  it.each([
    ['the health path on the default entry point', '', [{ scheme: 'http', port: 80, host: null, path: '/up' }]],
    ['by name, on the entry point of the router, over TLS', 'labels: { traefik.http.routers.shop-web.rule: "Host(`a.test`, `b.test`) && PathPrefix(`/`)", traefik.http.routers.shop-web.entrypoints: websecure, traefik.http.routers.shop-web.tls.certresolver: x }\ntraefik: { args: { entryPoints.web.address: ":80", entryPoints.websecure.address: ":443" } }\n', [{ scheme: 'https', port: 443, host: 'a.test', path: '/up' }]],
    ['with TLS of the entry point', 'labels: { traefik.http.routers.shop-web.entrypoints: s }\ntraefik: { args: { entrypoints.s.address: "0.0.0.0:8443/tcp", entrypoints.s.http.tls: true } }\n', [{ scheme: 'https', port: 8443, host: null, path: '/up' }]],
    ['under a prefix that the health path is outside of', 'labels: { traefik.http.routers.shop-web.rule: "PathPrefix(`/api`)" }\nhealthcheck: { path: /up }\n', [{ scheme: 'http', port: 80, host: null, path: '/api' }]],
    ['one request a router', 'labels: { traefik.http.routers.other.rule: "Host(\\"o.test\\") || Host(`p.test`)" }\n', [{ scheme: 'http', port: 80, host: null, path: '/up' }, { scheme: 'http', port: 80, host: 'o.test', path: '/up' }]],
    ['nothing of a rule with more in it than names and paths', 'labels: { traefik.http.routers.shop-web.rule: "Host(`a.test`) && Headers(`x`, `y`)" }\n', []],
    ['nothing on an entry point that is not there', 'labels: { traefik.http.routers.shop-web.entrypoints: gone }\n', []],
  ])('%s', async (_, text, expected) => {
    await write(VALID + text);
    const d = kamal1.kamal1DeploymentOf(await load());
    expect(kamal1.routeQuestions(d, d.roles[0] as kamal1.Kamal1Role)).toEqual(expected);
  });
});
