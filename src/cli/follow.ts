import { setTimeout as sleep } from 'node:timers/promises';
import { QueryNotRegisteredError, WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { FleetRecord, FleetResult, HostRecord } from '../../workflows/types.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import type { Session } from './session.ts';
import { ProgressView } from './render/progress.ts';

/** A run as it can be seen now. */
export interface RunView {
  record: FleetRecord;
  hosts: HostRecord[];
  /** What a step that is being retried ran into last; invisible to workflow code. */
  retries: { host: string; attempt: number; message: string }[];
}

const POLL_MS = 400;
/** A query is answered by a worker; without one this is how long we wait before we say so. */
const QUERY_MS = 5_000;

/**
 * Looks at a run: its record, the records of its hosts, and the attempts of what is being retried.
 * @returns null when no worker answers
 */
export async function lookAtRun(session: Session, workflowId: string, runId?: string, seen = new Map<string, Seen>()): Promise<RunView | null> {
  const { client, connection } = session;
  try {
    return await connection.withDeadline(Date.now() + QUERY_MS, async () => {
      const record = await client.workflow.getHandle(workflowId, runId).query<FleetRecord>('fleet');
      const withAccessories = ['accessories', 'unlocking', 'over'].includes(record.phase);
      for (const { host, phase, workflowId: id } of record.hosts) {
        if (id === null) continue;
        await refresh(session, seen, id, phase);
        if (withAccessories) await refresh(session, seen, `${id}/accessories`, `${host} ${record.phase}`);
      }
      const views = [...seen.values()].flatMap(({ view }) => view ?? []);
      return { record, hosts: views.map((view) => view.host), retries: views.flatMap((view) => view.retries) };
    });
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw error;
    return null;
  }
}

/** What was last seen of a host, and in which phase it was then. */
interface Seen {
  phase: string;
  view: { host: HostRecord; retries: RunView['retries'] } | null;
}

/** Phases in which nothing happens to a host: one look is enough. */
const AT_REST: readonly string[] = ['waiting', 'proven', 'verified', 'done', 'unchanged', 'put back', 'stuck'];

/** A run can have hundreds of hosts, of which a few are worked on: only those are asked each time. */
async function refresh(session: Session, seen: Map<string, Seen>, id: string, phase: string): Promise<void> {
  const last = seen.get(id);
  if (last && last.phase === phase && last.view?.host.phase === phase && AT_REST.includes(phase)) return;
  seen.set(id, { phase, view: await lookAtHost(session, id) });
}

async function lookAtHost({ client }: Session, workflowId: string): Promise<{ host: HostRecord; retries: RunView['retries'] } | null> {
  const handle = client.workflow.getHandle(workflowId);
  try {
    const [host, description] = await Promise.all([handle.query<HostRecord>('host'), handle.describe()]);
    const retries = (description.raw.pendingActivities ?? [])
      .filter((activity) => (activity.attempt ?? 1) > 1 && activity.lastFailure?.message)
      .map((activity) => ({ host: host.host, attempt: activity.attempt ?? 1, message: activity.lastFailure?.message ?? '' }));
    return { host, retries };
  } catch (error) {
    // Not started yet, or started a moment ago; the next look will see it.
    if (error instanceof WorkflowNotFoundError || error instanceof QueryNotRegisteredError) return null;
    throw error;
  }
}

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

/**
 * Follows a run until it ends, printing each step as it ends. Rides out a Temporal server or a worker that is away.
 *
 * @param say prints a line
 * @param signal aborted by Ctrl-C: following ends, the run doesn't
 * @returns the run's result, or null when following was ended
 */
export async function follow(session: Session, workflowId: string, runId: string | undefined, say: (line: string) => void, signal: AbortSignal): Promise<FleetResult | null> {
  const view = new ProgressView(say);
  const handle = session.client.workflow.getHandle(workflowId, runId);
  const known = new Map<string, Seen>();
  let silentSince: number | null = null;
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
      }
      const over = await handle.describe().then((description) => description.status.name !== 'RUNNING', () => false);
      if (over) {
        const last = await lookAtRun(session, workflowId, runId, known).catch(() => null);
        if (last) view.show(last);
        return await resultOf(session, workflowId, runId);
      }
      await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
    return null;
  } finally {
    view.end();
  }
}
