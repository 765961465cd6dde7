import { randomBytes } from 'node:crypto';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectTemporal } from '../../../src/temporal/connection.ts';
import type { TemporalConnection } from '../../../src/temporal/connection.ts';
import { down } from '../../../src/temporal/down.ts';
import type { Environment } from '../../../src/temporal/environment.ts';
import { askWorker } from '../../../src/temporal/env-socket.ts';
import { searchAttributes } from '../../../workflows/search-attributes.ts';
import { serverStatus } from '../../../src/temporal/server.ts';
import { workerFiles } from '../../../src/temporal/state.ts';
import { taskQueueFor } from '../../../src/temporal/task-queue.ts';
import { ensureWorker, runningWorker, stopWorker } from '../../../src/temporal/worker-process.ts';
import type { EnsuredWorker, WorkerRequest } from '../../../src/temporal/worker-process.ts';
import { makeSandbox } from './fixtures/sandbox.ts';
import type { Sandbox } from './fixtures/sandbox.ts';
import { askForVariable, failWith, goOn, waitThenAsk } from './fixtures/workflows.ts';

const MAIN = fileURLToPath(new URL('fixtures/worker-main.ts', import.meta.url));
const ENTRY = [process.execPath, '--import', import.meta.resolve('tsx'), MAIN] as const;
const SECRET = `s3cr3t-${randomBytes(8).toString('hex')}`;

let sandbox: Sandbox;
let temporal: TemporalConnection;
let taskQueue: string;
let current: EnsuredWorker;

const ensure = (env: Environment = {}, request: Partial<WorkerRequest> = {}): Promise<EnsuredWorker> =>
  ensureWorker({
    projectDir: sandbox.projectDir, taskQueue, entry: [...ENTRY], version: '1.0.0', address: temporal.address,
    env: { ...sandbox.env, ...env }, ...request,
  });
const client = (): Client => temporal.client;
let runs = 0;
const ask = (name: string): Promise<string> =>
  client().workflow.execute(askForVariable, { args: [name], taskQueue, workflowId: `ask-${(runs += 1)}` });

beforeAll(async () => {
  sandbox = await makeSandbox();
  temporal = await connectTemporal(sandbox.env);
  taskQueue = taskQueueFor({ service: 'shop', projectDir: sandbox.projectDir });
}, 60_000);
afterAll(async () => {
  await temporal.connection.close();
  await sandbox.remove();
}, 60_000);

