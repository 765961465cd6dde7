import { hostname, userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { DecisionMessage, GateMessage } from '../../workflows/messages.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import type { LoadedProject } from './project.ts';
import type { Session } from './session.ts';

/** Who speaks, for the run's record. */
export function speaker(): string {
  return `${userInfo().username}@${hostname()}`;
}

/** An update needs a worker to answer; after this long the same is sent as a signal, which waits for one. */
const PATIENCE_MS = 10_000;

/**
 * Sends a message to the run in progress: as an update, whose answer says whether it was taken, else as a signal.
 *
 * @returns what the run answered, or that the message waits for a worker
 * @throws CommandError when the run doesn't take it, or there is no run
 */
export async function sayToRun(session: Session, project: LoadedProject, update: string, signal: string, message: GateMessage | DecisionMessage): Promise<string> {
  const handle = session.client.workflow.getHandle(project.workflowId);
  try {
    const late = new AbortController();
    const answer = await Promise.race([
      handle.executeUpdate<string, [typeof message]>(update, { args: [message] }),
      sleep(PATIENCE_MS, null, { signal: late.signal }).catch(() => null),
    ]).finally(() => late.abort());
    if (answer !== null) return answer;
    await handle.signal(signal, message);
    return 'no worker answers: the message is kept by the server, and taken when a worker is back';
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) throw new CommandError(EXIT.refused, `the run does not take that: ${error.cause?.message ?? error.message}`, 'look with `bactrian status`');
    if (error instanceof WorkflowNotFoundError) throw noOpenRun(project.deployment.name);
    throw error;
  }
}

/** There is nobody to say it to. */
export function noOpenRun(name: string): CommandError {
  return new CommandError(EXIT.usage, `no run of ${name} is in progress`, 'start one with `bactrian upgrade`; `bactrian status` shows how the last one ended');
}
