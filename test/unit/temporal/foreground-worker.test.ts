import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectTemporal } from '../../../src/temporal/connection.ts';
import type { TemporalConnection } from '../../../src/temporal/connection.ts';
import { definedOnly } from '../../../src/temporal/environment.ts';
import type { Environment } from '../../../src/temporal/environment.ts';
import { ensureWorker } from '../../../src/temporal/worker-process.ts';
import { makeSandbox } from './fixtures/sandbox.ts';
import type { Sandbox } from './fixtures/sandbox.ts';
import { askForVariable } from './fixtures/workflows.ts';

const MAIN = fileURLToPath(new URL('fixtures/worker-main.ts', import.meta.url));
const ENTRY = [process.execPath, '--import', import.meta.resolve('tsx'), MAIN] as const;
const taskQueue = 'bactrian-shop';

let sandbox: Sandbox;
let temporal: TemporalConnection;
const started: ChildProcess[] = [];

/** Starts a worker as a person would, and waits until it says that it works. */
async function startWorker(env: Environment): Promise<{ child: ChildProcess; ended: Promise<number | null> }> {
  const [program, ...first] = ENTRY;
  const child = spawn(program, [...first, 'worker', '--project', sandbox.projectDir, '--queue', taskQueue], {
    env: definedOnly({ ...sandbox.env, ...env }), stdio: ['ignore', 'ignore', 'pipe'],
  });
  started.push(child);
  const ended = new Promise<number | null>((resolve) => { child.once('exit', resolve); });
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('working for')) resolve();
    });
    child.once('exit', () => reject(new Error(`the worker ended: ${said}`)));
  });
  return { child, ended };
}

const ask = (workflowId: string): Promise<string> =>
  temporal.client.workflow.execute(askForVariable, { args: ['TOKEN'], taskQueue, workflowId });

beforeAll(async () => {
  sandbox = await makeSandbox();
  temporal = await connectTemporal(sandbox.env);
}, 60_000);
afterAll(async () => {
  for (const child of started) child.kill('SIGKILL');
  await temporal.connection.close();
  await sandbox.remove();
}, 60_000);

describe.sequential('worker in the foreground', { timeout: 60_000 }, () => {
  it("works on a server of one's own with the environment it was started in, beside others", async () => {
    const own = { TEMPORAL_ADDRESS: temporal.address, TOKEN: 'its own' };
    const workers = await Promise.all([startWorker(own), startWorker(own)]);
    expect(await ask('own-server')).toBe('its own');
    for (const { child, ended } of workers) {
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
    }
  });

  it("is the project's only one on the embedded server, and takes new environments there", async () => {
    const { child, ended } = await startWorker({ TOKEN: 'from the terminal' });
    expect(await ask('embedded-1')).toBe('from the terminal');
    await expect(startWorker({ TOKEN: 'second' })).rejects.toThrow(/running already/);
    const ensured = await ensureWorker({
      projectDir: sandbox.projectDir, taskQueue, entry: [...ENTRY], version: '1.0.0', address: temporal.address,
      env: { ...sandbox.env, TOKEN: 'from the command line' },
    });
    expect(ensured).toMatchObject({ pid: child.pid, started: false });
    expect(await ask('embedded-2')).toBe('from the command line');
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});
