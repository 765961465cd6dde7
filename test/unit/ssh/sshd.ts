import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SshSettings } from '../../../src/ssh/types.ts';

export const me = userInfo().username;

/** A user's world for a test: a home with `.ssh`, keys in it, and real sshd's that let them in. */
export class World {
  readonly home = mkdtempSync(join(tmpdir(), 'ssh-test-'));
  readonly authorizedKeys = join(this.home, 'authorized_keys');
  readonly knownHosts = join(this.home, '.ssh/known_hosts');
  private readonly children: ChildProcess[] = [];
  private readonly hostKeys = new Map<string, string>();

  constructor() {
    mkdirSync(join(this.home, '.ssh'), { mode: 0o700 });
    writeFileSync(this.authorizedKeys, '');
  }

  /** What a caller would pass: no system configuration, this home. */
  settings(more: Partial<SshSettings> = {}): SshSettings {
    return { user: me, config: [join(this.home, '.ssh/config')], env: { HOME: this.home, PATH: process.env['PATH'] }, ...more };
  }

  /** Makes a key pair in `.ssh` and returns the private one's path. */
  key(
    name: string,
    type: 'ed25519' | 'rsa' | 'ecdsa',
    { passphrase = '', authorize = true, args = [] as string[] } = {},
  ): string {
    const path = join(this.home, '.ssh', name);
    execFileSync('ssh-keygen', [
      '-q',
      '-t',
      type,
      ...(type === 'rsa' ? ['-b', '2048'] : []),
      '-N',
      passphrase,
      '-C',
      name,
      '-f',
      path,
      ...args,
    ]);
    if (authorize) writeFileSync(this.authorizedKeys, readFileSync(`${path}.pub`), { flag: 'a' });
    return path;
  }

  write(file: string, text: string): string {
    const path = join(this.home, file);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  /** Starts an sshd; its host keys go into known_hosts unless `known` is false. */
  async sshd({ address = '127.0.0.1', port = 0, keys = ['ed25519'], known = true, lines = [] as string[] } = {}): Promise<Sshd> {
    const at = port || (await freePort(address));
    const publicKeys = keys.map((type) => this.hostKey(type, String(at)));
    const config = this.write(
      `sshd-${at}.conf`,
      [
        ...lines,
        `ListenAddress ${address.includes(':') ? `[${address}]` : address}:${at}`,
        ...keys.map((type) => `HostKey ${join(this.home, `host-${type}-${at}`)}`),
        `AuthorizedKeysFile ${this.authorizedKeys}`,
        'StrictModes no',
        'UsePAM no',
        'PasswordAuthentication no',
        'PermitRootLogin yes',
        'PidFile none',
        'MaxStartups 100:30:200',
      ].join('\n'),
    );
    if (me === 'root') mkdirSync('/run/sshd', { recursive: true });
    const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
    this.children.push(child);
    await listening(address, at, () => log);
    if (known) for (const key of publicKeys) this.know(address, at, key);
    return { address, port: at, publicKeys, pid: child.pid ?? 0, log: () => log };
  }

  know(address: string, port: number, publicKey: string): void {
    writeFileSync(this.knownHosts, `[${address}]:${port} ${publicKey}\n`, { flag: 'a' });
  }

  /** Starts an agent with these keys and returns its socket. */
  async agent(keys: { path: string; passphrase?: string }[]): Promise<string> {
    const socket = join(this.home, `agent-${this.children.length}.sock`);
    this.children.push(spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' }));
    const askpass = join(this.home, 'askpass');
    for (let tries = 0; ; tries++) {
      try {
        for (const { path, passphrase = '' } of keys) {
          writeFileSync(askpass, `#!/bin/sh\necho '${passphrase}'\n`, { mode: 0o700 });
          execFileSync('ssh-add', ['-q', path], {
            env: { ...process.env, SSH_AUTH_SOCK: socket, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' },
            stdio: 'pipe',
          });
        }
        return socket;
      } catch (error) {
        if (tries > 40) throw error;
        await sleep(50);
      }
    }
  }

  destroy(): void {
    for (const child of this.children) child.kill('SIGKILL');
    rmSync(this.home, { recursive: true, force: true });
  }

  private hostKey(type: string, name: string): string {
    const path = join(this.home, `host-${type}-${name}`);
    const made = this.hostKeys.get(path);
    if (made !== undefined) return made;
    execFileSync('ssh-keygen', ['-q', '-t', type, ...(type === 'rsa' ? ['-b', '2048'] : []), '-N', '', '-C', 'host', '-f', path]);
    const publicKey = readFileSync(`${path}.pub`, 'utf8').trim();
    this.hostKeys.set(path, publicKey);
    return publicKey;
  }
}

export interface Sshd {
  address: string;
  port: number;
  publicKeys: string[];
  pid: number;
  log(): string;
}

/** The pids of the processes that a process has started and that are still there; only those of one program when `name` is given. */
export function childrenOf(pid: number, name?: string): number[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=,comm=', '--ppid', String(pid)], { encoding: 'utf8' });
  const children = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  return children.filter(([id, comm]) => id !== '' && (name === undefined || comm === name)).map(([id]) => Number(id));
}

/** The sshd processes that serve connections, below the listening one; not the commands that run in them. */
export function sessionsOf(sshd: Sshd): number[] {
  const direct = childrenOf(sshd.pid, 'sshd');
  return [...direct, ...direct.flatMap((pid) => childrenOf(pid, 'sshd'))];
}

export async function freePort(address = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, address, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Waits until a condition holds; fails after a while. */
export async function until(condition: () => boolean, what: string, ms = 5000): Promise<void> {
  const end = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(20);
  }
}

async function listening(address: string, port: number, log: () => string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, address);
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await sleep(50);
  }
  throw new Error(`sshd on ${address}:${port} didn't start: ${log()}`);
}
