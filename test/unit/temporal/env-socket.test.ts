import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askWorker, handOverEnvironment, listenForEnvironment } from '../../../src/temporal/env-socket.ts';
import type { EnvironmentSocket } from '../../../src/temporal/env-socket.ts';
import type { Environment } from '../../../src/temporal/environment.ts';

let dir: string;
let path: string;
let received: Environment[];
let socket: EnvironmentSocket | undefined;
const listen = async (): Promise<EnvironmentSocket> =>
  listenForEnvironment(path, {
    onEnvironment: (env) => received.push(env),
    describe: () => ({ state: 'polling', version: '1.0.0', taskQueue: 'q' }),
  });

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bactrian-socket-'));
  path = join(dir, 'w.sock');
  received = [];
});
afterEach(async () => {
  await socket?.close();
  socket = undefined;
  await rm(dir, { recursive: true });
});

describe('environment socket', () => {
  it('hands an environment over and says who has it', async () => {
    socket = await listen();
    const env = { SSH_AUTH_SOCK: '/run/agent', TOKEN: 'a "quoted"\nvalue with ünïcode', EMPTY: '' };
    expect(await handOverEnvironment(path, env, 2_000)).toEqual({ state: 'polling', version: '1.0.0', taskQueue: 'q' });
    expect(received).toEqual([env]);
  });

  it('takes an environment that arrives in many pieces', async () => {
    socket = await listen();
    await handOverEnvironment(path, { BIG: 'ü'.repeat(500_000) }, 5_000);
    expect(received[0]?.BIG).toHaveLength(500_000);
  });

  it('can be opened by its owner only', async () => {
    socket = await listen();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('answers nonsense with an error, and goes on', async () => {
    socket = await listen();
    for (const nonsense of ['not json\n', '{"kind":"environment","env":{"A":1}}\n', '{"kind":"run","argv":["id"]}\n']) {
      const answer = await new Promise<string>((resolve) => {
        const client = createConnection(path, () => client.write(nonsense));
        client.once('data', (data) => resolve(data.toString()));
      });
      expect(JSON.parse(answer)).toMatchObject({ ok: false });
    }
    expect(received).toEqual([]);
    expect((await askWorker(path, 2_000)).state).toBe('polling');
  });

  it('refuses a second worker while the first one lives', async () => {
    socket = await listen();
    await expect(listen()).rejects.toThrow(/running already/);
    expect((await askWorker(path, 2_000)).state).toBe('polling');
  });

  it('takes the place of a worker that was killed', async () => {
    // What a kill -9 leaves: a file on which nobody listens.
    await writeFile(path, '');
    socket = await listen();
    expect((await askWorker(path, 2_000)).state).toBe('polling');
  });

  it('gives up on a worker that is silent', async () => {
    const silent = createServer().listen(path);
    await expect(handOverEnvironment(path, {}, 200)).rejects.toThrow(/no answer within 0.2 s/);
    silent.close();
  });

  it('says so when nobody listens', async () => {
    await expect(askWorker(path, 200)).rejects.toThrow(/ENOENT/);
  });
});
