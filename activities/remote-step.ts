import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { activityInfo, CancelledFailure, cancellationSignal, heartbeat } from '@temporalio/activity';
import { SshError } from '../src/ssh/error.ts';
import type { SshConnection } from '../src/ssh/types.ts';
import type { StepArgs, StepNotes } from './api.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import { failure, sshFailure } from './failures.ts';
import { readAnswer, type Answer } from './script/answer.ts';
import { bootstrap, LAST_LINE, prologue, terminate, type Token } from './script/bootstrap.ts';
import { VOCABULARY } from './script/vocabulary.ts';

/** What a step needs of its surroundings; made once a worker. */
export interface RemoteSteps {
  connection(digest: string, host: string, signal?: AbortSignal): Promise<SshConnection>;
  /** One step at a time on a host, from this worker. */
  exclusively<T>(host: string, work: () => Promise<T>): Promise<T>;
  /** Replaces every secret value known to this worker. */
  scrub(text: string): string;
  /** Folder for 0600 log files. */
  logDirectory: string;
}

export interface StepScript {
  /** Names the step in its log file. */
  name: string;
  body: string;
  /** The journal that this step's acts are written to. */
  journal: 'app' | 'accessories' | 'lock';
  /** Distinguishes the fences of several deployments on one host. */
  fence: string;
  /** A script that must not be ended half way: cancelling lets go of it and leaves it to its end. */
  uninterruptible?: boolean;
}

/** Longer than scripts take, but for the pull of a large image over a slow line. Seconds. */
const JOIN_SECONDS = 600;
const HEARTBEAT_MS = 2000;

/**
 * Runs a script on a host as one attempt of a step: under the host's lock, fenced by its token, joined to or after
 * whatever an older attempt left behind. Heartbeats while it waits. Cancelling ends the script, unless it may not be.
 *
 * @returns what the script said about itself
 * @throws ApplicationFailure typed as the script or the connection says; the script's log is in a 0600 file
 */
export async function runStep(steps: RemoteSteps, args: StepArgs, script: StepScript): Promise<StepNotes> {
  const { notes, unchanged } = await askStep(steps, args, script);
  return { notes, unchanged };
}

/** The same, with what the script told the worker, which may hold secrets: it must not leave the process. */
export async function askStep(steps: RemoteSteps, args: StepArgs, script: StepScript): Promise<StepNotes & Pick<Answer, 'told'>> {
  const token: Token = { run: args.run, runStartedAt: args.runStartedAt, seq: args.seq, attempt: activityInfo().attempt };
  const text = [prologue(script.fence, JOIN_SECONDS), `JOURNAL=${script.journal}`, VOCABULARY, ...(script.journal === 'lock' ? [] : ['answering']), script.body, LAST_LINE].join('\n');
  const answer = await whileHeartbeating(() =>
    steps.exclusively(args.host, async () => {
      const signal = cancellationSignal();
      let connection: SshConnection | null = null;
      try {
        connection = await steps.connection(args.digest, args.host, signal);
        const result = await connection.exec(bootstrap(token), { stdin: text, signal });
        return { ...readAnswer(result.stdout + result.stderr), code: result.code };
      } catch (error) {
        if (signal.aborted) {
          if (!script.uninterruptible) await connection?.exec(terminate(token), { timeoutMs: 5000 }).catch(() => undefined);
          throw new CancelledFailure(`${script.name} was cancelled`);
        }
        throw error instanceof SshError ? sshFailure(error) : error;
      }
    }),
  );
  if (answer.code === 0 && !answer.fail) return { notes: answer.notes.map((note) => steps.scrub(note)), unchanged: answer.unchanged, told: answer.told };
  throw await scriptFailure(steps, args, script.name, answer);
}

async function scriptFailure(steps: RemoteSteps, args: StepArgs, name: string, answer: Answer & { code: number | null }) {
  const logFile = await keepLog(steps, args, name, answer.log);
  // Ended by a signal, without a word of its own: the host goes down, or somebody killed it. The next attempt looks again.
  const ended = answer.code === null || answer.code >= 128 ? FailureType.hostUnreachable : FailureType.stepFailed;
  const type = answer.fail?.type ?? ended;
  const text = answer.fail?.text ?? `the script ended with ${answer.code ?? 'a signal'}: ${answer.log.split('\n').at(-1) ?? ''}`;
  return failure(type, steps.scrub(text), { logFile });
}

/** A log can be long and may quote what an app printed: it stays on the worker, readable by its owner only. */
async function keepLog(steps: RemoteSteps, args: StepArgs, name: string, log: string): Promise<string | null> {
  if (log === '') return null;
  const directory = join(steps.logDirectory, args.run);
  const file = join(directory, `${args.host}-${args.seq}-${name.replaceAll(/[^\w.-]+/g, '-')}.log`.replaceAll(':', '_'));
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(file, `${steps.scrub(log)}\n`, { mode: 0o600 });
  return file;
}

/** Keeps the server told that this attempt is alive; without it a long script looks like a dead worker. */
export async function whileHeartbeating<T>(work: () => Promise<T>): Promise<T> {
  heartbeat();
  const timer = setInterval(() => heartbeat(), HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** Turns errors of the connection into typed failures. */
export async function sshErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SshError && error.kind !== 'aborted') throw sshFailure(error);
    throw error;
  }
}
