import { setTimeout as sleep } from 'node:timers/promises';
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SshPool } from '../../../src/ssh/pool.ts';
import { upload, UploadError } from '../../../src/ssh/upload.ts';
import { childrenOf, sessionsOf, type Sshd, until, World } from './sshd.ts';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

let world: World;
let sshd: Sshd;
beforeAll(async () => {
  world = new World();
  world.key('id_ed25519', 'ed25519');
  sshd = await world.sshd();
});
afterAll(() => world.destroy());

const pool = (): SshPool => new SshPool(() => world.settings({ port: sshd.port }));

test('everybody shares one connection, asked for at once or later', async () => {
  const hosts = pool();
  await until(() => childrenOf(sshd.pid).length === 0, 'nobody is connected');
  const connections = await Promise.all([hosts.get('127.0.0.1'), hosts.get('127.0.0.1'), hosts.get('127.0.0.1')]);
  expect(new Set([...connections, await hosts.get('127.0.0.1')]).size).toBe(1);
  expect(childrenOf(sshd.pid, 'sshd').length).toBe(1);
  hosts.closeAll();
  await expect(hosts.get('127.0.0.1')).rejects.toMatchObject({ kind: 'aborted' });
});

test('a dead connection is replaced', async () => {
  const hosts = pool();
  const first = await hosts.get('127.0.0.1');
  const command = first.exec('sleep 20').catch((error: unknown) => error);
  await first.exec('true');
  for (const pid of sessionsOf(sshd)) process.kill(pid, 'SIGKILL');
  expect(await command).toMatchObject({ kind: 'lost' });
  const next = await hosts.get('127.0.0.1');
  expect(next).not.toBe(first);
  expect((await next.exec('echo back')).stdout).toBe('back\n');
  hosts.closeAll();
});

test('a failure is not kept', async () => {
  let port = 1;
  const hosts = new SshPool(() => world.settings({ port }));
  await expect(hosts.get('127.0.0.1')).rejects.toMatchObject({ kind: 'refused' });
  port = sshd.port;
  expect((await (await hosts.get('127.0.0.1')).exec('echo in')).stdout).toBe('in\n');
  hosts.closeAll();
});

test("one caller's abort leaves the others waiting; the last one's ends the attempt", async () => {
  let dialled = 0;
  let hungUp = 0;
  const silent = createServer((socket) => {
    dialled++;
    socket.on('error', () => undefined).on('close', () => hungUp++);
    socket.resume();
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const hosts = new SshPool(() => world.settings({ port: (silent.address() as AddressInfo).port }));
  try {
    const [a, b] = [new AbortController(), new AbortController()];
    const first = hosts.get('127.0.0.1', a.signal).catch((error: unknown) => error);
    const second = hosts.get('127.0.0.1', b.signal).catch((error: unknown) => error);
    await until(() => dialled === 1, 'the one attempt is under way');
    a.abort();
    expect(await first).toMatchObject({ kind: 'aborted' });
    await sleep(100);
    expect(hungUp).toBe(0);
    b.abort();
    expect(await second).toMatchObject({ kind: 'aborted' });
    await until(() => hungUp === 1, 'the attempt is ended');
    expect(dialled).toBe(1);
  } finally {
    hosts.closeAll();
    silent.close();
  }
});

test('upload: content and mode, over an old file, without a trace of its own', async () => {
  const hosts = pool();
  const connection = await hosts.get('127.0.0.1');
  const dir = join(world.home, "up 'load $dir");
  mkdirSync(dir);
  const data = randomBytes(3_000_000);
  await upload(connection, { path: join(dir, 'a b'), content: data, mode: 0o644 });
  expect(readFileSync(join(dir, 'a b')).equals(data)).toBe(true);
  writeFileSync(join(dir, 'env'), 'old', { mode: 0o666 });
  await upload(connection, { path: join(dir, 'env'), content: 'KEY=ü\n', mode: 0o600 });
  expect(readFileSync(join(dir, 'env'), 'utf8')).toBe('KEY=ü\n');
  expect(statSync(join(dir, 'env')).mode & 0o7777).toBe(0o600);
  expect(statSync(join(dir, 'a b')).mode & 0o7777).toBe(0o644);
  await upload(connection, { path: join(dir, 'empty'), content: '', mode: 0o600 });
  expect(statSync(join(dir, 'empty')).size).toBe(0);
  expect(readdirSync(dir).sort()).toEqual(['a b', 'empty', 'env']);
  await expect(upload(connection, { path: join(dir, 'no/such/dir'), content: 'x', mode: 0o600 })).rejects.toThrow(UploadError);
  hosts.closeAll();
});

test('upload: a connection that dies half-way leaves the old file', async () => {
  const hosts = pool();
  const connection = await hosts.get('127.0.0.1');
  const dir = join(world.home, 'half');
  mkdirSync(dir);
  writeFileSync(join(dir, 'file'), 'old');
  // More than the pipes and windows on the way can hold, so that it can't be done before the kill.
  const sending = upload(connection, { path: join(dir, 'file'), content: Buffer.alloc(200_000_000, 'x'), mode: 0o600 }).catch(
    (error: unknown) => error,
  );
  await until(() => readdirSync(dir).length === 2, 'the upload has begun');
  for (const pid of sessionsOf(sshd)) process.kill(pid, 'SIGKILL');
  expect(await sending).toMatchObject({ kind: 'lost' });
  await until(() => readdirSync(dir).length === 1, 'the half file is cleared away');
  expect(readFileSync(join(dir, 'file'), 'utf8')).toBe('old');
  hosts.closeAll();
});
