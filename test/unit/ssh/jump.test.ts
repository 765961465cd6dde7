import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { connect } from '../../../src/ssh/connect.ts';
import { SshError } from '../../../src/ssh/error.ts';
import { SshPool } from '../../../src/ssh/pool.ts';
import type { SshConnection, SshSettings } from '../../../src/ssh/types.ts';
import { childrenOf, freePort, me, sessionsOf, type Sshd, until, World } from './sshd.ts';

let world: World;
let target: Sshd;
let bastion: Sshd;
let second: Sshd;
const open: SshConnection[] = [];
beforeAll(async () => {
  world = new World();
  world.key('id_ed25519', 'ed25519');
  [target, bastion, second] = await Promise.all([world.sshd(), world.sshd({ lines: ['LogLevel VERBOSE'] }), world.sshd()]);
  // Each was asked whether it listens, and that connection may not have come to its end.
  await nobodyIsLeft();
});
afterAll(() => world.destroy());
beforeEach(() => {
  world.write('.ssh/config', '');
});
afterEach(async () => {
  for (const connection of open.splice(0)) connection.close();
  await nobodyIsLeft();
});
const nobodyIsLeft = () => until(() => connectionsTo(bastion) + connectionsTo(second) === 0, 'no connection is left on a jump host');

async function into(host: string, settings: SshSettings): Promise<SshConnection> {
  const connection = await connect(host, settings);
  open.push(connection);
  return connection;
}

async function failure(host: string, settings: SshSettings): Promise<SshError> {
  const result = await into(host, settings).catch((error: unknown) => error);
  if (!(result instanceof SshError)) throw new Error(`expected an SshError, got ${String(result)}`);
  return result;
}

/** The port that the sshd which serves a command sees its client come from, and the one it listens on. */
const comesFrom = async (connection: SshConnection): Promise<string> =>
  (await connection.exec('echo $SSH_CONNECTION')).stdout.trim();

const connectionsTo = (sshd: Sshd): number => childrenOf(sshd.pid, 'sshd').length;

test('through a jump host', async () => {
  const before = connectionsTo(bastion);
  const connection = await into('127.0.0.1', world.settings({ port: target.port, proxyJump: `${me}@127.0.0.1:${bastion.port}` }));
  expect(await comesFrom(connection)).toMatch(new RegExp(` ${target.port}$`));
  expect(connectionsTo(bastion)).toBe(before + 1);
  connection.close();
  await until(() => connectionsTo(bastion) === before, "the jump host's connection is closed with its passenger");
});

test('through two, the first one dialled first', async () => {
  world.write(
    '.ssh/config',
    `Host b1\n HostName 127.0.0.1\n Port ${bastion.port}\n User ${me}\nHost b2\n HostName 127.0.0.1\n Port ${second.port}\n User ${me}\n`,
  );
  const before = [connectionsTo(bastion), connectionsTo(second)];
  const connection = await into('127.0.0.1', world.settings({ port: target.port, proxyJump: 'b1,b2' }));
  expect((await connection.exec('echo in')).stdout).toBe('in\n');
  expect([connectionsTo(bastion), connectionsTo(second)]).toEqual(before.map((count) => count + 1));
  // Only the second of them can have dialled the target: the first one's sshd has the second's connection.
  const error = await failure('127.0.0.1', world.settings({ port: target.port, proxyJump: `127.0.0.1:${await freePort()},b2` }));
  expect(error).toMatchObject({ kind: 'refused' });
});

test('ProxyJump of the configuration, for the jump host itself too', async () => {
  world.write(
    '.ssh/config',
    `Host bastion\n HostName 127.0.0.1\n Port ${bastion.port}\nHost *\n User ${me}\n ProxyJump bastion\n`,
  );
  const before = connectionsTo(bastion);
  const connection = await into('127.0.0.1', world.settings({ port: target.port }));
  expect((await connection.exec('echo in')).stdout).toBe('in\n');
  expect(connectionsTo(bastion)).toBe(before + 1);
});

