import { ApplicationFailure, isCancellation, sleep, workflowInfo } from '@temporalio/workflow';
import type { HookName, StepArgs } from '../activities/api.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import { MOST_HOSTS } from '../src/plan/limits.ts';
import { gatherCrew, type Crew } from './crew.ts';
import { openDesk, type Desk } from './desk.ts';
import { failureOf } from './failure.ts';
import { runHook } from './hook.ts';
import { LAST_LOCK_STEP, LOCK_STEP, UNLOCK_STEP } from './numbering.ts';
import { changing, looking } from './policies.ts';
import type { FleetInput, HostOrder } from './types.ts';

/** What all parts of a run share: its input, its desk, its hosts, and what is done for several of them. */
export interface Run {
  readonly input: FleetInput;
  readonly desk: Desk;
  readonly crew: Crew;
  readonly base: Omit<StepArgs, 'seq' | 'host'>;
  /** Looks at hosts again. @throws what is not as the plan saw it, once it is in the run's record */
  look(hosts: HostOrder[]): Promise<void>;
  /**
   * Runs a hook, if the project has it.
   * @param undo hosts to put back when the hook fails: they are verified, but not yet let go of
   */
  hook(name: HookName, group: HostOrder[], undo?: HostOrder[]): Promise<void>;
  putBack(hosts: HostOrder[]): Promise<void>;
  /** Takes the deploy lock, the first time it is called, then looks at all hosts once more. */
  lock(): Promise<void>;
  /** True when there was nothing to release, or it is released. A lock that can't be released must not cost the run its result. */
  unlock(): Promise<boolean>;
}

/** @throws ApplicationFailure when the run has more hosts than one can have */
export function openRun(input: FleetInput): Run {
  const runStartedAt = workflowInfo().startTime.getTime();
  const desk = openDesk(input);
  const crew = gatherCrew(input, runStartedAt, desk);
  const base = { run: input.run, runStartedAt, digest: input.digest, direction: input.direction };
  let locked = false;

  if (input.hosts.length > MOST_HOSTS) {
    throw ApplicationFailure.nonRetryable(`${input.hosts.length} hosts in one run; at most ${MOST_HOSTS} are taken: name a part of them with -h`, 'TooManyHosts');
  }

  async function lookAt(order: HostOrder): Promise<void> {
    try {
      await looking.probeHost.executeWithOptions({ summary: `look at ${order.host}` }, [{ ...base, host: order.host, fingerprint: order.fingerprint }]);
    } catch (error) {
      if (!isCancellation(error)) desk.record.failure ??= failureOf(`${order.host}: probe`, error);
      throw error;
    }
  }

  const run: Run = {
    input,
    desk,
    crew,
    base,
    async look(hosts) {
      await Promise.all(hosts.map(lookAt));
    },
    async hook(name, group, undo = []) {
      try {
        await runHook(desk, input, name, group, locked);
      } catch (error) {
        if (!isCancellation(error)) await run.putBack(undo);
        throw error;
      }
    },
    async putBack(hosts) {
      await crew.send(hosts, 'put back');
      await crew.ended(hosts);
    },
    /** The lock comes after the first approval, since nobody knows how long that takes; then all is looked at again. */
    async lock() {
      if (locked) return;
      desk.phase('locking');
      // From the request on the lock may be ours, whatever happens to the answer.
      locked = true;
      await acquireLock(run);
      await run.look(input.hosts);
    },
    async unlock() {
      if (!locked) return true;
      desk.phase('unlocking');
      try {
        await changing.releaseLock.executeWithOptions({ summary: 'release the deploy lock' }, [{ ...base, host: input.primaryHost, seq: UNLOCK_STEP }]);
        return true;
      } catch (error) {
        desk.record.failure ??= { ...failureOf(`${input.primaryHost}: release the deploy lock`, error), hint: '`bactrian unlock` releases it' };
        return false;
      }
    },
  };
  return run;
}

/** (Kamal 2.12: `--lock-wait`, `--lock-wait-timeout`, `--lock-wait-interval`.) */
async function acquireLock({ input, base }: Run): Promise<void> {
  const { lockWait } = input.options;
  const until = Date.now() + (lockWait?.timeout ?? 0) * 1000;
  for (let seq = LOCK_STEP; ; seq = Math.min(seq + 1, LAST_LOCK_STEP)) {
    try {
      await changing.acquireLock.executeWithOptions({ summary: `deploy lock on ${input.primaryHost}` }, [
        { ...base, host: input.primaryHost, seq, takeOverLockOf: input.takeOverLockOf },
      ]);
      return;
    } catch (error) {
      if (!lockWait || failureOf('lock', error).type !== FailureType.lockHeld || Date.now() >= until) throw error;
      await sleep(lockWait.interval * 1000);
    }
  }
}
