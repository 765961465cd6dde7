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
      for (const { phase, workflowId: id } of record.hosts) if (id !== null) await refresh(session, seen, id, phase, 'host');
      for (const id of record.accessories) await refresh(session, seen, id, record.phase, 'accessories');
      const views = [...seen.values()].flatMap(({ view }) => view ?? []);
      return { record, hosts: views.flatMap((view) => view.hosts), retries: views.flatMap((view) => view.retries) };
    });
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw error;
    return null;
  }
}

/** What was last seen of a host's workflow, or of the accessories', and in which phase it was then. */
export interface Seen {
  phase: string;
  view: Pick<RunView, 'hosts' | 'retries'> | null;
}

/** Phases in which nothing happens to a host: one look is enough. */
const AT_REST: readonly string[] = ['waiting', 'proven', 'verified', 'done', 'unchanged', 'put back', 'stuck'];

/** A run can have hundreds of hosts, of which a few are worked on: only those are asked each time. */
async function refresh(session: Session, seen: Map<string, Seen>, id: string, phase: string, query: 'host' | 'accessories'): Promise<void> {
  const last = seen.get(id);
  if (last && last.phase === phase && last.view?.hosts.every((host) => host.phase === phase) && AT_REST.includes(phase)) return;
  seen.set(id, { phase, view: await lookAt(session, id, query) });
}

async function lookAt({ client }: Session, workflowId: string, query: 'host' | 'accessories'): Promise<Seen['view']> {
  const handle = client.workflow.getHandle(workflowId);
  try {
    const [answer, description] = await Promise.all([handle.query<HostRecord | HostRecord[]>(query), handle.describe()]);
    const hosts = Array.isArray(answer) ? answer : [answer];
    // Of several hosts, the one at work is the one that tries again.
    const host = (hosts.find((each) => each.steps.some((step) => step.state === 'running')) ?? hosts[0])?.host ?? '';
    const retries = (description.raw.pendingActivities ?? [])
      .filter((activity) => (activity.attempt ?? 1) > 1 && activity.lastFailure?.message)
      .map((activity) => ({ host, attempt: activity.attempt ?? 1, message: activity.lastFailure?.message ?? '' }));
    return { hosts, retries };
  } catch (error) {
    // Not started yet, or started a moment ago; the next look will see it.
    if (error instanceof WorkflowNotFoundError || error instanceof QueryNotRegisteredError) return null;
    throw error;
  }
}