test('jump hosts that lead in a circle', async () => {
  world.write('.ssh/config', 'Host a\n ProxyJump b\nHost b\n ProxyJump c\nHost c\n ProxyJump a\n');
  const error = await failure('a', world.settings());
  expect(error.kind).toBe('config');
  expect(error.message).toContain('b via c via a via b');
  const pool = new SshPool(() => world.settings());
  await expect(pool.get('a')).rejects.toMatchObject({ kind: 'config' });
  pool.closeAll();
});

test("a jump host that can't be read, isn't there, isn't known, or can't go on", async () => {
  expect((await failure('127.0.0.1', world.settings({ proxyJump: 'a b' }))).kind).toBe('config');
  const closed = await freePort();
  const refused = await failure('web', world.settings({ port: target.port, proxyJump: `127.0.0.1:${closed}` }));
  expect(refused).toMatchObject({ kind: 'refused', host: '127.0.0.1' });
  expect(refused.message).toContain('on the way to web');
  const unknown = await world.sshd({ known: false });
  expect((await failure('web', world.settings({ proxyJump: `${me}@127.0.0.1:${unknown.port}` }))).kind).toBe('host-key-unknown');
  const further = await failure('127.0.0.1', world.settings({ port: closed, proxyJump: `${me}@127.0.0.1:${bastion.port}` }));
  expect(further.kind).toBe('refused');
  expect(further.message).toContain(`127.0.0.1:${closed}`);
  const forbidding = await world.sshd({ lines: ['AllowTcpForwarding no'] });
  const forbidden = await failure(
    '127.0.0.1',
    world.settings({ port: target.port, proxyJump: `${me}@127.0.0.1:${forbidding.port}` }),
  );
  expect(forbidden.kind).toBe('refused');
  expect(forbidden.hint).toContain('AllowTcpForwarding');
});

test("the target's key is verified behind a jump host, and the hint goes through it", async () => {
  const hidden = await world.sshd({ known: false });
  const error = await failure('127.0.0.1', world.settings({ port: hidden.port, proxyJump: `${me}@127.0.0.1:${bastion.port}` }));
  expect(error.kind).toBe('host-key-unknown');
  expect(error.hint).toContain(`-J ${me}@127.0.0.1:${bastion.port}`);
});

test('a jump host that dies takes its passenger along, at once', async () => {
  const doomed = await world.sshd();
  const connection = await into('127.0.0.1', world.settings({ port: target.port, proxyJump: `${me}@127.0.0.1:${doomed.port}` }));
  const command = connection.exec('sleep 20').catch((error: unknown) => error);
  await connection.exec('true');
  for (const pid of sessionsOf(doomed)) process.kill(pid, 'SIGKILL');
  const at = Date.now();
  expect(await command).toMatchObject({ kind: 'lost' });
  expect(Date.now() - at).toBeLessThan(1000);
});

test('a target that falls silent behind a jump host that lives is lost all the same', async () => {
  const stopped = await world.sshd();
  await until(() => sessionsOf(stopped).length === 0, 'nobody is connected');
  const connection = await into(
    '127.0.0.1',
    world.settings({ port: stopped.port, keepaliveIntervalMs: 100, proxyJump: `${me}@127.0.0.1:${bastion.port}` }),
  );
  const sessions = sessionsOf(stopped);
  expect(sessions.length).toBeGreaterThan(0);
  for (const pid of sessions) process.kill(pid, 'SIGSTOP');
  try {
    const at = Date.now();
    await expect(connection.exec('true')).rejects.toMatchObject({ kind: 'lost' });
    expect(Date.now() - at).toBeLessThan(2000);
  } finally {
    for (const pid of sessions) process.kill(pid, 'SIGKILL');
  }
});

test('megabytes through a jump host', async () => {
  const connection = await into('127.0.0.1', world.settings({ port: target.port, proxyJump: `${me}@127.0.0.1:${bastion.port}` }));
  const { stdout } = await connection.exec('wc -c', { stdin: Buffer.alloc(8_000_000, 'x') });
  expect(stdout.trim()).toBe('8000000');
  expect((await connection.exec('head -c 8000000 /dev/zero | tr "\\0" y')).stdout.length).toBe(8_000_000);
});

