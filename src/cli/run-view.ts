import { QueryNotRegisteredError, WorkflowNotFoundError } from '@temporalio/client';
import type { FleetRecord, HostRecord } from '../../workflows/types.ts';
import type { Session } from './session.ts';

/** A run as it can be seen now. */
export interface RunView {
  record: FleetRecord;
  hosts: HostRecord[];
  /** What a step that is being retried ran into last; invisible to workflow code. */
  retries: { host: string; attempt: number; message: string }[];
}

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
      for (const { host, phase, workflowId, accessoriesId } of record.hosts) {
        if (workflowId !== null) await refresh(session, seen, workflowId, phase);
        if (accessoriesId !== null) await refresh(session, seen, accessoriesId, `${host} ${record.phase}`);
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
export interface Seen {
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
