import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, deploymentOf, loadProject, problemsInUse, readSecrets, snapshotDigest, type Problem } from '../../../src/kamal/index.ts';

const VALID = 'service: shop\nimage: acme/shop\nservers:\n  web: [ 10.0.0.1, 10.0.0.2 ]\n  jobs:\n    hosts: [ 10.0.0.3 ]\nregistry:\n  username: bot\n  password: [ REGISTRY_PASSWORD ]\nbuilder:\n  arch: amd64\n';
const env = { PATH: '/usr/bin:/bin', VERSION: 'v1' };
let projectDir: string;
beforeEach(async () => {
  projectDir = await mkdtemp(path.join(tmpdir(), 'load-test-'));
  await mkdir(path.join(projectDir, 'config'));
  await mkdir(path.join(projectDir, '.kamal'));
});
afterEach(() => rm(projectDir, { recursive: true }));

const write = (text: string, file = 'config/deploy.yml') => writeFile(path.join(projectDir, file), text);

async function problemsOf(text: string, options: Partial<Parameters<typeof loadProject>[0]> = {}): Promise<readonly Problem[]> {
  await write(text);
  const thrown: unknown = await loadProject({ projectDir, env, ...options }).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(ConfigError);
  return (thrown as ConfigError).problems;
}

describe('loadProject refuses', () => {
  it('everything that is wrong at once, each with its place', async () => {
    const problems = await problemsOf(`${VALID}proxy:\n  app_port: "eighty"\n  healthcheck:\n    pth: /up\nboot:\n  wait: soon\nretain_containers: 0\n`);
    expect(problems.map(({ message, line, column, key }) => ({ message, line, column, key }))).toEqual([
      { message: 'boot/wait: should be an integer', line: 17, column: 3, key: 'boot/wait' },
      { message: 'proxy/app_port: should be an integer', line: 13, column: 3, key: 'proxy/app_port' },
      { message: 'proxy/healthcheck: unknown key: pth', line: 15, column: 5, key: 'proxy/healthcheck/pth' },
      { message: 'Must retain at least 1 container', line: 18, column: 1, key: 'retain_containers' },
    ]);
    expect(problems[2]).toMatchObject({ file: 'config/deploy.yml', found: 'pth', expected: 'one of interval, path, timeout', hint: 'did you mean path instead of pth?' });
  });

  it.each([
    ['traefik:\n  args: {}\n', 'traefik', /kamal-proxy instead of Traefik/],
    ['healthcheck:\n  path: /up\n', 'healthcheck', /proxy\/healthcheck.*proxy\/app_port/],
    ['stop_wait_time: 30\n', 'stop_wait_time', /drain_timeout/],
  ])('what Kamal 1 left: %j', async (text, key, hint) => {
    const [problem] = await problemsOf(VALID + text);
    expect(problem).toMatchObject({ key, line: 12, message: `unknown key: ${key}` });
    expect(problem?.hint).toMatch(hint);
  });

  it('a problem in the destination at the destination, one in the base at the base', async () => {
    await write('proxy:\n  ssl: maybe\n', 'config/deploy.staging.yml');
    const problems = await problemsOf(`${VALID}env:\n  A: ~\n`, { destination: 'staging' });
    expect(problems.map(({ file, line, message }) => [file, line, message])).toEqual([
      ['config/deploy.yml', 13, 'env/A: should be a string'],
      ['config/deploy.staging.yml', 2, 'proxy/ssl: should be a boolean or a hash'],
    ]);
  });

  it('broken YAML and ERB in the line of the file', async () => {
    expect(await problemsOf('<% 3.times do |i| -%>\n# <%= i %>\n<% end -%>\nservice: [ a\n')).toMatchObject([{ line: expect.any(Number) as number, expected: 'YAML' }]);
    expect(await problemsOf(`${VALID}env:\n  A: <%= ENV.fetch("NOT_THERE") %>\n`)).toMatchObject([{ line: 13, message: 'key not found: "NOT_THERE"', found: 'ENV.fetch("NOT_THERE")', hint: expect.stringContaining('set NOT_THERE') as string }]);
  });

  it('a file that is not there, a filter that matches nothing', async () => {
    expect((await problemsOf(VALID, { configFile: 'config/other.yml' }))[0]?.message).toBe(`Configuration file not found in ${projectDir}/config/other.yml`);
    expect((await problemsOf(VALID, { hosts: '10.9.*' }))[0]).toMatchObject({ message: 'No --hosts match for 10.9.*', expected: 'one of 10.0.0.3, 10.0.0.1, 10.0.0.2' });
    expect((await problemsOf(VALID, { roles: 'web2' }))[0]?.message).toBe('No --roles match for web2');
  });
});

