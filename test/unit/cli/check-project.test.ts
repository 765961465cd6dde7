import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkDeployment } from '../../../src/cli/check-project.ts';

const COMMON = 'service: shop\nimage: acme/shop\nservers: [ 10.0.0.1 ]\nregistry: { username: bot, password: [ TOKEN ] }\nenv: { secret: [ KEY ] }\n';
const KAMAL2 = `${COMMON}builder: { arch: amd64 }\nproxy: { app_port: 3000 }\n`;
const KAMAL1 = `${COMMON}traefik: { args: { accesslog: true } }\nhealthcheck: { port: 3000 }\n`;
const SECRETS = 'TOKEN=t0ken-value\nKEY=k3y-value\n';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'bactrian-check-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** @param files by path; hooks among them can't be executed unless they are named */
async function check(files: Record<string, string>, { executable = [], destination }: { executable?: string[]; destination?: string } = {}) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
    if (executable.includes(path)) chmodSync(join(dir, path), 0o755);
  }
  const checked = await checkDeployment({ project: dir, offline: true, destination, strategy: 'auto', accessories: 'reboot', importCertificates: true, acceptAnswers: [], acceptUnreachable: [], probeUrl: [] }, () => undefined);
  return { ...checked, lines: checked.items.map(({ level, id }) => `${level} ${id}`) };
}