describe.sequential('background worker', { timeout: 90_000 }, () => {
  it('is started with the environment of the shell, and asks for work when it is said to be there', async () => {
    current = await ensure({ TOKEN: SECRET });
    expect(current).toMatchObject({ started: true, version: '1.0.0' });
    expect(await ask('TOKEN')).toBe(SECRET);
  });

  it('is the same one next time, and has the newest environment', async () => {
    expect(await ensure({ TOKEN: 'changed' })).toMatchObject({ pid: current.pid, started: false });
    expect(await ask('TOKEN')).toBe('changed');
  });

  it('is started once, however many ask at the same time', async () => {
    await stopWorker({ projectDir: sandbox.projectDir, taskQueue }, sandbox.env);
    const answers = await Promise.all([ensure({ TOKEN: SECRET }), ensure({ TOKEN: SECRET })]);
    expect(answers[0].pid).toBe(answers[1].pid);
    expect(answers.filter(({ started }) => started)).toHaveLength(1);
    current = answers[0];
  });

  it('keeps the environment in memory only', async () => {
    expect(await readFile(`/proc/${current.pid}/environ`, 'utf8')).not.toContain(SECRET);
    expect(await readFile(`/proc/${current.pid}/cmdline`, 'utf8')).not.toContain(SECRET);
    const state = join(sandbox.dir, 'state', 'projects');
    const written = (await readdir(state, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    expect(written.map(({ name }) => name)).toContainEqual(expect.stringMatching(/^worker-\w+\.log$/));
    for (const { name, parentPath } of written) {
      const path = join(parentPath, name);
      expect(await readFile(path, 'utf8'), path).not.toContain(SECRET);
      expect((await stat(path)).mode & 0o777, path).toBe(0o600);
    }
  });

  it('lets workflows set our search attributes, by which runs are then found', async () => {
    const typedSearchAttributes = [{ key: searchAttributes.service, value: 'shop' }];
    const handle = await client().workflow.start(waitThenAsk, { args: ['TOKEN'], taskQueue, workflowId: 'waiting', typedSearchAttributes });
    const query = "BactrianService = 'shop' AND BactrianPhase = 'waiting'";
    await expect.poll(() => client().workflow.count(query).then(({ count }) => count), { timeout: 20_000 }).toBe(1);
    await handle.signal(goOn);
    expect(await handle.result()).toBe(SECRET);
  });

  it('is replaced after a kill -9, and the next one goes on with what was open', async () => {
    const handle = await client().workflow.start(waitThenAsk, { args: ['TOKEN'], taskQueue, workflowId: 'survives' });
    await expect.poll(() => client().workflow.count("BactrianPhase = 'waiting' AND WorkflowId = 'survives'").then(({ count }) => count), { timeout: 20_000 }).toBe(1);
    process.kill(current.pid, 'SIGKILL');
    const next = await ensure({ TOKEN: 'of the second worker' });
    expect(next).toMatchObject({ started: true });
    expect(next.pid).not.toBe(current.pid);
    current = next;
    await handle.signal(goOn);
    expect(await handle.result()).toBe('of the second worker');
  });

  it('starts the embedded server again when that was killed', async () => {
    const before = await serverStatus(sandbox.env);
    if (before.state !== 'running') throw new Error(`the server is ${before.state}`);
    process.kill(before.server.pid, 'SIGKILL');
    await expect.poll(async () => (await serverStatus(sandbox.env)).state, { timeout: 20_000 }).toBe('running');
    expect(await ask('TOKEN')).toBe('of the second worker');
  });

  it('is replaced by one of another version only where that is allowed', async () => {
    expect(await ensure({}, { version: '2.0.0' })).toMatchObject({ pid: current.pid, started: false, version: '1.0.0' });
    const entry = [...ENTRY, '--version', '2.0.0'] as const;
    const next = await ensure({}, { version: '2.0.0', entry: [...entry], mayReplace: async () => true });
    expect(next).toMatchObject({ started: true, version: '2.0.0' });
    const { socket } = await workerFiles({ projectDir: sandbox.projectDir, taskQueue }, sandbox.env);
    expect(await askWorker(socket, 2_000)).toMatchObject({ state: 'polling', version: '2.0.0', taskQueue });
    current = next;
  });

  it('is replaced when it is frozen', async () => {
    process.kill(current.pid, 'SIGSTOP');
    const next = await ensure({ TOKEN: 'thawed' });
    expect(next).toMatchObject({ started: true });
    expect(await ask('TOKEN')).toBe('thawed');
    current = next;
  });

  it('ends in order when it is told to', async () => {
    expect(await stopWorker({ projectDir: sandbox.projectDir, taskQueue }, sandbox.env)).toBe(true);
    expect(await runningWorker({ projectDir: sandbox.projectDir, taskQueue }, sandbox.env)).toBeUndefined();
    expect(await stopWorker({ projectDir: sandbox.projectDir, taskQueue }, sandbox.env)).toBe(false);
  });

  it('says why when it cannot start', async () => {
    await expect(ensure({}, { entry: [...ENTRY, '--broken'] })).rejects.toThrow(/ended while starting[^]*no-such-file[^]*worker-\w+\.log/);
    await expect(ensure({}, { entry: ['/no/such/program'] })).rejects.toThrow(/\/no\/such\/program.*ENOENT/);
  });

  it('encrypts all that goes to Temporal when a key is set, error messages too', async () => {
    const env = { ...sandbox.env, BACTRIAN_CODEC_KEY: randomBytes(32).toString('base64') };
    const hidden = `hidden-${randomBytes(8).toString('hex')}`;
    current = await ensure({ ...env, TOKEN: hidden });
    const sealed = await connectTemporal(env);
    const value = await sealed.client.workflow.execute(askForVariable, { args: ['TOKEN'], taskQueue, workflowId: 'sealed' });
    expect(value).toBe(hidden);
    const failing = sealed.client.workflow.execute(failWith, { args: [`no way, ${hidden}`], taskQueue, workflowId: 'sealed-failure' });
    const error: unknown = await failing.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(WorkflowFailedError);
    expect(error).toMatchObject({ cause: { cause: { message: `no way, ${hidden}` } } });
    // What runs without a key left behind is found in the same way, so the search itself works.
    expect(await databaseHolds(SECRET)).toBe(true);
    expect(await databaseHolds(hidden)).toBe(false);
    await sealed.connection.close();
  });

  it('goes down with the server, unless a run is open', async () => {
    await client().workflow.start('anything', { workflowId: 'left-open', taskQueue: 'nobody' });
    await sleep(500);
    expect(await down({ env: sandbox.env })).toEqual({ outcome: 'refused', openRuns: ['left-open'] });
    expect(await runningWorker({ projectDir: sandbox.projectDir, taskQueue }, sandbox.env)).toBeDefined();
    expect(await down({ env: sandbox.env, force: true })).toEqual({
      outcome: 'down', server: 'stopped', workers: [taskQueue], openRuns: ['left-open'],
    });
    expect(await serverStatus(sandbox.env)).toEqual({ state: 'stopped', crashed: false });
  });
});

async function databaseHolds(text: string): Promise<boolean> {
  const files = ['temporal.db', 'temporal.db-wal'].map((name) => readFile(join(sandbox.dir, 'state', 'server', name)));
  return (await Promise.all(files)).some((bytes) => bytes.includes(text));
}
