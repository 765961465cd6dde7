import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowFailedError, WorkflowNotFoundError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { FleetResult } from '../../workflows/types.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import type { Session } from './session.ts';
import { ProgressView } from './render/progress.ts';
import { lookAtRun, type Seen } from './run-view.ts';

const POLL_MS = 400;

/**
 * What a finished run left, whichever way it ended.
 * @throws CommandError when it left nothing, or nobody can tell (a cancelled run's result is told by a worker)
 */
export async function resultOf(session: Session, workflowId: string, runId?: string): Promise<FleetResult> {
  try {
    return (await session.client.workflow.getHandle(workflowId, runId).result()) as FleetResult;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause } = error;
    const result = cause instanceof ApplicationFailure || cause instanceof CancelledFailure ? cause.details?.[0] : undefined;
    if (result) return result as FleetResult;
    // Temporal keeps no details of a cancellation, but a worker can tell what the run's record says.
    const record = await lookAtRun(session, workflowId, runId).catch(() => null);
    if (record?.record.result) return record.record.result;
    throw new CommandError(EXIT.failed, `the run ended without a result: ${cause?.message ?? error.message}`, 'look at it in the Temporal UI');
  }
}

export interface FollowOptions {
  workflowId: string;
  runId?: string;
  /** Prints a line. */
  say: (line: string) => void;
  /** Starts the project's worker again where it is ours to start and has died: nobody else would. */
  revive: () => Promise<void>;
  /** Aborted by Ctrl-C: following ends, the run doesn't. */
  signal: AbortSignal;
}

/** Silent for this long, a worker is looked after. */
const REVIVE_AFTER_MS = 8_000;

/**
 * Follows a run until it ends, printing each step as it ends. Rides out a Temporal server or a worker that is away.
 *
 * @returns the run's result, or null when following was ended
 */
export async function follow(session: Session, { workflowId, runId, say, revive, signal }: FollowOptions): Promise<FleetResult | null> {
  const view = new ProgressView(say);
  const handle = session.client.workflow.getHandle(workflowId, runId);
  const known = new Map<string, Seen>();
  let silentSince: number | null = null;
  const following = new AbortController();
  let over = false;
  const end = untilOver(handle, following.signal).then(() => void (over = true));
  try {
    while (!signal.aborted) {
      const seen = await lookAtRun(session, workflowId, runId, known).catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError) throw error;
        return null;
      });
      if (seen) {
        silentSince = null;
        view.show(seen);
      } else {
        silentSince ??= Date.now();
        view.silent(Math.round((Date.now() - silentSince) / 1000));
        if (Date.now() - silentSince > REVIVE_AFTER_MS) {
          silentSince = Date.now();
          await revive().catch((error: unknown) => say(`the worker can't be started again yet: ${error instanceof Error ? error.message : String(error)}`));
        }
      }
      if (over) {
        const last = await lookAtRun(session, workflowId, runId, known).catch(() => null);
        if (last) view.show(last);
        return await resultOf(session, workflowId, runId);
      }
      await Promise.race([sleep(POLL_MS, undefined, { signal }).catch(() => undefined), end]);
    }
    return null;
  } finally {
    view.end();
    following.abort();
  }
}

/** Resolves when the run is over: the server tells at once, so nobody has to ask again for that. */
async function untilOver(handle: WorkflowHandle, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const over = await handle.result().then(() => true, (error: unknown) => error instanceof WorkflowFailedError);
    if (over) return;
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}
