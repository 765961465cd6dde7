import { ApplicationFailure } from '@temporalio/activity';
import { SshError } from '../src/ssh/error.ts';
import { FailureType } from '../src/plan/failure-types.ts';

/** Failures that come to an end by themselves: the step is tried again. */
const PASSING: readonly string[] = [FailureType.hostUnreachable, FailureType.registryUnavailable];

export interface FailureExtras {
  logFile?: string | null;
  hint?: string | null;
}

/**
 * A typed failure of an activity.
 *
 * @param type one of {@link FailureType}; decides whether Temporal tries again
 */
export function failure(type: string, message: string, extras: FailureExtras = {}): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: !PASSING.includes(type),
    details: [{ logFile: extras.logFile ?? null, hint: extras.hint ?? null }],
  });
}

/** What an error of the connection means for a run: what may pass is retried, what needs a person is not. */
export function sshFailure(error: SshError): ApplicationFailure {
  switch (error.kind) {
    case 'unreachable':
    case 'refused':
    case 'timeout':
    case 'lost':
      return failure(FailureType.hostUnreachable, error.message, { hint: error.hint });
    default:
      return failure(FailureType.sshRefused, error.message, { hint: error.hint });
  }
}
