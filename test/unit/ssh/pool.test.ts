import { setTimeout as sleep } from 'node:timers/promises';
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SshPool } from '../../../src/ssh/pool.ts';
import { childrenOf, sessionsOf, type Sshd, until, World } from './sshd.ts';

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
