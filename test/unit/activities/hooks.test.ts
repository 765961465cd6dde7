import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CancelledFailure, type ApplicationFailure } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HookArgs } from '../../../activities/api.ts';
import { Context } from '../../../activities/context.ts';
import { hookActivities } from '../../../activities/hooks.ts';
import { keepSnapshot } from '../../../activities/project.ts';
import { reportActivities } from '../../../activities/report.ts';
import { kamal1, loadProject } from '../../../src/kamal/index.ts';
import type { FleetResult } from '../../../workflows/types.ts';

const SECRET = 'correct-horse-battery';
const DEPLOY = 'service: shop\nimage: acme/shop\nservers: [ 10.0.0.1, 10.0.0.2 ]\nregistry: { username: bot, password: [ REGISTRY_PASSWORD ] }\nbuilder: { arch: amd64 }\n';

let projectDir: string;
let context: Context;
let args: HookArgs;
beforeEach(async () => {
  projectDir = mkdtempSync(join(tmpdir(), 'bactrian-hooks-'));
  mkdirSync(join(projectDir, 'config'));
  mkdirSync(join(projectDir, '.kamal', 'hooks'), { recursive: true });
  writeFileSync(join(projectDir, 'config', 'deploy.yml'), DEPLOY);
  writeFileSync(join(projectDir, '.kamal', 'secrets'), `REGISTRY_PASSWORD=${SECRET}\n`);
  const env = () => ({ PATH: process.env['PATH'], HOME: projectDir, VERSION: 'v1' });
  const state = (name: string) => join(projectDir, 'state', name);
  context = new Context({ projectDir, snapshotDirectory: state('snapshots'), logDirectory: state('logs'), reportDirectory: state('reports'), env });
  const digest = await keepSnapshot(state('snapshots'), await loadProject({ projectDir, env: env() }));
  args = { run: 'run-1', digest, hook: 'post-app-boot', hosts: ['10.0.0.1', '10.0.0.2'], locked: true, stepId: 'run-1/post-app-boot/10.0.0.1', idempotent: false };
});
afterEach(async () => {
  await context.close();
  rmSync(projectDir, { recursive: true });
});

