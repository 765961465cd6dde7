import {
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  condition,
  ParentClosePolicy,
  setHandler,
  startChild,
  workflowInfo,
  type ChildWorkflowHandle,
} from '@temporalio/workflow';
import type { Desk } from './desk.ts';
import { failureOf } from './failure.ts';
import { host } from './host.ts';
import { hostReported, verdictSignal, type Verdict } from './messages.ts';
import type { Failure, FleetInput, HostOrder, HostPhase, HostResult } from './types.ts';

/** A host's workflow as its fleet sees it. */
interface Member {
  handle: ChildWorkflowHandle<typeof host>;
  result: HostResult | null;
}

/**
 * The fleet's host workflows: starts them, hears their reports, sends them on, and knows how each ended.
 */
export interface Crew {
  start(order: HostOrder): Promise<void>;
  send(hosts: HostOrder[], verdict: Verdict): Promise<void>;
  /** Resolves when each of the hosts has reached the phase or has ended. */
  reached(hosts: HostOrder[], phase: HostPhase): Promise<void>;
  /** Resolves when at least one has reached the phase, or all have ended. */
  oneReached(hosts: HostOrder[], phase: HostPhase): Promise<void>;
  ended(hosts: HostOrder[]): Promise<void>;
  /** Resolves when the host waits for a verdict or has ended. */
  atRest(order: HostOrder): Promise<void>;
  /** Those of the hosts whose workflow stands in this phase. */
  inPhase(hosts: HostOrder[], phase: HostPhase): HostOrder[];
  failed(hosts: HostOrder[]): HostOrder[];
  result(order: HostOrder): HostResult;
  /** All hosts that were ever started, for the end of a cancelled run. */
  started(): HostOrder[];
}

export function gatherCrew(input: FleetInput, runStartedAt: number, desk: Desk): Crew {
  const members = new Map<string, Member>();

  // A host's first reports may be handled before its start is: they are kept apart from the members.
  const phases = new Map<string, HostPhase>();

  setHandler(hostReported, (report) => {
    if (!members.get(report.host)?.result) setPhase(report.host, report.phase);
    if (report.question) void settle(report.host, report.question);
  });

  /** A host's question is asked at the run's desk, and the answer goes back to that host. */
  async function settle(name: string, question: Failure): Promise<void> {
    await condition(() => desk.record.question === null && members.has(name));
    const decision = await desk.ask(name, question, ['retry', 'abort']);
    await members.get(name)?.handle.signal(verdictSignal, decision === 'retry' ? 'retry' : 'put back');
  }

  function setPhase(name: string, phase: HostPhase): void {
    phases.set(name, phase);
    const line = desk.record.hosts.find((each) => each.host === name);
    if (line) line.phase = phase;
    desk.show();
  }

  async function start(order: HostOrder): Promise<void> {
    const fleetId = workflowInfo().workflowId;
    const workflowId = `${fleetId}/${input.run}/${order.host}`;
    const handle = await startChild(host, {
      workflowId,
      args: [{ run: input.run, runStartedAt, digest: input.digest, direction: input.direction, strategy: input.options.strategy, order }],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      staticSummary: `${input.direction} ${order.host}`,
      typedSearchAttributes: workflowInfo().typedSearchAttributes,
    });
    const member: Member = { handle, result: null };
    members.set(order.host, member);
    const line = desk.record.hosts.find((each) => each.host === order.host);
    if (line) line.workflowId = workflowId;
    void handle.result().then(
      (result) => end(order, member, result),
      (error: unknown) => end(order, member, resultIn(error) ?? lostHost(order, error)),
    );
  }

  function end(order: HostOrder, member: Member, result: HostResult): void {
    member.result = result;
    setPhase(order.host, result.outcome);
  }

  const of = (order: HostOrder) => members.get(order.host);
  const isOver = (order: HostOrder) => of(order)?.result != null;
  const isIn = (phase: HostPhase) => (order: HostOrder) => phases.get(order.host) === phase;

  return {
    start,
    async send(hosts, verdict) {
      await Promise.all(hosts.filter((order) => !isOver(order)).map((order) => of(order)?.handle.signal(verdictSignal, verdict)));
    },
    reached: (hosts, phase) => condition(() => hosts.every((order) => isOver(order) || isIn(phase)(order))),
    oneReached: (hosts, phase) => condition(() => hosts.some(isIn(phase)) || hosts.every(isOver)),
    ended: (hosts) => condition(() => hosts.every((order) => !of(order) || isOver(order))),
    atRest: (order) => condition(() => isOver(order) || isIn('proven')(order) || isIn('verified')(order)),
    inPhase: (hosts, phase) => hosts.filter(isIn(phase)),
    failed: (hosts) => hosts.filter((order) => isOver(order) && of(order)?.result?.outcome !== 'done'),
    result: (order) => of(order)?.result ?? neverStarted(order),
    started: () => input.hosts.filter((order) => members.has(order.host)),
  };
}

function neverStarted(order: HostOrder): HostResult {
  return { host: order.host, phase: 'unchanged', steps: [], failure: null, outcome: 'unchanged', alreadyThere: false };
}

/** The result that a host workflow put into its failure. */
function resultIn(error: unknown): HostResult | null {
  const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure || cause instanceof CancelledFailure) return (cause.details?.[0] as HostResult | undefined) ?? null;
  return null;
}

/** A host workflow that ended without a result: terminated by hand, or never let in. Nobody knows how far it got. */
function lostHost(order: HostOrder, error: unknown): HostResult {
  return { ...neverStarted(order), phase: 'stuck', outcome: 'stuck', failure: failureOf('host workflow', error) };
}
