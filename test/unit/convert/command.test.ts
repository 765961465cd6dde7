import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deploy } from './project.ts';

const MAIN = join(import.meta.dirname, '../../../src/cli/main.ts');
const FILES = {
  'config/deploy.yml': deploy('env: { secret: [ KEY ] }\nhealthcheck: { path: /health }\ntraefik: { host_port: 8080 }\n'),
  '.env': 'PW=never-show-1\nKEY="never\nshow-2"\n',
  '.kamal/hooks/pre-traefik-reboot': '#!/bin/sh\ntrue\n',
  '.gitignore': '/.env\n',
};
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'convert-'));
  for (const [file, text] of Object.entries(FILES)) put(file, text);
  chmodSync(join(dir, '.kamal/hooks/pre-traefik-reboot'), 0o755);
});
afterEach(() => rmSync(dir, { recursive: true }));

function put(file: string, text: string): void {
  mkdirSync(dirname(join(dir, file)), { recursive: true });
  writeFileSync(join(dir, file), text);
}

function git(...args: string[]): string {
  return execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.test', '-c', 'init.defaultBranch=main', ...args], { cwd: dir, encoding: 'utf8' });
}

function commit(): void {
  git('init', '-q');
  git('add', '-A');
  git('commit', '-qm', 'a Kamal 1 project');
}

function convert(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', MAIN, 'convert', '--project', dir, ...args], { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' } });
  return { code: status, out: stdout, err: stderr };
}

const read = (file: string) => readFileSync(join(dir, file), 'utf8');

describe('bactrian convert', { timeout: 120_000 }, () => {
  it('shows the diff, writes when asked, once; no value of .env is shown', () => {
    commit();
    const shown = convert();
    expect(shown.code).toBe(0);
    expect(shown.out).toContain('\n-healthcheck: { path: /health }\n');
    expect(shown.out).toContain('\n+PW=…\n+KEY=…\n');
    expect(shown.out).toContain('https://kamal-deploy.org/docs/upgrading/configuration-changes/#healthchecks');
    expect(shown.out).toContain('rename to .kamal/hooks/pre-proxy-reboot');
    expect(shown.out + shown.err).not.toMatch(/never|show-2/);
    expect(git('status', '--porcelain')).toBe('');

    const written = convert('--write', '--json');
    expect(written.code).toBe(0);
    expect(written.err).toContain('next: look at it (`git diff`)');
    expect(JSON.parse(written.out)).toMatchObject({ written: true, problems: [], files: [{ file: 'config/deploy.yml', new: false }, { file: '.kamal/secrets', new: true }, { file: '.gitignore' }] });
    expect(written.out + written.err).not.toMatch(/never|show-2/);
    expect(read('.kamal/secrets')).toBe(FILES['.env']);
    expect(statSync(join(dir, '.kamal/secrets')).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, '.kamal/hooks/pre-proxy-reboot')).mode & 0o111).not.toBe(0);
    expect(existsSync(join(dir, '.kamal/hooks/pre-traefik-reboot'))).toBe(false);
    expect(git('status', '--porcelain', '--ignored')).toContain('!! .kamal/secrets');

    const again = convert('--write', '--force');
    expect(again.out).toContain('nothing to convert');
    expect(again.code).toBe(0);
  });

  it('writes nothing into a tree that git has not', () => {
    expect(convert('--write')).toMatchObject({ code: 3, out: expect.stringContaining('this is no git repository') });
    commit();
    put('config/deploy.yml', `${FILES['config/deploy.yml']}# more\n`);
    expect(convert('--write')).toMatchObject({ code: 3, out: expect.stringContaining('git has changes that aren\'t committed: config/deploy.yml') });
    expect(read('config/deploy.yml')).toContain('traefik:');
    expect(convert('--write', '--force').code).toBe(0);
    expect(read('config/deploy.yml')).not.toContain('traefik:');
  });

  it('writes nothing while something is left to do, unless that is accepted', () => {
    put('config/deploy.yml', deploy('traefik: { args: { metrics.prometheus: true } }\n'));
    commit();
    const refused = convert('--write');
    expect(refused.code).toBe(3);
    expect(refused.out).toContain('✗ config/deploy.yml:5: traefik/args/metrics.prometheus\n    for Prometheus give proxy/run/metrics_port a number');
    expect(read('config/deploy.yml')).toContain('traefik');
    expect(convert('--write', '--force')).toMatchObject({ code: 0, out: expect.stringContaining('1 thing left to you') });
  });

  it('says what Kamal 2 would refuse, with the line', () => {
    put('config/deploy.yml', deploy('unknown_key: 1\n'));
    commit();
    expect(convert('--write')).toMatchObject({ code: 3, out: expect.stringContaining('config/deploy.yml:5:1: unknown key: unknown_key') });
  });

  it('says what it can\'t read', () => {
    put('config/deploy.yml', 'service: [\n');
    expect(convert()).toMatchObject({ code: 2, err: expect.stringContaining('config/deploy.yml:') });
    expect(convert('-d', 'nowhere')).toMatchObject({ code: 2, err: expect.stringContaining('config/deploy.nowhere.yml: no such file') });
  });
});
