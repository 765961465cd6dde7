import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accessory, app, deploymentOf, kamal1NamesOf, line, loadProject, lock, proxy, readSecrets, registry, sshkitLine, type Command, type Deployment } from '../../../src/kamal/index.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'commands-test-'));
  await mkdir(path.join(directory, 'config'));
  await mkdir(path.join(directory, '.kamal'));
  await mkdir(path.join(directory, 'bin'));
  await writeFile(path.join(directory, 'bin/docker'), '#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done\n', { mode: 0o755 });
  await writeFile(path.join(directory, '.kamal/secrets'), "PW='p$w `x`'\n");
});
afterEach(() => rm(directory, { recursive: true }));

async function deployment(extra = '', destination?: string): Promise<Deployment> {
  const base = 'service: shop\nimage: acme/shop\nservers: [ h1 ]\nregistry: { username: "b o", password: [ PW ] }\nbuilder: { arch: amd64 }\naccessories: { db: { image: "mysql:8", host: h1, cmd: "--x" } }\n';
  await writeFile(path.join(directory, 'config/deploy.yml'), base + extra);
  if (destination) await writeFile(path.join(directory, `config/deploy.${destination}.yml`), 'env: { A: "1" }\n');
  return deploymentOf(await loadProject({ projectDir: directory, destination, env: { VERSION: 'v1' } }));
}

/** The arguments with which `docker` is called when a shell on a host runs the command. */
function argv(command: Command): string[] {
  const { stdout, status } = spawnSync('sh', { input: sshkitLine(command), cwd: directory, env: { PATH: `${directory}/bin:/usr/bin:/bin`, PWD: directory } });
  expect(status).toBe(0);
  return stdout.toString().split('\n').slice(0, -1);
}

describe('a proxy beside the one that serves', () => {
  const rest = (state: string) => ['--volume', 'kamal-proxy-config:/home/kamal-proxy/.config/kamal-proxy', '--volume', `${state}/.kamal/proxy/apps-config:/home/kamal-proxy/.apps-config`];

  it('has its own name and no ports, with defaults of Kamal', async () => {
    const d = await deployment();
    expect(argv(proxy.run(d, 'h1', { name: 'warm', publish: false }))).toEqual([
      'run', '--name', 'warm', '--network', 'kamal', '--detach', '--restart', 'unless-stopped', ...rest(directory), '--log-opt', 'max-size=10m', 'basecamp/kamal-proxy:v0.9.2',
    ]);
  });

  it('keeps what boot_config set on the host, but for ports', async () => {
    const d = await deployment();
    await mkdir(path.join(directory, '.kamal/proxy'));
    await writeFile(path.join(directory, '.kamal/proxy/options'), '--publish 8080:80 --publish 8443:443 --log-opt max-size=5m --expose=9090\n');
    await writeFile(path.join(directory, '.kamal/proxy/image_version'), 'v0.9.9\n');
    expect(argv(proxy.run(d, 'h1')).slice(-8)).toEqual(['--publish', '8080:80', '--publish', '8443:443', '--log-opt', 'max-size=5m', '--expose=9090', 'basecamp/kamal-proxy:v0.9.9']);
    expect(argv(proxy.run(d, 'h1', { verb: 'create', publish: ['127.0.0.1:81:80'] })).slice(-6)).toEqual([
      '--publish', '127.0.0.1:81:80', '--log-opt', 'max-size=5m', '--expose=9090', 'basecamp/kamal-proxy:v0.9.9',
    ]);
  });

  it('follows proxy/run', async () => {
    const d = await deployment('proxy: { run: { http_port: 8080, bind_ips: [ "::1" ], version: v1.0.0, debug: true, options: { memory: 1g } } }\n');
    expect(d.effectiveProxyRun('h1').ports).toEqual([{ ip: '[::1]', hostPort: 8080, containerPort: 80 }, { ip: '[::1]', hostPort: 443, containerPort: 443 }]);
    expect(argv(proxy.run(d, 'h1', { verb: 'create', name: 'n', publish: false }))).toEqual([
      'create', '--name', 'n', '--network', 'kamal', '--restart', 'unless-stopped', ...rest(directory), '--log-opt', 'max-size=10m', '--memory', '1g', 'basecamp/kamal-proxy:v1.0.0',
      'kamal-proxy', 'run', '--debug',
    ]);
    expect(argv(proxy.run(d, 'h1')).slice(12, 16)).toEqual(['--publish', '[::1]:8080:80', '--publish', '[::1]:443:443']);
  });
});

describe('commands', () => {
  it('run the app under the given image and version', async () => {
    const d = await deployment('', 'staging');
    const [role] = d.roles;
    if (!role) throw new Error('no role');
    const args = argv(app.run(d, { role, host: 'h1', version: 'v7', hostname: app.hostnameFor('h1', 'abc'), image: 'sha256:1' }));
    expect(args.slice(0, 20)).toEqual([
      'run', '--detach', '--restart', 'unless-stopped', '--name', 'shop-web-staging-v7', '--network', 'kamal', '--hostname', 'h1-abc', '--env', 'KAMAL_CONTAINER_NAME=shop-web-staging-v7',
      '--env', 'KAMAL_VERSION=v7', '--env', 'KAMAL_HOST=h1', '--env', 'KAMAL_DESTINATION=staging', '--env', 'A=1',
    ]);
    expect(args.at(-1)).toBe('sha256:1');
  });

  it('create an accessory without starting it', async () => {
    const d = await deployment();
    const [db] = d.accessories;
    if (!db) throw new Error('no accessory');
    expect(argv(accessory.run(d, db, 'h1', { verb: 'create', name: 'shop-db-new', image: 'sha256:2' })).slice(0, 5)).toEqual(['create', '--name', 'shop-db-new', '--restart', 'unless-stopped']);
    expect(argv(accessory.run(d, db, 'h1')).slice(-2)).toEqual(['mysql:8', '--x']);
  });

  it('log in with the password on stdin only', async () => {
    const d = await deployment();
    const snapshot = await loadProject({ projectDir: directory, env: { VERSION: 'v1' } });
    const login = registry.login(d.registry, await readSecrets(snapshot, { projectDir: directory, env: {} }));
    expect(argv(login?.command ?? [])).toEqual(['login', '-u', 'b o', '--password-stdin']);
    expect(login?.stdin).toBe('p$w `x`');
    expect(line(login?.command ?? [])).not.toContain('p$w');
  });

  it('lock as Kamal does, so that status reads what acquire wrote', async () => {
    const d = await deployment();
    const details = lock.lockDetails({ by: 'Zoë', at: '2026-01-01T00:00:00Z', version: 'v1', message: 'a message long enough for a second line of base64' });
    const sh = (command: Command) => spawnSync('sh', { input: sshkitLine(command), cwd: directory });
    expect(sh(lock.acquire(d, details)).status).toBe(0);
    expect(sh(lock.acquire(d, details)).status).not.toBe(0);
    expect(sh(lock.status(d)).stdout.toString()).toBe(details);
    expect(sh(lock.release(d)).status).toBe(0);
    expect(sh(lock.status(d)).status).not.toBe(0);
  });

  it('know the names that Kamal 1 used', () => {
    const names = kamal1NamesOf({ service: 'shop', destination: 'staging' });
    expect(names.lockDetailsFile).toBe('.kamal/locks/shop-staging/details');
    expect(names.roleEnvFile('web')).toBe('.kamal/env/roles/shop-web-staging.env');
  });
});
