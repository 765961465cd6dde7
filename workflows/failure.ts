import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import type { Failure } from './types.ts';

/** What activities attach to their failures (`ApplicationFailure.details[0]`). */
export interface FailureDetails {
  logFile?: string | null;
  hint?: string | null;
}

/**
 * What a person is told about an error that ended a step.
 *
 * @param step the step's name, as shown
 * @param error what `await` threw
 */
export function failureOf(step: string, error: unknown): Failure {
  const cause = rootOf(error);
  if (cause instanceof ApplicationFailure) {
    const details = (cause.details?.[0] ?? {}) as FailureDetails;
    return { step, type: cause.type ?? 'StepFailed', message: cause.message, logFile: details.logFile ?? null, hint: details.hint ?? null };
  }
  if (isCancellation(error)) return { step, type: 'Cancelled', message: 'the run was cancelled', logFile: null, hint: null };
  if (cause instanceof TimeoutFailure) {
    return { step, type: 'TimedOut', message: `gave no answer in time (${cause.timeoutType ?? 'time-out'})`, logFile: null, hint: 'is the host reachable, and does a worker run?' };
  }
  return { step, type: 'StepFailed', message: cause instanceof Error ? cause.message : String(cause), logFile: null, hint: null };
}

/** A step that timed out while retrying carries its last error inside: that is the one worth telling. */
function rootOf(error: unknown): unknown {
  if (error instanceof ActivityFailure || error instanceof ChildWorkflowFailure) return error.cause ? rootOf(error.cause) : error;
  if (error instanceof TimeoutFailure && error.cause) return rootOf(error.cause);
  return error;
}
