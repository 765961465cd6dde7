import { ActivityFailure, isCancellation, setCurrentDetails } from '@temporalio/workflow';
import { failureOf } from './failure.ts';
import { hostDetails } from './details.ts';
import { showPhase } from './shown.ts';
import type { HostPhase, HostRecord, StepRecord } from './types.ts';
import type { StepNotes } from '../activities/api.ts';

/**
 * Keeps one host's record: which step runs, how long each took, what it found. The record is what the CLI shows, what
 * the Temporal UI renders and what the run returns.
 */
export interface HostSteps {
  readonly record: HostRecord;
  /**
   * Runs a step and notes its time and outcome. The activity gets the step's place in the host's order of steps, and
   * the options under which the Temporal UI shows it by its name.
   */
  run<Notes extends StepNotes>(name: string, activity: (seq: number, options: { summary: string }) => Promise<Notes>): Promise<Notes>;
  /** Notes something that goes on beside the steps, and that fails none of them. It returns what there is to tell. */
  beside(name: string, work: () => Promise<string[]>): Promise<void>;
  /** The next step's number, for an activity that is no step of its own. */
  next(): number;
  phase(phase: HostPhase): void;
}

/** For a workflow that works on several hosts: one count of steps, and one page that shows all of them. */
export interface SharedPage {
  nextSeq: () => number;
  show: () => void;
}

/**
 * @param host the host's name
 * @param first where this workflow's step numbers begin; later workflows on the same host begin higher, so that the
 *   fencing token on the host only grows
 * @param round how often this host was begun in this run, this time included
 */
export function hostSteps(host: string, first: number | SharedPage, round = 1): HostSteps {
  const record: HostRecord = { host, round, phase: 'waiting', steps: [], failure: null, meter: null, soak: null };
  const { nextSeq, show } = typeof first === 'number' ? ownPage(record, first) : first;
  return {
    record,
    phase(phase) {
      record.phase = phase;
      show();
      showPhase(phase);
    },
    next: nextSeq,
    async beside(name, work) {
      const step: StepRecord = { name, state: 'running', startedAt: Date.now(), endedAt: null, notes: [] };
      record.steps.push(step);
      show();
      step.notes = await work().catch((error: unknown) => [`not known: ${failureOf(name, error).message}`]);
      step.state = 'done';
      step.endedAt = Date.now();
      show();
    },
    async run(name, activity) {
      const step: StepRecord = { name, state: 'running', startedAt: Date.now(), endedAt: null, notes: [] };
      record.steps.push(step);
      show();
      try {
        const result = await activity(nextSeq(), { summary: name });
        step.notes = result.notes;
        step.state = 'done';
        return result;
      } catch (error) {
        step.state = 'failed';
        if (!record.failure && !isCancellation(error)) record.failure = failureOf(name, error);
        if (error instanceof ActivityFailure) step.notes = [failureOf(name, error).type];
        throw error;
      } finally {
        step.endedAt = Date.now();
        show();
      }
    },
  };
}

function ownPage(record: HostRecord, firstSeq: number): SharedPage {
  let seq = firstSeq;
  return { nextSeq: () => seq++, show: () => setCurrentDetails(hostDetails(record)) };
}