describe('a snapshot', () => {
  it('has the same digest in another checkout, and another for another meaning', async () => {
    await write(VALID);
    const here = snapshotDigest(await loadProject({ projectDir, env }));
    const other = await mkdtemp(path.join(tmpdir(), 'load-test-'));
    await cp(projectDir, other, { recursive: true });
    await writeFile(path.join(other, 'config/deploy.yml'), `# a comment\n${VALID}`);
    expect(snapshotDigest(await loadProject({ projectDir: other, env }))).toBe(here);
    await writeFile(path.join(other, 'config/deploy.yml'), VALID.replace('10.0.0.2', '10.0.0.9'));
    expect(snapshotDigest(await loadProject({ projectDir: other, env }))).not.toBe(here);
    await rm(other, { recursive: true });
  });

  it('is plain JSON and gives the same deployment after a round trip', async () => {
    await write(`${VALID}env:\n  clear: { 2: two, 1: one, YES: x, F: 1.0, S: :sym }\n`);
    const snapshot = await loadProject({ projectDir, env });
    const again = deploymentOf(JSON.parse(JSON.stringify(snapshot)) as typeof snapshot);
    const args = deploymentOf(snapshot).roles[0]?.envArgs('10.0.0.1');
    expect(again.roles[0]?.envArgs('10.0.0.1')).toEqual(args);
    expect(args).toEqual(['--env', '2="two"', '--env', '1="one"', '--env', 'true="x"', '--env', 'F="1.0"', '--env', 'S="sym"', '--env-file', '.kamal/apps/shop/env/roles/web.env']);
  });

  it('holds no secret', async () => {
    await write(VALID);
    await write('REGISTRY_PASSWORD=hunter2\n', '.kamal/secrets');
    expect(JSON.stringify(await loadProject({ projectDir, env }))).not.toContain('hunter2');
  });

  it('knows where useful keys stand, and warns of what Kamal ignores', async () => {
    await write(VALID.replace('[ 10.0.0.3 ]', '[ 10.0.0.3, 10.1 ]'));
    const snapshot = await loadProject({ projectDir, env });
    expect(snapshot.origins['registry/username']).toEqual({ file: 'config/deploy.yml', line: 8, column: 3 });
    expect(snapshot.warnings).toEqual(['servers/jobs: 10.1 is a number for YAML and is left out by Kamal; quote it']);
  });
});

describe('problemsInUse', () => {
  it('finds missing secrets, files and versions before a run', async () => {
    await write(`${VALID}env:\n  secret: [ DATABASE_URL ]\naccessories:\n  db:\n    image: mysql:8\n    host: 10.0.0.1\n    files: [ "config/none.cnf:/etc/none.cnf" ]\n`);
    const snapshot = await loadProject({ projectDir, env: { PATH: '/nowhere' } });
    const secrets = await readSecrets(snapshot, { projectDir, env });
    const problems = await problemsInUse(snapshot, secrets, { projectDir, env });
    expect(problems.map(({ message, line }) => [message, line])).toEqual([
      [`Can't use commit hash as version, no git repository found in ${projectDir}`, null],
      ["Secret 'REGISTRY_PASSWORD' not found, no secret files (.kamal/secrets-common, .kamal/secrets) provided", 7],
      ["Secret 'DATABASE_URL' not found, no secret files (.kamal/secrets-common, .kamal/secrets) provided", 13],
      [`Missing file: ${projectDir}/config/none.cnf`, 18],
    ]);
    expect((await problemsInUse(snapshot, secrets, { projectDir, env, version: 'v1' })).map(({ key }) => key)).not.toContain('version');
  });
});
