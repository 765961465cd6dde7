import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { minimalEnvironment } from '../../../src/temporal/environment.ts';
import { projectState, stateDir, workerFiles } from '../../../src/temporal/state.ts';
import { taskQueueFor } from '../../../src/temporal/task-queue.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bactrian-names-'));
  await mkdir(join(dir, 'shop'));
  await mkdir(join(dir, 'shop-2'));
  await symlink(join(dir, 'shop'), join(dir, 'link'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('task queue', () => {
  it('names service, destination and project folder', () => {
    const projectDir = join(dir, 'shop');
    expect(taskQueueFor({ service: 'shop', projectDir })).toMatch(/^bactrian-shop-[0-9a-f]{8}$/);
    expect(taskQueueFor({ service: 'shop', destination: 'staging', projectDir })).toMatch(/^bactrian-shop-staging-[0-9a-f]{8}$/);
  });

  it('is the same through a symlink and differs between two checkouts', () => {
    const queue = (name: string): string => taskQueueFor({ service: 'shop', projectDir: join(dir, name) });
    expect(queue('link')).toBe(queue('shop'));
    expect(queue('shop/')).toBe(queue('shop'));
    expect(queue('shop-2')).not.toBe(queue('shop'));
  });

  it('is the same on every machine when no folder is given', () => {
    expect(taskQueueFor({ service: 'shop', destination: 'staging' })).toBe('bactrian-shop-staging');
  });

  it('says what to do when the project is not there', () => {
    expect(() => taskQueueFor({ service: 'shop', projectDir: join(dir, 'gone') })).toThrow(/gone can't be opened.*--project/);
  });
});

describe('state directory', () => {
  it('is BACTRIAN_STATE_DIR, else XDG_STATE_HOME/bactrian, else ~/.local/state/bactrian', () => {
    const env = { HOME: '/home/ada', XDG_STATE_HOME: '/var/ada', BACTRIAN_STATE_DIR: '/srv/state' };
    expect(stateDir(env)).toBe('/srv/state');
    expect(stateDir({ ...env, BACTRIAN_STATE_DIR: '' })).toBe('/var/ada/bactrian');
    expect(stateDir({ HOME: '/home/ada' })).toBe('/home/ada/.local/state/bactrian');
  });

  it('keeps a project in folders that nobody else can look into', async () => {
    const state = await projectState(join(dir, 'link'), { BACTRIAN_STATE_DIR: join(dir, 'state') });
    expect(state).toEqual(await projectState(join(dir, 'shop'), { BACTRIAN_STATE_DIR: join(dir, 'state') }));
    for (const folder of Object.values(state)) expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  it('closes a folder of ours that was left open', async () => {
    const env = { BACTRIAN_STATE_DIR: join(dir, 'state-2') };
    const { logs } = await projectState(join(dir, 'shop'), env);
    await chmod(logs, 0o755);
    await projectState(join(dir, 'shop'), env);
    expect((await stat(logs)).mode & 0o777).toBe(0o700);
  });

  it('says what to do when it cannot be made', async () => {
    const file = join(dir, 'a-file');
    await writeFile(file, '');
    await expect(projectState(join(dir, 'shop'), { BACTRIAN_STATE_DIR: join(file, 'state') })).rejects.toThrow(/Set BACTRIAN_STATE_DIR/);
  });

  it("puts a worker's socket where its path is short enough", async () => {
    const request = { projectDir: join(dir, 'shop'), taskQueue: 'bactrian-shop-12345678' };
    const short = await workerFiles(request, { BACTRIAN_STATE_DIR: join(dir, 's') });
    expect(short.socket.startsWith(join(dir, 's'))).toBe(true);
    const long = await workerFiles(request, { BACTRIAN_STATE_DIR: join(dir, 'x'.repeat(90)), XDG_RUNTIME_DIR: dir });
    expect(long.socket.startsWith(join(dir, 'bactrian/'))).toBe(true);
    expect(long.socket.length).toBeLessThanOrEqual(103);
    expect((await stat(join(dir, 'bactrian'))).mode & 0o777).toBe(0o700);
  });
});

describe('what a background process inherits', () => {
  it('is what it needs to run, and no secret', () => {
    const env = { PATH: '/bin', HOME: '/root', LC_ALL: 'C', BACTRIAN_STATE_DIR: '/s', AWS_SECRET_ACCESS_KEY: 'x', BACTRIAN_CODEC_KEY: 'y', GONE: undefined };
    expect(minimalEnvironment(env)).toEqual({ PATH: '/bin', HOME: '/root', LC_ALL: 'C', BACTRIAN_STATE_DIR: '/s' });
  });
});
