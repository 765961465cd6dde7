import { randomBytes } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { TypedSearchAttributes, type SearchAttributePair } from '@temporalio/common';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Direction, FleetInput, RunOptions } from '../../workflows/types.ts';
import type { fleet } from '../../workflows/fleet.ts';
import { keepSnapshot } from '../../activities/project.ts';
import { isDone, type FleetPlan } from '../plan/plan.ts';
import { primaryHostOf } from '../plan/workflow-id.ts';
import { runUrl } from '../temporal/connection.ts';
import { registerSearchAttributes } from '../temporal/register-search-attributes.ts';
import { searchAttributes } from '../../workflows/search-attributes.ts';
import { projectState } from '../temporal/state.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import type { EitherProject } from './project.ts';
import type { Session } from './session.ts';
import { count } from './values.ts';

export interface StartFacts {
  /** A run of ours that is over and whose lock is still there. */
  takeOverLockOf: string | null;
  /** When the plan's look at the hosts began, in milliseconds since the epoch. */
  lookedAt: number;
  skipHooks: boolean;
  importCertificates: boolean;
  direction: Direction;
}

export interface StartedRun {
  workflowId: string;
  runId: string;
  run: string;
  url: string | undefined;
}

/**
 * Starts the run that a plan describes.
 *
 * @throws CommandError when a run of this deployment is open already
 */
export async function startRun(project: EitherProject, session: Session, plan: FleetPlan, options: RunOptions, { takeOverLockOf, lookedAt, skipHooks, importCertificates, direction }: StartFacts): Promise<StartedRun> {
  const { snapshots } = await projectState(project.dir);
  const digest = await keepSnapshot(snapshots, project.snapshot);
  const { deployment, workflowId } = project;
  const run = runName();
  const input: FleetInput = {
    run,
    direction,
    service: deployment.service,
    destination: deployment.destination,
    startedBy: `${userInfo().username}@${hostname()}`,
    digest,
    primaryHost: primaryHostOf(deployment),
    hosts: plan.hosts.map((host) => ({
      host: host.host,
      done: isDone(host),
      strategy: host.strategy,
      importCertificates,
      keepTraefik: host.shared?.becomes === 'moves',
      roles: host.roles.map(({ name, version, runningVersion, imageId, primary, proxied }) => ({ name, version, runningVersion, imageId, primary, proxied })),
      accessories: host.accessories.filter((accessory) => !accessory.there).map((accessory) => accessory.name),
      fingerprint: host.fingerprint,
    })),
    options,
    hooks: skipHooks ? [] : hooksOf(project.snapshot.hooks.present, direction),
    bootLimit: deployment.boot.limit,
    bootWaitSeconds: deployment.boot.wait ?? 0,
    takeOverLockOf,
    lookedAgoMs: Math.max(0, Date.now() - lookedAt),
  };
  const registered = await registerSearchAttributes(session.connection, session.namespace);
  try {
    const handle = await session.client.workflow.start<typeof fleet>('fleet', {
      workflowId,
      taskQueue: session.taskQueue,
      args: [input],
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: `${direction} ${deployment.name} (${count(input.hosts.length, 'host')}) to Kamal ${direction === 'upgrade' ? 2 : 1}`,
      typedSearchAttributes: registered ? attributes(project, direction) : undefined,
      memo: { run, startedBy: input.startedBy },
    });
    return { workflowId, runId: handle.firstExecutionRunId, run, url: runUrl(session, { workflowId, runId: handle.firstExecutionRunId }) };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) throw alreadyRunning(project, session);
    throw error;
  }
}

/** A run of this deployment is open: what to look at instead. */
export function alreadyRunning(project: EitherProject, session: Session): CommandError {
  const url = runUrl(session, { workflowId: project.workflowId });
  return new CommandError(
    EXIT.refused,
    `a run of ${project.deployment.name} is in progress already (${project.workflowId}); nothing was started, no host was touched by this command`,
    `follow it with \`bactrian watch\`${url ? `, or look at ${url}` : ''}`,
  );
}

function attributes({ deployment }: EitherProject, direction: Direction): TypedSearchAttributes {
  const pairs: SearchAttributePair[] = [
    { key: searchAttributes.service, value: deployment.service },
    { key: searchAttributes.direction, value: direction },
    { key: searchAttributes.phase, value: 'connecting' },
    ...(deployment.destination ? [{ key: searchAttributes.destination, value: deployment.destination }] : []),
  ];
  return new TypedSearchAttributes(pairs);
}

/** Hooks by the names of Kamal 2, by which runs ask for them: on the way back Kamal 1's own stand for its gates. */
function hooksOf(present: readonly string[], direction: Direction): string[] {
  return direction === 'upgrade' ? [...present] : [...new Set(present.map((hook) => hook.replace(/^(pre|post)-traefik-reboot$/, '$1-proxy-reboot')))];
}

/** `20261124-220559-3fa9`: sorts by time, and says when it was. */
function runName(): string {
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return `${time}-${randomBytes(2).toString('hex')}`;
}
