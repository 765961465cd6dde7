import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connect } from '../../../src/ssh/connect.ts';
import { SshError } from '../../../src/ssh/error.ts';
import type { SshConnection, SshSettings } from '../../../src/ssh/types.ts';
import { freePort, me, type Sshd, World } from './sshd.ts';

const open: SshConnection[] = [];

/** Connects, runs a command through the connection, and says what it printed. */
async function whoami(host: string, settings: SshSettings): Promise<string> {
  const connection = await connect(host, settings);
  open.push(connection);
  return (await connection.exec('id -un')).stdout.trim();
}

async function failure(host: string, settings: SshSettings, signal?: AbortSignal): Promise<SshError> {
  const result = await connect(host, settings, signal).catch((error: unknown) => error);
  if (!(result instanceof SshError)) throw new Error(`expected an SshError, got ${String(result)}`);
  return result;
}

afterEach(() => {
  for (const connection of open.splice(0)) connection.close();
});

describe('keys', () => {
  let world: World;
  let sshd: Sshd;
  beforeEach(async () => {
    world = new World();
    sshd = await world.sshd();
  });
  afterEach(() => world.destroy());

  test.each(['ed25519', 'rsa', 'ecdsa'] as const)('the default %s key of the home directory is offered', async (type) => {
    world.key(`id_${type}`, type);
    expect(await whoami(sshd.address, world.settings({ port: sshd.port }))).toBe(me);
  });

  test('a named key is used, the default one is not', async () => {
    world.key('id_ed25519', 'ed25519', { authorize: false });
    const named = world.key('deploy', 'ed25519');
    expect(await whoami(sshd.address, world.settings({ port: sshd.port, keys: [named] }))).toBe(me);
    const error = await failure(sshd.address, world.settings({ port: sshd.port }));
    expect(error.kind).toBe('auth');
    expect(error.message).toContain('.ssh/id_ed25519');
  });

  test('keys given replace those of the configuration, and ~ is the home', async () => {
    world.key('right', 'ed25519');
    world.key('wrong', 'ed25519', { authorize: false });
    world.write('.ssh/config', `Host *\n  IdentityFile ~/.ssh/wrong\n`);
    expect((await failure(sshd.address, world.settings({ port: sshd.port }))).kind).toBe('auth');
    expect(await whoami(sshd.address, world.settings({ port: sshd.port, keys: ['~/.ssh/right'] }))).toBe(me);
  });

  test('key data of each format', async () => {
    const openssh = readFileSync(world.key('a', 'ed25519'), 'utf8');
    const pem = readFileSync(world.key('b', 'rsa', { args: ['-m', 'PEM'] }), 'utf8');
    expect(pem).toContain('BEGIN RSA PRIVATE KEY');
    const pkcs8 = ['rsa', 'ec'].map((type) => {
      const { privateKey } =
        type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const path = world.write(`pkcs8-${type}`, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
      // ssh-keygen makes the public key of what OpenSSH reads itself.
      writeFileSync(world.authorizedKeys, execFileSync('ssh-keygen', ['-y', '-f', path]), { flag: 'a' });
      return readFileSync(path, 'utf8');
    });
    for (const text of [openssh, pem, ...pkcs8]) {
      expect(await whoami(sshd.address, world.settings({ port: sshd.port, keys: [], keyData: [text] }))).toBe(me);
    }
  });

  test('key data that is no key is refused without being repeated', async () => {
    const error = await failure(sshd.address, world.settings({ port: sshd.port, keyData: ['-----BEGIN nonsense s3cret'] }));
    expect(error.kind).toBe('config');
    expect(`${error.message} ${error.hint}`).not.toContain('s3cret');
  });

  test('a key in the agent only', async () => {
    const socket = await world.agent([{ path: world.key('only-in-agent', 'rsa') }]);
    const settings = world.settings({ port: sshd.port });
    expect(await whoami(sshd.address, { ...settings, env: { ...settings.env, SSH_AUTH_SOCK: socket } })).toBe(me);
  });

  test('IdentityAgent of the configuration, and its none', async () => {
    const socket = await world.agent([{ path: world.key('only-in-agent', 'ed25519') }]);
    world.write('.ssh/config', `IdentityAgent ${socket}\n`);
    expect(await whoami(sshd.address, world.settings({ port: sshd.port }))).toBe(me);
    world.write('.ssh/config', 'IdentityAgent none\n');
    const settings = world.settings({ port: sshd.port });
    expect((await failure(sshd.address, { ...settings, env: { ...settings.env, SSH_AUTH_SOCK: socket } })).kind).toBe('auth');
  });

  test('a key with a passphrase: through the agent, and without one a hint', async () => {
    const path = world.key('id_ed25519', 'ed25519', { passphrase: 'open sesame' });
    const alone = await failure(sshd.address, world.settings({ port: sshd.port }));
    expect(alone.kind).toBe('auth');
    expect(alone.message).toContain('has a passphrase');
    expect(alone.hint).toContain(`ssh-add ${path}`);
    const socket = await world.agent([{ path, passphrase: 'open sesame' }]);
    const settings = world.settings({ port: sshd.port, keysOnly: true });
    expect(await whoami(sshd.address, { ...settings, env: { ...settings.env, SSH_AUTH_SOCK: socket } })).toBe(me);
    // Without the .pub beside it the public key is found inside the encrypted one.
    execFileSync('rm', [`${path}.pub`]);
    expect(await whoami(sshd.address, { ...settings, env: { ...settings.env, SSH_AUTH_SOCK: socket } })).toBe(me);
  });

  test("with keysOnly the agent's other keys are not offered", async () => {
    const right = world.key('right', 'ed25519');
    const wrong = world.key('wrong', 'ed25519', { authorize: false });
    const socket = await world.agent([{ path: right }]);
    const settings = world.settings({ port: sshd.port, keys: [wrong] });
    const env = { ...settings.env, SSH_AUTH_SOCK: socket };
    expect(await whoami(sshd.address, { ...settings, env })).toBe(me);
    const error = await failure(sshd.address, { ...settings, env, keysOnly: true });
    expect(error.kind).toBe('auth');
    expect(error.message).not.toContain('agent: right');
  });

  test('the named key comes first, before an agent with too many others', async () => {
    const others = Array.from({ length: 7 }, (_, i) => ({ path: world.key(`other${i}`, 'ed25519', { authorize: false }) }));
    const right = world.key('right', 'ed25519');
    const socket = await world.agent([...others, { path: right }]);
    const settings = world.settings({ port: sshd.port });
    const env = { ...settings.env, SSH_AUTH_SOCK: socket };
    expect(await whoami(sshd.address, { ...settings, env, keys: [right] })).toBe(me);
    const error = await failure(sshd.address, { ...settings, env, keys: [] });
    expect(error.kind).toBe('auth');
    expect(error.hint).toContain('IdentitiesOnly');
  });

  test('the agent is forwarded when asked for, and commands run where the server forbids it', async () => {
    const path = world.key('id_ed25519', 'ed25519');
    const socket = await world.agent([{ path }]);
    const forbidding = await world.sshd({ lines: ['AllowAgentForwarding no'] });
    const settings = world.settings({ port: sshd.port });
    const env = { ...settings.env, SSH_AUTH_SOCK: socket };
    const list = async (port: number, forwardAgent: boolean): Promise<string> => {
      const connection = await connect(sshd.address, { ...settings, port, env, forwardAgent });
      open.push(connection);
      return (await connection.exec('ssh-add -l 2>&1; ssh-add -l 2>&1')).stdout;
    };
    expect(await list(sshd.port, true)).toContain('id_ed25519');
    expect(await list(sshd.port, false)).not.toContain('id_ed25519');
    expect(await list(forbidding.port, true)).toMatch(/Could not open|No such file|not open a connection/);
  });

  test('a certificate is said not to be supported', async () => {
    const authority = world.key('authority', 'ed25519', { authorize: false });
    const path = world.key('id_ed25519', 'ed25519', { authorize: false });
    execFileSync('ssh-keygen', ['-q', '-s', authority, '-I', 'id', '-n', me, `${path}.pub`]);
    const error = await failure(sshd.address, world.settings({ port: sshd.port }));
    expect(error.message).toContain(`${path}-cert.pub (certificates aren't supported)`);
  });

  test('refused: says who, what was offered, what the server takes, and no key', async () => {
    const path = world.key('id_ed25519', 'ed25519', { authorize: false });
    const error = await failure(sshd.address, world.settings({ port: sshd.port }));
    expect(error).toMatchObject({ kind: 'auth', host: '127.0.0.1' });
    expect(error.message).toContain(`${me}@127.0.0.1`);
    expect(error.message).toContain(path);
    expect(error.message).toContain('publickey');
    expect(`${error.message}${error.hint}`).not.toMatch(/BEGIN|AAAA/);
  });

  test('a dead agent socket is said, and the file is used', async () => {
    const settings = world.settings({ port: sshd.port });
    const env = { ...settings.env, SSH_AUTH_SOCK: join(world.home, 'nothing.sock') };
    expect((await failure(sshd.address, { ...settings, env })).message).toContain('nothing.sock');
    world.key('id_ed25519', 'ed25519');
    expect(await whoami(sshd.address, { ...settings, env })).toBe(me);
  });
});

describe('ways to a host', () => {
  let world: World;
  beforeAll(() => {
    world = new World();
    world.key('id_ed25519', 'ed25519');
  });
  afterAll(() => world.destroy());

  test('an alias of the configuration', async () => {
    const sshd = await world.sshd();
    world.write('.ssh/config', `Host web\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  User ${me}\n`);
    expect(await whoami('web', world.settings({ user: undefined }))).toBe(me);
  });

  test('an IPv6 address', async () => {
    const sshd = await world.sshd({ address: '::1' });
    expect(await whoami('::1', world.settings({ port: sshd.port }))).toBe(me);
  });

  test('nobody listens', async () => {
    const error = await failure('127.0.0.1', world.settings({ port: await freePort() }));
    expect(error.kind).toBe('refused');
    expect(error.message).toMatch(/^127\.0\.0\.1:\d+ refuses/);
  });

  test('a name that there is not', async () => {
    const error = await failure('no-such-host.invalid', world.settings({ connectTimeoutMs: 20_000 }));
    expect(error).toMatchObject({ kind: 'unreachable', host: 'no-such-host.invalid' });
  });

  test('a server that says nothing, and one that speaks something else', async () => {
    const silent = createServer(() => undefined);
    const http = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n<html></html>\r\n'));
    const ports = await Promise.all(
      [silent, http].map(
        (server) =>
          new Promise<number>((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))),
      ),
    );
    try {
      const started = Date.now();
      expect((await failure('127.0.0.1', world.settings({ port: ports[0], connectTimeoutMs: 300 }))).kind).toBe('timeout');
      expect(Date.now() - started).toBeLessThan(3000);
      const spoken = await failure('127.0.0.1', world.settings({ port: ports[1] }));
      expect(spoken.kind).toBe('config');
      expect(spoken.message).toContain('HTTP/1.1 400');
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 50);
      expect((await failure('127.0.0.1', world.settings({ port: ports[0] }), controller.signal)).kind).toBe('aborted');
    } finally {
      silent.close();
      http.close();
    }
  });

  test('a mistake in the configuration names file and line', async () => {
    world.write('.ssh/config', 'Host a\n  User "b\n');
    const error = await failure('127.0.0.1', world.settings());
    expect(error.kind).toBe('config');
    expect(error.message).toContain('.ssh/config:2');
  });
});
