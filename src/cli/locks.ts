import { WorkflowNotFoundError } from '@temporalio/client';
import { runOfLock } from '../../activities/script/lock.ts';
import type { HostFacts } from '../plan/facts.ts';
import { heldInWords, releaseInWords } from '../plan/lock-words.ts';
import { primaryHostOf } from '../plan/workflow-id.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import type { EitherProject } from './project.ts';
import type { Session } from './session.ts';

/**
 * A deploy lock of one of our runs, if there is one. Whether that run is over only Temporal knows; a run is over when
 * no open one of this deployment has its name.
 *
 * @param wait somebody else's lock is waited for, not refused
 * @returns the name of a run that is over and whose lock may be taken over, or null when there is no such lock
 * @throws CommandError when the lock's run is open
 */
export async function staleLock(session: Session, project: EitherProject, facts: HostFacts[], wait: boolean): Promise<string | null> {
  const primary = facts.find(({ host }) => host === primaryHostOf(project.deployment));
  const foreign = primary?.locks.find((lock) => runOfLock(lock) === null);
  if (foreign && !wait) {
    throw new CommandError(EXIT.refused, `${primary?.host}: ${heldInWords(foreign)}. Nothing was changed on any host.`, releaseInWords(foreign));
  }
  const run = primary?.locks.map((lock) => runOfLock(lock)).find((name) => name !== null) ?? null;
  if (run === null) return null;
  const open = await openRunOf(session, project.workflowId);
  if (open === run) throw new CommandError(EXIT.refused, `run ${run} holds the deploy lock and is still open`, 'follow it with `bactrian watch`');
  return run;
}

/** The name of the deployment's open run, or null. */
export async function openRunOf(session: Pick<Session, 'client'>, workflowId: string): Promise<string | null> {
  try {
    const description = await session.client.workflow.getHandle(workflowId).describe();
    return description.status.name === 'RUNNING' ? runNameOf(description) : null;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** A run's own name, which hosts' journals and locks carry. */
export function runNameOf(description: { memo?: Record<string, unknown> }): string {
  const run = description.memo?.['run'];
  return typeof run === 'string' ? run : '(unknown)';
}
