import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connect } from '../../../src/ssh/connect.ts';
import { SshError } from '../../../src/ssh/error.ts';
import { type Sshd, World } from './sshd.ts';

let world: World;
beforeEach(() => {
  world = new World();
  world.key('id_ed25519', 'ed25519');
});
afterEach(() => world.destroy());

async function tryOut(sshd: Sshd, host = sshd.address): Promise<'in' | SshError> {
  try {
    (await connect(host, world.settings({ port: sshd.port }))).close();
    return 'in';
  } catch (error) {
    if (error instanceof SshError) return error;
    throw error;
  }
}

/** Whether the real ssh lets us in with the same files: what ours is measured by. */
function realSsh(sshd: Sshd, options: string[] = []): boolean {
  try {
    execFileSync(
      'ssh',
      [
        `-p${sshd.port}`,
        `-F${existsSync(`${world.home}/.ssh/config`) ? `${world.home}/.ssh/config` : '/dev/null'}`,
        '-oBatchMode=yes',
        `-oUserKnownHostsFile=${world.knownHosts}`,
        '-oGlobalKnownHostsFile=none',
        `-i${world.home}/.ssh/id_ed25519`,
        ...options,
        sshd.address,
        'true',
      ],
      { stdio: 'pipe' },
    );
    return true;
  } catch {
    return false;
  }
}

const fingerprint = (publicKey: string): string =>
  execFileSync('ssh-keygen', ['-lf', '-'], { input: publicKey, encoding: 'utf8' }).split(' ')[1] ?? '';

const otherKey = (type: 'ed25519' | 'ecdsa' | 'rsa' = 'ed25519'): string =>
  readFileSync(`${world.key(`other-${type}-${Math.random()}`, type, { authorize: false })}.pub`, 'utf8').trim();

test('a key that is in known_hosts', async () => {
  expect(await tryOut(await world.sshd())).toBe('in');
});

test('an unknown key is refused with its fingerprint and what to type, and that helps', async () => {
  const sshd = await world.sshd({ known: false });
  const error = await tryOut(sshd);
  expect(error).toMatchObject({ kind: 'host-key-unknown', host: '127.0.0.1' });
  const { message, hint } = error as SshError;
  expect(message).toContain(fingerprint(sshd.publicKeys[0] ?? ''));
  const command = /ssh-keyscan .*$/.exec(hint)?.[0] ?? '';
  execFileSync('sh', ['-c', command], { stdio: 'pipe' });
  expect(await tryOut(sshd)).toBe('in');
});

test('a changed key is refused, names the line, and the hint mends it', async () => {
  const sshd = await world.sshd({ known: false });
  const old = otherKey();
  writeFileSync(world.knownHosts, '# a comment\n');
  world.know(sshd.address, sshd.port, old);
  const error = await tryOut(sshd);
  expect(error).toMatchObject({ kind: 'host-key-changed' });
  const { message, hint } = error as SshError;
  expect(message).toContain(`${world.knownHosts}:2`);
  expect(message).toContain(fingerprint(old));
  expect(message).toContain(fingerprint(sshd.publicKeys[0] ?? ''));
  execFileSync('sh', ['-c', /ssh-keygen .*$/.exec(hint)?.[0] ?? ''], { stdio: 'pipe' });
  expect(await tryOut(sshd)).toBe('in');
});

test('hashed names', async () => {
  const sshd = await world.sshd();
  execFileSync('ssh-keygen', ['-H', '-f', world.knownHosts], { stdio: 'pipe' });
  expect(readFileSync(world.knownHosts, 'utf8')).toMatch(/^\|1\|/);
  expect(await tryOut(sshd)).toBe('in');
  writeFileSync(world.knownHosts, '');
  world.know(sshd.address, sshd.port, otherKey());
  execFileSync('ssh-keygen', ['-H', '-f', world.knownHosts], { stdio: 'pipe' });
  expect(await tryOut(sshd)).toMatchObject({ kind: 'host-key-changed' });
});

test('patterns, negations, several names, and a name without its port', async () => {
  const sshd = await world.sshd({ known: false });
  const [key] = sshd.publicKeys;
  const outcomes: Record<string, boolean> = {};
  for (const names of [
    `[127.0.0.*]:${sshd.port}`,
    `other,[127.0.0.1]:${sshd.port}`,
    `*,!*.1,!*.1]:*`,
    '127.0.0.1',
    `[127.0.0.1]:${sshd.port + 1}`,
    '127.0.0.2',
  ]) {
    writeFileSync(world.knownHosts, `${names} ${key}\n`);
    const ours = (await tryOut(sshd)) === 'in';
    expect(ours, names).toBe(realSsh(sshd));
    outcomes[names] = ours;
  }
  expect(Object.values(outcomes)).toEqual([true, true, false, true, false, false]);
});

