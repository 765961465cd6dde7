import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StepArgs } from '../../../activities/api.ts';
import { FailureType } from '../../../src/plan/failure-types.ts';
import { KeyedMutex } from '../../../activities/mutex.ts';
import { runStep, type RemoteSteps, type StepScript } from '../../../activities/remote-step.ts';
import { scrubber } from '../../../activities/scrub.ts';
import { aborted, SshError, type SshErrorKind } from '../../../src/ssh/error.ts';
import type { ExecOptions, ExecResult, SshConnection } from '../../../src/ssh/types.ts';
import { LocalHost } from './local-host.ts';

const SECRET = 'correct-horse-battery';

/** Runs commands in a local home instead of over SSH. */
class FakeConnection implements SshConnection {
  readonly host = 'a';
  readonly closed = false;
  readonly #local: LocalHost;

  constructor(local: LocalHost) {
    this.#local = local;
  }

  exec(command: string, { stdin, signal }: ExecOptions = {}): Promise<ExecResult> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(aborted('a', 'a command')), { once: true });
      this.#local.sh(command, String(stdin ?? '')).then(({ code, output }) => resolve({ code, stdout: output, stderr: '', truncated: false }), reject);
    });
  }

  forwardOut(): Promise<Duplex> {
    throw new Error('not in these tests');
  }

  close(): void {}
}

let local: LocalHost;
let logDirectory: string;
let steps: RemoteSteps;
beforeEach(() => {
  local = new LocalHost();
  logDirectory = mkdtempSync(join(tmpdir(), 'bactrian-logs-'));
  const mutex = new KeyedMutex();
  steps = {
    connection: () => Promise.resolve(new FakeConnection(local)),
    exclusively: (host, work) => mutex.run(host, work),
    scrub: scrubber(() => [SECRET]),
    logDirectory,
  };
});
afterEach(() => {
  local.remove();
  rmSync(logDirectory, { recursive: true });
});

const quietly = () => new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
const ARGS: StepArgs = { run: 'run-1', runStartedAt: 1000, digest: 'd', host: 'a', seq: 100, direction: 'upgrade' };
const script = (body: string, more: Partial<StepScript> = {}): StepScript => ({ name: 'boot web', body, journal: 'app', fence: "'fence-shop'", ...more });
const run = (body: string, more: Partial<StepScript> = {}, env = quietly()) => env.run(runStep, steps, ARGS, script(body, more));
const failing = async (work: Promise<unknown>) => await work.then(() => null, (error: unknown) => error);

describe('a step', () => {
  it('gives back what its script said, without secrets', async () => {
    expect(await run(`note 'it is there'; changed 'logged in with ${SECRET}'`)).toEqual({ notes: ['it is there', 'logged in with [REDACTED]'], unchanged: false });
    expect(await run('true')).toEqual({ notes: [], unchanged: true });
  });

  it('fails as its script says, and keeps the log in a file for its owner only', async () => {
    const error = await failing(run(`echo 'docker: ${SECRET} refused'; fail AppUnhealthy 'shop-web-v1 is exited (${SECRET})'`));
    expect(error).toBeInstanceOf(ApplicationFailure);
    const { type, message, nonRetryable, details } = error as ApplicationFailure;
    expect({ type, message, nonRetryable }).toEqual({ type: 'AppUnhealthy', message: 'shop-web-v1 is exited ([REDACTED])', nonRetryable: true });
    const [{ logFile }] = details as [{ logFile: string }];
    expect(readFileSync(logFile, 'utf8')).toBe('docker: [REDACTED] refused\n');
    expect((statSync(logFile).mode & 0o777).toString(8)).toBe('600');
    expect((statSync(join(logDirectory, 'run-1')).mode & 0o777).toString(8)).toBe('700');
  });

  it('fails with the last line of its script where that gave no reason', async () => {
    expect(await failing(run('echo first; echo last; exit 7'))).toMatchObject({ type: FailureType.stepFailed, message: 'the script ended with 7: last' });
  });

  it('may be tried again only where that can help', async () => {
    for (const [type, nonRetryable] of [['HostUnreachable', false], ['RegistryUnavailable', false], ['RegistryRefused', true], ['ImageMissing', true], ['Fenced', true], ['Whatever', true]] as const) {
      expect(await failing(run(`fail ${type} because`))).toMatchObject({ type, nonRetryable });
    }
  });

  it.each<[SshErrorKind, string, boolean]>([
    ['unreachable', 'HostUnreachable', false],
    ['refused', 'HostUnreachable', false],
    ['timeout', 'HostUnreachable', false],
    ['lost', 'HostUnreachable', false],
    ['auth', 'SshRefused', true],
    ['host-key-unknown', 'SshRefused', true],
    ['host-key-changed', 'SshRefused', true],
    ['config', 'SshRefused', true],
  ])('that cannot be sent (%s) fails as %s', async (kind, type, nonRetryable) => {
    steps.connection = () => Promise.reject(new SshError(kind, 'a', 'no connection', 'do this'));
    const error = await failing(run('true'));
    expect(error).toMatchObject({ type, nonRetryable, message: 'no connection' });
    expect((error as ApplicationFailure).details?.[0]).toMatchObject({ hint: 'do this' });
  });

  it('of which two attempts come at once runs one after the other', async () => {
    const body = 'echo begins >> log; sleep 0.2; echo ends >> log';
    await Promise.all([run(body), run(body)]);
    expect(local.read('log')).toBe('begins\nends\nbegins\nends\n');
  });

  it('tells the server that it is alive before it does anything', async () => {
    const env = quietly();
    let beats = 0;
    env.on('heartbeat', () => {
      beats += 1;
    });
    await run('true', {}, env);
    expect(beats).toBeGreaterThan(0);
  });
});

describe('a cancelled step', () => {
  it('ends its script', async () => {
    const env = quietly();
    const running = failing(run('(sleep 20; touch child) & sleep 20; touch ran', {}, env));
    await local.until(() => local.has('.kamal/bactrian/holder'));
    env.cancel();
    expect(await running).toBeInstanceOf(CancelledFailure);
    expect((await local.step('echo free', { seq: 101, joinSeconds: 1 })).log).toBe('free');
    expect(local.has('ran') || local.has('child')).toBe(false);
  });

  it('leaves a script alone that must come to its end; the next one waits for it', async () => {
    const env = quietly();
    const running = failing(run('sleep 0.5; touch ran', { uninterruptible: true }, env));
    await local.until(() => local.has('.kamal/bactrian/holder'));
    env.cancel();
    expect(await running).toBeInstanceOf(CancelledFailure);
    expect(local.has('ran')).toBe(false);
    expect((await local.step('ls ran', { seq: 101 })).log).toBe('ran');
  });

  it('counts as cancelled, too, while it is still being connected', async () => {
    steps.connection = (_digest, _host, signal) => new Promise((_, reject) => signal?.addEventListener('abort', () => reject(aborted('a', 'connecting'))));
    const env = quietly();
    const running = failing(run('touch ran', {}, env));
    setTimeout(() => env.cancel(), 50);
    expect(await running).toBeInstanceOf(CancelledFailure);
  });
});