describe('the check of a project', () => {
  it('finds nothing wrong with a good one', async () => {
    const { lines, items, unreadable } = await check({ 'config/deploy.yml': KAMAL2, '.kamal/secrets': SECRETS });
    expect(lines).toEqual(['ok config', 'ok secrets']);
    expect(unreadable).toBe(false);
    expect(JSON.stringify(items)).not.toContain('-value');
  });

  it('looks at one of Kamal 1 as it would be converted, without a trace', async () => {
    const { lines, items } = await check({ 'config/deploy.yml': KAMAL1, '.env': SECRETS, '.kamal/hooks/pre-traefik-reboot': '#!/bin/sh\n' }, { executable: ['.kamal/hooks/pre-traefik-reboot'] });
    expect(lines).toEqual(['fail kamal-1-project', 'warn hooks', 'ok config', 'ok secrets']);
    expect(items[0]?.what).toMatch(/^still a project of Kamal 1 \(config\/deploy\.yml: \w+/);
    expect(items[0]?.fix).toContain('bactrian convert --write');
    expect(items.find(({ id }) => id === 'config')?.what).toContain('valid for Kamal 2, as it would be converted (');
    expect(readdirSync(join(dir, '.kamal'))).toEqual(['hooks']);
  });

  it('says of a secret that is missing where it belongs', async () => {
    const { lines, items } = await check({ 'config/deploy.yml': KAMAL2, '.kamal/secrets': 'TOKEN=t\n' });
    expect(lines).toEqual(['ok config', 'fail secrets']);
    expect(items[1]).toMatchObject({ where: 'project', what: expect.stringMatching(/^config\/deploy\.yml:\d+: Secret 'KEY' not found/) as string, fix: expect.stringContaining('.kamal/secrets') as string });
  });

  it('names all problems of the configuration with their lines', async () => {
    const { items, unreadable } = await check({ 'config/deploy.yml': `${KAMAL2}proxi: 1\nasset_path: [ 1 ]\n`, '.kamal/secrets': SECRETS });
    expect(items.map(({ what }) => what.split(': ')[0])).toEqual(['config/deploy.yml:8', 'config/deploy.yml:9']);
    expect(items.every(({ level, id, fix }) => level === 'fail' && id === 'config' && fix !== null)).toBe(true);
    expect(unreadable).toBe(false);
  });

  it.each([
    ['no YAML', `${KAMAL2}foo: [\n`],
    ['ERB that fails', `${KAMAL2}labels: { a: "<%= nowhere.to.be %>" }\n`],
  ])('calls a configuration unreadable that is %s', async (_, text) => {
    expect(await check({ 'config/deploy.yml': text, '.kamal/secrets': SECRETS })).toMatchObject({ unreadable: true, lines: ['fail config-unreadable'] });
  });

  it('goes on with a Kamal 2 project whose hooks have their old names', async () => {
    const { lines } = await check({ 'config/deploy.yml': KAMAL2, '.kamal/secrets': SECRETS, '.kamal/hooks/post-traefik-reboot': '#!/bin/sh\nkamal traefik details\n', '.kamal/hooks/pre-deploy': '#!/bin/sh\n' }, { executable: ['.kamal/hooks/post-traefik-reboot'] });
    expect(lines).toEqual(['fail hooks', 'warn hooks', 'fail hooks', 'ok config', 'ok secrets']);
  });

  it('refuses what an upgrade would refuse by the configuration alone', async () => {
    const published = KAMAL2.replace('[ 10.0.0.1 ]', '{ web: { hosts: [ 10.0.0.1 ], options: { publish: "9000:9000" } } }');
    const { lines } = await check({ 'config/deploy.yml': published, '.kamal/secrets': SECRETS });
    expect(lines).toEqual(['ok config', 'fail options', 'ok secrets']);
  });

  it('knows a plain file that is no deployment of its own', async () => {
    const files = { 'config/deploy.yml': `${KAMAL2}require_destination: true\n`, 'config/deploy.staging.yml': 'servers: [ 10.0.0.9 ]\n', '.kamal/secrets-common': SECRETS };
    expect(await check(files)).toMatchObject({ needsDestination: true, unreadable: false });
    expect(await check(files, { destination: 'staging' })).toMatchObject({ needsDestination: false, lines: ['ok config', 'ok secrets'] });
  });
});

describe('bactrian check', () => {
  const MAIN = join(import.meta.dirname, '../../../src/cli/main.ts');
  const bactrian = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', MAIN, 'check', '--project', dir, '--offline', ...args], { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' } });
    return { code: status, out: stdout, err: stderr };
  };

  it('ends with 0 without a ✗, 3 with one, 2 when there is nothing to read', async () => {
    expect(bactrian()).toMatchObject({ code: 2, err: expect.stringContaining('config/deploy.yml: no such file') as string });
    await check({ 'config/deploy.yml': KAMAL2, '.kamal/secrets': SECRETS });
    const good = bactrian();
    expect(good).toMatchObject({ code: 0, out: expect.stringMatching(/^\nProject\n {2}✓ config\/deploy\.yml: valid[^]*✓ the project is ready/) as string });
    await check({ '.kamal/secrets': 'TOKEN=t\n' });
    expect(bactrian()).toMatchObject({ code: 3, out: expect.stringMatching(/ {2}✗ .*'KEY' not found.*\n {4}→ expected KEY=…/) as string });
    await check({ 'config/deploy.yml': 'service: [' });
    expect(bactrian('--json')).toMatchObject({ code: 2, out: expect.stringContaining('"config-unreadable"') as string });
  });

  it('goes through all destinations, and leaves out a plain file that is none', async () => {
    await check({ 'config/deploy.yml': `${KAMAL2}require_destination: true\n`, 'config/deploy.live.yml': 'servers: [ 10.0.0.8 ]\n', 'config/deploy.staging.yml': 'servers: [ 10.0.0.9 ]\nproxi: 1\n', '.kamal/secrets-common': SECRETS });
    const { code, out } = bactrian('--all-destinations', '--json');
    expect(code).toBe(3);
    const items = JSON.parse(out) as { id: string; level: string; where: string }[];
    expect(items.map(({ id, level, where }) => `${where} ${level} ${id}`).sort()).toEqual(['live: project ok config', 'live: project ok secrets', 'staging: project fail config']);
    expect(Object.keys(items[0] ?? {}).sort()).toEqual(['fix', 'id', 'level', 'what', 'where']);
  });
});