test('a revoked key is refused even where it is also known, and with checking switched off', async () => {
  const sshd = await world.sshd();
  appendFileSync(world.knownHosts, `@revoked * ${sshd.publicKeys[0]}\n`);
  expect(realSsh(sshd)).toBe(false);
  expect(await tryOut(sshd)).toMatchObject({ kind: 'host-key-changed' });
  world.write('.ssh/config', 'StrictHostKeyChecking no\n');
  expect(await tryOut(sshd)).toMatchObject({ kind: 'host-key-changed' });
});

test('a certificate authority is no plain key: refused, and said so', async () => {
  const sshd = await world.sshd({ known: false });
  writeFileSync(world.knownHosts, `@cert-authority [127.0.0.1]:${sshd.port} ${otherKey()}\n`);
  const error = await tryOut(sshd);
  expect(error).toMatchObject({ kind: 'host-key-unknown' });
  expect((error as SshError).message).toContain('certificate authority');
});

test.each([
  ['ed25519', 0],
  ['ecdsa', 1],
  ['rsa', 2],
] as const)('a server with three keys of which only the %s one is known', async (_type, index) => {
  const sshd = await world.sshd({ keys: ['ed25519', 'ecdsa', 'rsa'], known: false });
  world.know(sshd.address, sshd.port, sshd.publicKeys[index] ?? '');
  expect(await tryOut(sshd)).toBe('in');
});

test('a server that comes with a type nobody has seen is not taken for new', async () => {
  const sshd = await world.sshd({ keys: ['rsa'], known: false });
  world.know(sshd.address, sshd.port, otherKey('ed25519'));
  world.write('.ssh/config', 'StrictHostKeyChecking accept-new\n');
  expect(await tryOut(sshd)).toMatchObject({ kind: 'host-key-changed' });
});

describe('StrictHostKeyChecking', () => {
  test('accept-new files a new key, once, and refuses a changed one', async () => {
    const sshd = await world.sshd({ known: false });
    writeFileSync(world.knownHosts, 'half-a-line-without-end');
    world.write('.ssh/config', 'StrictHostKeyChecking accept-new\n');
    expect(await tryOut(sshd)).toBe('in');
    expect(await tryOut(sshd)).toBe('in');
    const lines = readFileSync(world.knownHosts, 'utf8').trim().split('\n');
    expect(lines).toEqual([
      'half-a-line-without-end',
      `[127.0.0.1]:${sshd.port} ${sshd.publicKeys[0]?.split(' ').slice(0, 2).join(' ')}`,
    ]);
    expect(realSsh(sshd)).toBe(true);
    writeFileSync(world.knownHosts, '');
    world.know(sshd.address, sshd.port, otherKey());
    expect(await tryOut(sshd)).toMatchObject({ kind: 'host-key-changed' });
  });

  test('HashKnownHosts: what is filed is hashed, and real ssh finds it', async () => {
    const sshd = await world.sshd({ known: false });
    world.write('.ssh/config', 'StrictHostKeyChecking accept-new\nHashKnownHosts yes\n');
    expect(await tryOut(sshd)).toBe('in');
    expect(readFileSync(world.knownHosts, 'utf8')).not.toContain('127.0.0.1');
    expect(realSsh(sshd, ['-o', 'StrictHostKeyChecking=yes'])).toBe(true);
    expect(await tryOut(sshd)).toBe('in');
  });

  test('no takes a changed key, but not together with a forwarded agent', async () => {
    const sshd = await world.sshd({ known: false });
    world.know(sshd.address, sshd.port, otherKey());
    world.write('.ssh/config', 'StrictHostKeyChecking no\n');
    expect(await tryOut(sshd)).toBe('in');
    world.write('.ssh/config', 'StrictHostKeyChecking no\nForwardAgent yes\n');
    expect(await tryOut(sshd)).toMatchObject({ kind: 'host-key-changed' });
  });
});

test('other files, HostKeyAlias and the global file', async () => {
  const sshd = await world.sshd({ known: false });
  const mine = world.write('mine', `alias ${sshd.publicKeys[0]}\n`);
  world.write('.ssh/config', `UserKnownHostsFile /nowhere ${mine}\nHostKeyAlias Alias\n`);
  expect(await tryOut(sshd)).toBe('in');
  world.write('.ssh/config', `UserKnownHostsFile none\nGlobalKnownHostsFile ${mine}\nHostKeyAlias alias\n`);
  expect(await tryOut(sshd)).toBe('in');
  world.write('.ssh/config', `UserKnownHostsFile ${mine}\n`);
  expect(await tryOut(sshd)).toMatchObject({ kind: 'host-key-unknown' });
});
