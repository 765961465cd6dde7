import { spawn } from 'node:child_process';
import { createWriteStream, writeFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { createInterface } from 'node:readline';
import { activityInfo, CancelledFailure, cancellationSignal } from '@temporalio/activity';
import { hook as hooks, kamal1, type Secrets } from '../src/kamal/index.ts';
import type { HookArgs, HookName, StepNotes } from './api.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import { eitherRendering, type Context } from './context.ts';
import { isKamal1, type Kamal1Project, type Project } from './project.ts';
import { failure } from './failures.ts';
import { whileHeartbeating } from './remote-step.ts';
import { kamalTime, type Who } from './who.ts';

/**
 * Hooks run on the worker, in the project, with Kamal's environment (Kamal 2.12: `run_hook`). A hook may do anything,
 * so it is never run twice on our own: when an attempt finds that an earlier one began and didn't report its end, it
 * asks a person.
 */
export function hookActivities(context: Context) {
  return {
    async runHook(args: HookArgs): Promise<StepNotes> {
      const project = await eitherRendering(context, args);
      const secrets = isKamal1(project) || args.hook === 'pre-connect' ? await context.store.secrets(project) : undefined;
      const { file, env: kamals } = hookCall(project, args, secrets);
      const marks = join(context.logDirectory, args.run, 'hooks');
      await mkdir(marks, { recursive: true, mode: 0o700 });
      const mark = join(marks, args.stepId.replaceAll(/[^\w.-]+/g, '-'));
      const earlier = await endOfEarlierAttempt(mark, args);

      const env = { ...context.env(), ...kamals, BACTRIAN_STEP: args.stepId };
      const command = isAbsolute(file) ? file : join(context.projectDir, file);
      const logFile = `${mark}.log`;
      const code = earlier ?? (await whileHeartbeating(() => runToEnd(command, context.projectDir, env, mark, logFile, context.scrub)));
      if (code !== 0) throw failure(FailureType.hookFailed, `the hook ${args.hook} ended with ${code}`, { logFile, hint: `mend ${file}, then start the ${isKamal1(project) ? 'downgrade' : 'upgrade'} again` });
      return { notes: [`${args.hook} for ${args.hosts.join(', ')}`], unchanged: false };
    },
  };
}

/** Kamal 1's gates have names of their own; where a project has only those of Kamal 2, they are meant. */
export function kamal1HookOf(present: readonly string[], hook: HookName): string {
  const own = hook.replace('-proxy-reboot', '-traefik-reboot');
  return present.includes(own) ? own : hook;
}

/**
 * What a hook is run as: its file (absolute, or in the project) and what Kamal adds to its environment. Kamal 2 gives
 * `pre-connect` all secrets; Kamal 1 has all hooks see what `.env` says (Kamal 1.9: `Commands::Hook`).
 *
 * @param secrets those of the project, for the hooks that get them
 */
export function hookCall(project: (Project | Kamal1Project) & { who: Who }, { hook, hosts, locked }: Pick<HookArgs, 'hook' | 'hosts' | 'locked'>, secrets: Secrets | undefined): { file: string; env: Record<string, string> } {
  const facts = { at: kamalTime(), performer: project.who.performer, version: project.deployment.version, hosts };
  if (isKamal1(project)) {
    const file = kamal1.hook.hookFile(project.deployment, kamal1HookOf(project.snapshot.hooks.present, hook));
    return { file, env: { ...secrets?.values(), ...kamal1.hook.hookEnv(project.deployment, { ...facts, command: 'downgrade' }) } };
  }
  return { file: hooks.hookFile(project.deployment, hook), env: hooks.hookEnv(project.deployment, { ...facts, roles: project.snapshot.selection.roles, locked, command: 'upgrade' }, secrets) };
}

/**
 * The mark is there from before a hook begins: first its process group, then how it ended. So an attempt whose result
 * the server never got is not repeated, and one whose end nobody saw is asked about.
 *
 * @returns the exit code that an earlier attempt has seen; null when the hook is to run now
 * @throws ApplicationFailure HookOutcomeUnknown; what has been asked once may run when it is asked for again
 */
async function endOfEarlierAttempt(mark: string, args: HookArgs): Promise<number | null> {
  const text = await readFile(mark, 'utf8').catch(() => null);
  if (text === null) return null;
  const ended = /^ended (\d+)$/.exec(text);
  // A second activity of the same step is somebody's `retry`: it means to run the hook again.
  if (ended && activityInfo().attempt > 1) return Number(ended[1]);
  await rm(mark, { force: true });
  if (ended) return null;
  // What an attempt that died has left running would run beside the next one.
  endGroup(Number(text), 'SIGTERM');
  if (args.idempotent) return null;
  throw failure(FailureType.hookOutcomeUnknown, `the hook ${args.hook} ran, but its end was not seen (attempt ${activityInfo().attempt})`, {
    hint: 'find out what it did, then: bactrian resume --retry, or --skip',
  });
}

/** A hook that is asked to end gets this long before it is killed, in milliseconds. */
const GRACE_MS = 10_000;

async function runToEnd(command: string, cwd: string, env: Record<string, string | undefined>, mark: string, logFile: string, scrub: (text: string) => string): Promise<number> {
  await writeFile(mark, '0', { mode: 0o600 });
  const log = createWriteStream(logFile, { mode: 0o600 });
  const signal = cancellationSignal();
  let killing: NodeJS.Timeout | undefined;
  try {
    return await new Promise<number>((resolve, reject) => {
      const child = spawn(command, { cwd, env: env as NodeJS.ProcessEnv, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
      // Line by line: a secret that is split between two pieces of output would not be found in either.
      for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', (line) => log.write(`${scrub(line)}\n`));
      // Before anything else can happen to us: whoever comes next ends this group first.
      child.on('spawn', () => writeFileSync(mark, String(child.pid), { mode: 0o600 }));
      child.on('error', (error) => reject(failure(FailureType.hookFailed, `the hook ${command} can't be run: ${error.message}`, { hint: 'is it executable (chmod +x), with a #! line?' })));
      child.on('close', (code) => {
        if (signal.aborted) return reject(new CancelledFailure('the hook was ended'));
        noteEnd(mark, code ?? 1);
        resolve(code ?? 1);
      });
      const end = () => {
        endGroup(child.pid, 'SIGTERM');
        killing = setTimeout(() => endGroup(child.pid, 'SIGKILL'), GRACE_MS);
      };
      if (signal.aborted) end();
      else signal.addEventListener('abort', end, { once: true });
    });
  } finally {
    clearTimeout(killing);
    await new Promise((resolve) => log.end(resolve));
  }
}

/** What can't be noted is asked about later, should the server not hear of this end. */
function noteEnd(mark: string, code: number): void {
  try {
    writeFileSync(mark, `ended ${code}`, { mode: 0o600 });
  } catch {
    // The folder is gone or full; the result itself is on its way.
  }
}

/** Signals a hook and all it started; they may have ended by themselves. */
function endGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (!pid) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Gone already.
  }
}