function hook(text: string, name: string = args.hook): void {
  const file = join(projectDir, '.kamal', 'hooks', name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
}

const env = () => new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
const run = (wish: Partial<HookArgs> = {}, activity = env()) => activity.run((each: HookArgs) => hookActivities(context).runHook(each), { ...args, ...wish });
const failing = async (work: Promise<unknown>) => await work.then(() => null, (error: unknown) => error);
const read = (name: string) => readFileSync(join(projectDir, name), 'utf8');
const marks = () => join(projectDir, 'state', 'logs', 'run-1', 'hooks');

describe('a hook', () => {
  it("runs in the project with Kamal's environment, and a name of its own for the step", async () => {
    hook('echo "$KAMAL_HOSTS $KAMAL_SERVICE $KAMAL_VERSION $KAMAL_COMMAND $KAMAL_LOCK $BACTRIAN_STEP ${REGISTRY_PASSWORD:-none}" > seen; pwd > where');
    expect(await run()).toEqual({ notes: ['post-app-boot for 10.0.0.1, 10.0.0.2'], unchanged: false });
    expect(read('seen')).toBe('10.0.0.1,10.0.0.2 shop v1 upgrade true run-1/post-app-boot/10.0.0.1 none\n');
    expect(read('where').trim()).toBe(projectDir);
  });

  it('gets the secrets only before the connection', async () => {
    hook('echo "$REGISTRY_PASSWORD" > seen', 'pre-connect');
    await run({ hook: 'pre-connect', locked: false });
    expect(read('seen')).toBe(`${SECRET}\n`);
  });

  it.each([
    ["Kamal 1's where the project has one", ['pre-traefik-reboot', 'pre-proxy-reboot'], 'pre-traefik-reboot'],
    ["Kamal 2's where it has no other", ['pre-proxy-reboot'], 'pre-proxy-reboot'],
  ])('of a gate on the way back is %s, with what Kamal 1 tells it', async (_, names, expected) => {
    for (const name of names) hook('echo "${0##*/} $KAMAL_HOSTS $KAMAL_COMMAND ${REGISTRY_PASSWORD:-none}" > seen', name);
    writeFileSync(join(projectDir, 'config', 'deploy.yml'), DEPLOY.replace(/builder.*\n/, ''));
    writeFileSync(join(projectDir, '.env'), `REGISTRY_PASSWORD=${SECRET}\n`);
    const digest = await keepSnapshot(join(projectDir, 'state', 'snapshots'), await kamal1.loadKamal1Project({ projectDir, env: { VERSION: 'v1' } }));
    await run({ digest, hook: 'pre-proxy-reboot' });
    expect(read('seen')).toBe(`${expected} 10.0.0.1,10.0.0.2 downgrade ${SECRET}\n`);
  });

  it('that fails says with what, and where its output is: scrubbed, for its owner only', async () => {
    hook(`echo "the password is $REGISTRY_PASSWORD"; exit 3`, 'pre-connect');
    const error = await failing(run({ hook: 'pre-connect' }));
    expect(error).toMatchObject({ type: 'HookFailed', nonRetryable: true, message: 'the hook pre-connect ended with 3' });
    const [{ logFile }] = (error as ApplicationFailure).details as [{ logFile: string }];
    expect(readFileSync(logFile, 'utf8')).toBe('the password is [REDACTED]\n');
    expect((statSync(logFile).mode & 0o777).toString(8)).toBe('600');
  });

  it('that cannot be run says what to look at', async () => {
    hook('true');
    chmodSync(join(projectDir, '.kamal', 'hooks', 'post-app-boot'), 0o644);
    const error = await failing(run());
    expect(error).toMatchObject({ type: 'HookFailed' });
    expect(JSON.stringify((error as ApplicationFailure).details)).toContain('chmod +x');
  });

  it('whose end the server never heard of is not run again: the next attempt tells how it ended', async () => {
    hook('echo run >> times; exit 3');
    await failing(run());
    const second = new MockActivityEnvironment({ attempt: 2 }, { logger: new DefaultLogger('ERROR') });
    expect(await failing(run({}, second))).toMatchObject({ type: 'HookFailed', message: 'the hook post-app-boot ended with 3' });
    expect(read('times')).toBe('run\n');
  });

  it('runs again when a person says so: as a new activity of the same step', async () => {
    hook('echo run >> times');
    await run();
    await run();
    expect(read('times')).toBe('run\nrun\n');
  });
});

describe('a hook whose worker died', () => {
  /** As an earlier attempt left it: its mark, and the hook itself, still running. */
  async function leftRunning(): Promise<void> {
    mkdirSync(marks(), { recursive: true });
    const orphan = spawn('sh', ['-c', 'touch begun; sleep 5; touch ended'], { cwd: projectDir, detached: true, stdio: 'ignore' });
    writeFileSync(join(marks(), 'run-1-post-app-boot-10.0.0.1'), String(orphan.pid));
    while (!existsSync(join(projectDir, 'begun'))) await sleep(10);
    const gone = new Promise((resolve) => orphan.on('exit', resolve));
    ended = gone;
  }
  let ended: Promise<unknown>;

  it('is ended and not run again before a person says so', async () => {
    hook('echo again >> ran');
    await leftRunning();
    expect(await failing(run())).toMatchObject({ type: 'HookOutcomeUnknown', nonRetryable: true });
    await ended;
    expect(existsSync(join(projectDir, 'ended')) || existsSync(join(projectDir, 'ran'))).toBe(false);
    // The next attempt is made when a person has said so.
    await run();
    expect(read('ran')).toBe('again\n');
  });

  it('is run again at once where that does no harm', async () => {
    hook('echo again >> ran');
    await leftRunning();
    await run({ idempotent: true });
    await ended;
    expect(read('ran')).toBe('again\n');
    expect(existsSync(join(projectDir, 'ended'))).toBe(false);
  });
});

describe('a cancelled hook', () => {
  it('is ended with all it started', async () => {
    hook('(sleep 5; touch child) & touch begun; sleep 5; touch ended');
    const activity = env();
    const running = failing(run({}, activity));
    while (!existsSync(join(projectDir, 'begun'))) await sleep(10);
    activity.cancel();
    expect(await running).toBeInstanceOf(CancelledFailure);
    expect(existsSync(join(projectDir, 'ended')) || existsSync(join(projectDir, 'child'))).toBe(false);
  });
});

describe('the report', () => {
  it('is written for its owner only, without secrets', async () => {
    hook('true', 'pre-connect');
    await run({ hook: 'pre-connect' });
    const result: FleetResult = {
      run: 'run-1', outcome: 'failed', hosts: [], accessories: [], said: [],
      failure: { step: 'prepare', type: 'StepFailed', message: `login with ${SECRET}`, logFile: null, hint: null },
    };
    const { file } = await reportActivities(context).writeReport({ service: 'shop', destination: null, result });
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ service: 'shop', result: { run: 'run-1', failure: { message: 'login with [REDACTED]' } } });
  });
});
