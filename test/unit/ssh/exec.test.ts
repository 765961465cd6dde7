import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer, connect as connectTcp, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connect } from '../../../src/ssh/connect.ts';
import { SshError } from '../../../src/ssh/error.ts';
import type { SshConnection } from '../../../src/ssh/types.ts';
import { sessionsOf, type Sshd, until, World } from './sshd.ts';

let world: World;
let sshd: Sshd;
let connection: SshConnection;
beforeAll(async () => {
  world = new World();
  world.key('id_ed25519', 'ed25519');
  sshd = await world.sshd();
});
afterAll(() => world.destroy());
beforeEach(async () => {
  connection = await connect('127.0.0.1', world.settings({ port: sshd.port }));
});
afterEach(() => connection.close());

async function failure(promise: Promise<unknown>): Promise<SshError> {
  const result = await promise.catch((error: unknown) => error);
  if (!(result instanceof SshError)) throw new Error(`expected an SshError, got ${JSON.stringify(result)}`);
  return result;
}

/** A number that no other process's command line has, to find ours by. */
const marker = (): string => `9${Date.now()}${Math.floor(Math.random() * 1000)}`;
const running = (text: string): boolean => {
  try {
    const pid = readFileSync(join(world.home, `pid-${text}`), 'utf8').trim();
    // A zombie that nobody has collected yet runs no more.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};
/** A command that leaves its pid behind and stays; what it waits for is a child of it. */
const stays = (text: string): string => `sh -c 'echo $$ > ${join(world.home, `pid-${text}`)}; exec sleep 60'; true`;

describe('results', () => {
  test('status, both streams, and an empty stdin', async () => {
    expect(await connection.exec('cat; echo out; echo err >&2; exit 3')).toEqual({
      code: 3,
      stdout: 'out\n',
      stderr: 'err\n',
      truncated: false,
    });
  });

  test('a command that a signal ends', async () => {
    expect(await connection.exec('kill -9 $$')).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  test('stdin reaches the command, byte for byte', async () => {
    const text = 'ä $HOME `id` \\n "quoted"\0\n';
    expect((await connection.exec('cat', { stdin: text })).stdout).toBe(text);
  });

  test('20 MB in and their digest out', async () => {
    const data = randomBytes(20_000_000);
    const { stdout } = await connection.exec('sha256sum', { stdin: data });
    expect(stdout.split(' ')[0]).toBe(createHash('sha256').update(data).digest('hex'));
  });

  test('20 MB there and back at once', async () => {
    const data = randomBytes(10_000_000).toString('hex');
    const { stdout, truncated } = await connection.exec('cat', { stdin: data, maxOutputBytes: 30_000_000 });
    expect(truncated).toBe(false);
    expect(stdout === data).toBe(true);
  });

  test('a command that reads none of its megabytes', async () => {
    expect(await connection.exec('exit 7', { stdin: randomBytes(5_000_000) })).toMatchObject({ code: 7 });
    expect((await connection.exec('echo still here')).stdout).toBe('still here\n');
  });

  test('output beyond the cap is counted off, each stream for itself, and passed on whole', async () => {
    let seen = 0;
    const result = await connection.exec('head -c 3000000 /dev/zero | tr "\\0" x; echo fine >&2', {
      maxOutputBytes: 1000,
      onOutput: (stream, chunk) => {
        if (stream === 'stdout') seen += chunk.length;
      },
    });
    expect(result.stdout).toBe('x'.repeat(1000));
    expect(result).toMatchObject({ code: 0, stderr: 'fine\n', truncated: true });
    expect(seen).toBe(3_000_000);
  });

  test('a cap in the middle of a character', async () => {
    const result = await connection.exec("printf 'aä'", { maxOutputBytes: 2 });
    expect(result).toMatchObject({ stdout: 'a', truncated: true });
  });

  test('output comes as it is made, characters unbroken', async () => {
    const chunks: string[] = [];
    let ended = false;
    const done = connection.exec("printf '\\303'; sleep 0.3; printf '\\244b\\n'; sleep 3", {
      onOutput: (_, chunk) => chunks.push(chunk),
    });
    void done.then(() => (ended = true));
    await until(() => chunks.join('') === 'äb\n', 'the output is there');
    expect(ended).toBe(false);
    expect((await done).stdout).toBe('äb\n');
    expect(chunks.join('')).not.toContain('\ufffd');
  });
});

describe('ends', () => {
  test('abort: rejects at once, TERM reaches the command, the connection stays', async () => {
    const id = marker();
    const controller = new AbortController();
    const command = connection.exec(stays(id), { signal: controller.signal });
    await until(() => running(id), 'the command runs');
    const at = Date.now();
    controller.abort();
    expect((await failure(command)).kind).toBe('aborted');
    expect(Date.now() - at).toBeLessThan(3000);
    await until(() => !running(id), 'the command is gone');
    expect((await connection.exec('echo on')).stdout).toBe('on\n');
  });

  test('abort at once: the command is ended before or after it began', async () => {
    const id = marker();
    const controller = new AbortController();
    const command = connection.exec(stays(id), { signal: controller.signal });
    setImmediate(() => controller.abort());
    expect((await failure(command)).kind).toBe('aborted');
    await sleep(1000);
    expect(running(id)).toBe(false);
  });

  test('a command that may be ended has the same stderr and status as any', async () => {
    const options = { signal: new AbortController().signal, timeoutMs: 10_000 };
    const seen: string[] = [];
    const result = await connection.exec('echo err >&2; cat; exit 4', {
      ...options,
      stdin: 'in',
      onOutput: (stream, chunk) => seen.push(`${stream} ${chunk}`),
    });
    expect(result).toEqual({ code: 4, stdout: 'in', stderr: 'err\n', truncated: false });
    expect(seen.sort()).toEqual(['stderr err\n', 'stdout in']);
  });

  test('an aborted command is heard no more', async () => {
    const controller = new AbortController();
    let heard = 0;
    const command = connection.exec('while :; do echo x; sleep 0.01; done', {
      signal: controller.signal,
      onOutput: () => heard++,
    });
    await until(() => heard > 0, 'it is heard');
    controller.abort();
    expect((await failure(command)).kind).toBe('aborted');
    const then = heard;
    await sleep(100);
    expect(heard).toBe(then);
  });

  test('a listener that throws fails its command, not the connection', async () => {
    const command = connection.exec('echo x; sleep 20', {
      signal: new AbortController().signal,
      onOutput: () => {
        throw new Error('no more room');
      },
    });
    await expect(command).rejects.toThrow('no more room');
    expect((await connection.exec('echo on')).stdout).toBe('on\n');
  });

  test('abort while megabytes are being sent', async () => {
    const controller = new AbortController();
    const command = connection.exec('sleep 60', { stdin: randomBytes(30_000_000), signal: controller.signal });
    await sleep(200);
    controller.abort();
    expect((await failure(command)).kind).toBe('aborted');
    expect((await connection.exec('echo on')).stdout).toBe('on\n');
  });

  test('a signal that is aborted already starts nothing', async () => {
    const file = join(world.home, 'never');
    expect((await failure(connection.exec(`touch ${file}`, { signal: AbortSignal.abort() }))).kind).toBe('aborted');
    await connection.exec('true');
    expect(existsSync(file)).toBe(false);
  });

  test('time-out', async () => {
    const id = marker();
    expect((await failure(connection.exec(stays(id), { timeoutMs: 300 }))).kind).toBe('timeout');
    await until(() => !running(id), 'the command is gone');
  });

  test('the connection is killed in mid-command', async () => {
    const commands = [
      connection.exec('sleep 60'),
      connection.exec('cat', { stdin: randomBytes(1000) }).then(() => connection.exec('sleep 60')),
    ];
    await sleep(300);
    for (const pid of sessionsOf(sshd)) process.kill(pid, 'SIGKILL');
    const at = Date.now();
    for (const command of commands) expect((await failure(command)).kind).toBe('lost');
    expect(Date.now() - at).toBeLessThan(1000);
    expect(connection.closed).toBe(true);
    expect((await failure(connection.exec('true'))).kind).toBe('lost');
    expect((await failure(connection.forwardOut('127.0.0.1', 1))).kind).toBe('lost');
  });

  test('a connection that falls silent is lost after three keep-alives', async () => {
    // The line between, which can be cut without anybody being told.
    let frozen = false;
    const line = createServer((client) => {
      const server = connectTcp(sshd.port, '127.0.0.1');
      client.on('data', (data) => frozen || server.write(data));
      server.on('data', (data) => frozen || client.write(data));
      for (const socket of [client, server])
        socket.on('error', () => undefined).on('close', () => (client.destroy(), server.destroy()));
    });
    await new Promise<void>((resolve) => line.listen(0, '127.0.0.1', resolve));
    const { port } = line.address() as AddressInfo;
    world.know('127.0.0.1', port, sshd.publicKeys[0] ?? '');
    const silent = await connect('127.0.0.1', world.settings({ port, keepaliveIntervalMs: 100 }));
    try {
      await silent.exec('sleep 1');
      frozen = true;
      const at = Date.now();
      const error = await failure(silent.exec('true'));
      expect(error.kind).toBe('lost');
      expect(error.message).toContain('keep-alives');
      expect(Date.now() - at).toBeLessThan(1500);
    } finally {
      silent.close();
      line.close();
    }
  });

  test('close ends what runs, and twice is once', async () => {
    const command = connection.exec('sleep 60');
    await sleep(100);
    connection.close();
    connection.close();
    expect((await failure(command)).kind).toBe('lost');
    expect(connection.closed).toBe(true);
  });
});

describe('many at once', () => {
  test('100 commands on one connection, each with its own answer', async () => {
    const results = await Promise.all(Array.from({ length: 100 }, (_, i) => connection.exec(`echo ${i}`)));
    expect(results.map(({ stdout }) => Number(stdout))).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  test('at most 8 at a time, where the server would take 50', async () => {
    const generous = await world.sshd({ lines: ['MaxSessions 50'] });
    const wide = await connect('127.0.0.1', world.settings({ port: generous.port }));
    const dir = join(world.home, 'many');
    mkdirSync(dir);
    try {
      const one = (i: number): string => `touch ${dir}/${i}; sleep 1.5; ls ${dir} | wc -l; rm ${dir}/${i}`;
      const results = await Promise.all(Array.from({ length: 24 }, (_, i) => wide.exec(one(i))));
      expect(Math.max(...results.map(({ stdout }) => Number(stdout)))).toBe(8);
    } finally {
      wide.close();
    }
  });

  test('a server that allows two sessions', async () => {
    const strict = await world.sshd({ lines: ['MaxSessions 2'] });
    const narrow = await connect('127.0.0.1', world.settings({ port: strict.port }));
    try {
      const results = await Promise.all(Array.from({ length: 20 }, (_, i) => narrow.exec(`echo ${i}`)));
      expect(results.map(({ stdout }) => Number(stdout))).toEqual(Array.from({ length: 20 }, (_, i) => i));
    } finally {
      narrow.close();
    }
  });

  test('one that waits for its turn can be aborted, the others go on', async () => {
    const controller = new AbortController();
    const busy = Array.from({ length: 8 }, (_, i) => connection.exec(`sleep 0.4; echo ${i}`));
    const waiting = connection.exec('echo never', { signal: controller.signal });
    const last = connection.exec('echo last');
    controller.abort();
    expect((await failure(waiting)).kind).toBe('aborted');
    expect((await last).stdout).toBe('last\n');
    expect((await Promise.all(busy)).map(({ stdout }) => stdout.trim())).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
  });
});

describe('forwardOut', () => {
  test('reaches a port as the host sees it, and names one that is closed', async () => {
    const echo = createServer((socket) => socket.pipe(socket));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const { port } = echo.address() as AddressInfo;
    try {
      const stream = await connection.forwardOut('127.0.0.1', port);
      stream.write('hello');
      const [answer] = (await new Promise<Buffer[]>((resolve) => stream.once('data', (data: Buffer) => resolve([data])))) as [
        Buffer,
      ];
      expect(answer.toString()).toBe('hello');
      stream.destroy();
    } finally {
      echo.close();
    }
    const error = await failure(connection.forwardOut('127.0.0.1', 1));
    expect(error).toMatchObject({ kind: 'refused' });
    expect(error.message).toContain('127.0.0.1:1');
  });
});