test('the pool goes through one connection to a jump host for all', async () => {
  const before = connectionsTo(bastion);
  const pool = new SshPool(() => world.settings({ port: target.port, proxyJump: `${me}@127.0.0.1:${bastion.port}` }));
  world.write('.ssh/config', 'Host web-*\n HostName 127.0.0.1\n');
  const connections = await Promise.all(Array.from({ length: 12 }, (_, i) => pool.get(`web-${i}`)));
  const answers = await Promise.all(connections.map((connection, i) => connection.exec(`echo ${i}`)));
  expect(answers.map(({ stdout }) => Number(stdout))).toEqual(Array.from({ length: 12 }, (_, i) => i));
  expect(connectionsTo(bastion)).toBe(before + 1);
  // One passenger that leaves doesn't take the others' way away.
  connections[0]?.close();
  expect((await connections[1]?.exec('echo on'))?.stdout).toBe('on\n');
  pool.closeAll();
  await until(() => connectionsTo(bastion) === before, 'the jump host is let go');
});

test('ProxyCommand, given and of the configuration, with its tokens', async () => {
  const command = `ssh -q -F ${world.write('hop', `UserKnownHostsFile ${world.knownHosts}\nIdentityFile ${world.home}/.ssh/id_ed25519\n`)} -p ${bastion.port} -l %r -W %h:%p 127.0.0.1`;
  const before = connectionsTo(bastion);
  const given = await into('127.0.0.1', world.settings({ port: target.port, proxyCommand: command }));
  expect((await given.exec('wc -c', { stdin: Buffer.alloc(3_000_000) })).stdout.trim()).toBe('3000000');
  expect(connectionsTo(bastion)).toBe(before + 1);
  given.close();
  await until(() => connectionsTo(bastion) === before, 'the command ends with the connection');
  world.write('.ssh/config', `Host web\n HostName 127.0.0.1\n Port ${target.port}\n User ${me}\n ProxyCommand ${command}\n`);
  expect((await (await into('web', world.settings())).exec('echo in')).stdout).toBe('in\n');
});

test('a ProxyCommand that fails, ends, or hangs', async () => {
  const failing = await failure('127.0.0.1', world.settings({ proxyCommand: 'sh -c "echo no such tunnel >&2; exit 1"' }));
  expect(failing.kind).toBe('unreachable');
  expect(failing.message).toContain('no such tunnel');
  expect((await failure('127.0.0.1', world.settings({ proxyCommand: 'true' }))).kind).toBe('lost');
  const marker = `4${Date.now() % 100000}`;
  const hanging = await failure('127.0.0.1', world.settings({ proxyCommand: `sleep ${marker}`, connectTimeoutMs: 300 }));
  expect(hanging.kind).toBe('timeout');
  const left = (): boolean =>
    execFileSync('ps', ['-eo', 'stat,args'], { encoding: 'utf8' })
      .split('\n')
      .some((line) => line.includes(`sleep ${marker}`) && !line.startsWith('Z'));
  await until(() => !left(), 'the command is ended');
});

test('a connection through a ProxyCommand whose process is killed', async () => {
  const script = world.write(
    'relay.sh',
    `exec node -e 'const s=require("net").connect(${target.port},"127.0.0.1");process.stdin.pipe(s);s.pipe(process.stdout)'\n`,
  );
  const pidFile = `${world.home}/relay.pid`;
  const connection = await into(
    '127.0.0.1',
    world.settings({ port: target.port, proxyCommand: `sh -c 'echo $$ > ${pidFile}; exec sh ${script}'` }),
  );
  const command = connection.exec('sleep 20').catch((error: unknown) => error);
  await connection.exec('true');
  process.kill(Number(execFileSync('cat', [pidFile], { encoding: 'utf8' })), 'SIGKILL');
  expect(await command).toMatchObject({ kind: 'lost' });
});
