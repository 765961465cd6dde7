import { isCancellation } from '@temporalio/workflow';
import type { HookName } from '../activities/api.ts';
import { FailureType, NEEDS_A_PERSON } from '../src/plan/failure-types.ts';
import type { Desk } from './desk.ts';
import { failureOf } from './failure.ts';
import { hooks } from './policies.ts';
import type { Decision, FleetInput, HostOrder } from './types.ts';

/**
 * Runs a hook for a group of hosts, if the project has it. Where nobody saw how it ended, or it lacks what only a person
 * can give, the run waits for their answer.
 *
 * @param locked whether the run holds the deploy lock by now
 * @throws what the hook failed with, once it is in the run's record; or the run's cancellation
 */
export async function runHook(desk: Desk, input: FleetInput, hook: HookName, group: HostOrder[], locked: boolean): Promise<void> {
  if (!input.hooks.includes(hook)) return;
  const args = {
    run: input.run,
    digest: input.digest,
    hook,
    hosts: group.map(({ host }) => host),
    locked,
    idempotent: input.options.hooksIdempotent,
    stepId: `${input.run}/${hook}/${group[0]?.host ?? ''}`,
  };
  for (;;) {
    try {
      await hooks.runHook.executeWithOptions({ summary: `hook ${hook}` }, [args]);
      return;
    } catch (error) {
      if (isCancellation(error)) throw error;
      const failure = failureOf(`hook ${hook}`, error);
      const decision = NEEDS_A_PERSON.includes(failure.type) ? await desk.ask(`hook ${hook}`, failure, choicesAfter(failure.type)) : 'abort';
      if (decision === 'skip') return;
      if (decision === 'abort') {
        desk.record.failure ??= failure;
        throw error;
      }
    }
  }
}

/** Only a hook that may have run to its end can be passed over. */
function choicesAfter(type: string): Decision[] {
  return type === FailureType.hookOutcomeUnknown ? ['retry', 'skip', 'abort'] : ['retry', 'abort'];
}
