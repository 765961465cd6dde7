import { ApplicationFailure } from '@temporalio/workflow';
import type { Run } from './run.ts';
import type { Decision, Failure, HostOrder } from './types.ts';

/**
 * What becomes of the run when hosts fail (`--on-failure`). The hosts themselves are put back by then, or being so: this
 * is about all the others.
 */
export interface FailurePolicy {
  /** True when others may go on though these have failed, without anybody being asked. */
  tolerates(failed: HostOrder[]): boolean;
  /**
   * Counts the failed hosts, and asks where that is wanted.
   * @param again whether the hosts could be begun anew
   * @returns `retry`: begin with them anew; `skip`: go on without them
   * @throws ApplicationFailure when the run ends for them
   */
  after(failed: HostOrder[], again?: boolean): Promise<'retry' | 'skip'>;
}

export function failurePolicy(run: Run): FailurePolicy {
  const { input, desk, crew } = run;
  const { onFailure } = input.options;
  const limit = input.options.maxFailures ?? Infinity;
  const counted = new Set<string>();
  const countWith = (failed: HostOrder[]) => new Set([...counted, ...failed.map(({ host }) => host)]).size;

  /** The run has failed with this, even where it goes on. */
  function note(failed: HostOrder[], failure: Failure): void {
    for (const { host } of failed) counted.add(host);
    desk.record.failure ??= failure;
    desk.show();
  }

  async function ask(failed: HostOrder[], failure: Failure, again: boolean): Promise<Decision> {
    const names = failed.map(({ host }) => host).join(', ');
    // What could not be put back needs a look of its own before anything is tried there again.
    const choices: Decision[] = again && failed.every((order) => crew.result(order).outcome !== 'stuck') ? ['retry', 'skip', 'abort'] : ['skip', 'abort'];
    return await desk.ask(names, failure, choices);
  }

  return {
    tolerates: (failed) => onFailure === 'continue' && countWith(failed) <= limit,
    async after(failed, again = true) {
      const failure = failureAmong(run, failed);
      const decision = onFailure === 'pause' ? await ask(failed, failure, again) : onFailure === 'continue' ? 'skip' : 'abort';
      if (decision === 'retry') return 'retry';
      note(failed, failure);
      if (decision === 'abort') throw ApplicationFailure.nonRetryable(outcomes(run, failed), 'HostNotUpgraded');
      if (onFailure === 'continue' && counted.size > limit) throw ApplicationFailure.nonRetryable(`${counted.size} hosts have failed, more than --max-failures ${limit}`, 'TooManyFailures');
      return 'skip';
    },
  };
}

/** The failure that tells most: of a host that has one to tell. */
function failureAmong({ crew }: Run, failed: HostOrder[]): Failure {
  const results = failed.map((order) => crew.result(order));
  const first = results.find(({ failure }) => failure !== null) ?? results[0];
  if (first?.failure) return { ...first.failure, step: `${first.host}: ${first.failure.step}` };
  return { step: first?.host ?? 'hosts', type: 'HostNotUpgraded', message: `it is ${first?.outcome ?? 'not upgraded'}`, logFile: null, hint: null };
}

const outcomes = ({ crew }: Run, failed: HostOrder[]) => failed.map((order) => `${order.host} is ${crew.result(order).outcome}`).join(', ');
