import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Decision, Failure, FleetRecord, Gate, HostPhase, HostRecord, HostResult, MeterReading } from './types.ts';

/** Who speaks, and why; kept in the run's record. */
export interface Speaker {
  by?: string;
  why?: string;
}

export interface GateMessage extends Speaker {
  /** The gate meant; the one that waits when left out. */
  gate?: Gate;
}

export interface DecisionMessage extends Speaker {
  decision?: Decision;
  /** With `abort`: hosts that are verified, but not pruned yet, are put back as well. */
  putBackAll?: boolean;
}

/*
 * Each message exists twice: as an update, whose answer tells the CLI at once whether it was taken, and as a plain
 * signal of the same meaning for the Temporal UI and `temporal workflow signal`.
 */
export const approveUpdate = defineUpdate<string, [GateMessage]>('approveGate');
export const rejectUpdate = defineUpdate<string, [GateMessage]>('rejectGate');
export const resumeUpdate = defineUpdate<string, [DecisionMessage]>('resumeRun');
export const approveSignal = defineSignal<[GateMessage?]>('approve');
export const rejectSignal = defineSignal<[GateMessage?]>('reject');
/** What a cancellation can't carry: whatever can be put back is, however the run ends. */
export const putBackAllSignal = defineSignal<[Speaker?]>('putBackAll');
export const resumeSignal = defineSignal<[DecisionMessage?]>('resume');

export const fleetQuery = defineQuery<FleetRecord>('fleet');
export const hostQuery = defineQuery<HostRecord>('host');
export const accessoriesQuery = defineQuery<HostRecord[]>('accessories');

/** A host tells its fleet how far it got. */
export const hostReported = defineSignal<[HostReport]>('hostReported');
/** The accessories' workflow asks a person something, or says how it ended. */
export const accessoriesReported = defineSignal<[AccessoriesReport]>('accessoriesReported');
/** The fleet tells a host to go on, or to put itself back. */
export const verdictSignal = defineSignal<[Verdict]>('verdict');

export interface HostReport {
  host: string;
  phase: HostPhase;
  /** A question for a person, while the phase is 'needs you'. */
  question?: Failure;
  /** After a canary's soak: what it has seen. */
  soak?: MeterReading | null;
  /** With the last report: how the host ended. */
  result?: HostResult;
}

export interface AccessoriesReport {
  question: { where: string; failure: Failure } | null;
  /** With the last words of a workflow that was cancelled: it can't carry them in its failure. */
  records: HostRecord[];
}

/** `cut over`: every host of the wave has proved itself. `finish`: the last gate is passed. `put back`: undo. */
export type Verdict = 'cut over' | 'finish' | 'put back' | 'retry' | 'skip';
