import {
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  condition,
  isCancellation,
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
import { attributesOfHost } from './shown.ts';
import type { Failure, FleetInput, HostOrder, HostPhase, HostResult, MeterReading } from './types.ts';

/** A host's workflow as its fleet sees it. */
interface Member {
  /** Null until the server has started it. */
  handle: ChildWorkflowHandle<typeof host> | null;
  phase: HostPhase;
  /** What the host said at its end: a workflow that ends as cancelled can't carry a result in its failure. */
  lastWords: HostResult | null;
  result: HostResult | null;
  /** 1 the first time, 2 after a retry … */
  round: number;
  /** What a canary's soak has seen. */
  soak: MeterReading | null;
}

/**
 * The fleet's host workflows: starts them, hears their reports, sends them on, and knows how each ended.
 */
export interface Crew {
  /** Begins with a host, or begins anew with one that has ended. */
  start(order: HostOrder): Promise<void>;
  send(hosts: HostOrder[], verdict: Verdict): Promise<void>;
  /** Resolves when each of the hosts has reached the phase or has ended. */
  reached(hosts: HostOrder[], phase: HostPhase): Promise<void>;
  /** Resolves when at least one has reached the phase or is done, or all have ended. */
  oneReached(hosts: HostOrder[], phase: HostPhase): Promise<void>;
  ended(hosts: HostOrder[]): Promise<void>;
  /** Resolves when the host waits for a verdict or has ended. */
  atRest(order: HostOrder): Promise<void>;
  /** Those of the hosts whose workflow stands in this phase. */
  inPhase(hosts: HostOrder[], phase: HostPhase): HostOrder[];
  /** Those of the hosts that have ended, and not on the target generation. */
  failed(hosts: HostOrder[]): HostOrder[];
  /** Those of the hosts that serve on the target generation by now: verified, or done. */
  made(hosts: HostOrder[]): HostOrder[];
  result(order: HostOrder): HostResult;
  soak(order: HostOrder): MeterReading | null;
  /** All hosts that were ever started, for the end of a cancelled run. */
  started(): HostOrder[];
}

export function gatherCrew(input: FleetInput, runStartedAt: number, desk: Desk): Crew {
  const members = new Map<string, Member>();
  /** Hosts that wait for a person, with what they need. */
  const asking = new Map<string, Failure>();
  let settling = false;

  setHandler(hostReported, (report) => {
    const member = members.get(report.host);
    if (!member || member.result) return;
    setPhase(report.host, member, report.phase);
    if (report.soak) member.soak = report.soak;
    if (report.result) member.lastWords = report.result;
    if (report.question) {
      asking.set(report.host, report.question);
      if (!settling) void settle();
      else showAskers();
    }
  });

  /**
   * Asks what hosts need to know at the run's desk. Hosts that need the same thing get the same answer: where a shell's
   * environment is missing, all of them miss it.
   */
  async function settle(): Promise<void> {
    settling = true;
    try {
      for (let [question] = asking.values(); question; [question] = asking.values()) {
        const decision = await desk.ask(askersOf(question), question, ['retry', 'abort']);
        for (const name of asking.keys()) {
          if (asking.get(name)?.type !== question.type) continue;
          asking.delete(name);
          await send(members.get(name), decision === 'retry' ? 'retry' : 'put back');
        }
      }
    } catch (error) {
      // A cancelled run asks nothing any more: its hosts are cancelled too, and put themselves back.
      if (!isCancellation(error)) throw error;
      asking.clear();
    } finally {
      settling = false;
    }
  }

  const askersOf = (question: Failure) => [...asking].filter(([, each]) => each.type === question.type).map(([name]) => name).join(', ');

  function showAskers(): void {
    const { question } = desk.record;
    if (question && askersOf(question.failure) !== '') question.where = askersOf(question.failure);
    desk.show();
  }

  function setPhase(name: string, member: Member, phase: HostPhase): void {
    member.phase = phase;
    const line = desk.record.hosts.find((each) => each.host === name);
    if (line) line.phase = phase;
    desk.show();
  }

  async function start(order: HostOrder): Promise<void> {
    const fleetId = workflowInfo().workflowId;
    const round = (members.get(order.host)?.round ?? 0) + 1;
    const workflowId = `${fleetId}/${input.run}/${order.host}${round > 1 ? `/${round}` : ''}`;
    // Known before it is started: a run that is cancelled meanwhile waits for this host's end, too.
    const member: Member = { handle: null, phase: 'waiting', lastWords: null, result: null, round, soak: null };
    members.set(order.host, member);
    try {
      member.handle = await startChild(host, {
        workflowId,
        args: [{ run: input.run, runStartedAt, digest: input.digest, direction: input.direction, order, round, options: input.options }],
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        staticSummary: `${input.direction} ${order.host}`,
        typedSearchAttributes: attributesOfHost(order.host),
      });
    } catch (error) {
      end(order, member, isCancellation(error) ? neverStarted(order) : lostHost(order, error));
      throw error;
    }
    const line = desk.record.hosts.find((each) => each.host === order.host);
    if (line) line.workflowId = workflowId;
    void member.handle.result().then(
      (result) => end(order, member, result),
      (error: unknown) => end(order, member, resultIn(error) ?? member.lastWords ?? lostHost(order, error)),
    );
  }

  function end(order: HostOrder, member: Member, result: HostResult): void {
    member.result = result;
    asking.delete(order.host);
    setPhase(order.host, member, result.outcome);
  }

  /** A host that has ended in the meantime needs no verdict: the news of its end is on its way. */
  async function send(member: Member | undefined, verdict: Verdict): Promise<void> {
    if (!member?.handle || member.result) return;
    await member.handle.signal(verdictSignal, verdict).catch((error: unknown) => {
      if (isCancellation(error)) throw error;
    });
  }

  const of = (order: HostOrder) => members.get(order.host);
  const isOver = (order: HostOrder) => of(order)?.result != null;
  const isDone = (order: HostOrder) => of(order)?.result?.outcome === 'done';
  const isIn = (phase: HostPhase) => (order: HostOrder) => of(order)?.phase === phase;

  return {
    start,
    async send(hosts, verdict) {
      await Promise.all(hosts.map((order) => send(of(order), verdict)));
    },
    reached: (hosts, phase) => condition(() => hosts.every((order) => isOver(order) || isIn(phase)(order))),
    oneReached: (hosts, phase) => condition(() => hosts.some((order) => isIn(phase)(order) || isDone(order)) || hosts.every(isOver)),
    ended: (hosts) => condition(() => hosts.every((order) => !of(order) || isOver(order))),
    atRest: (order) => condition(() => isOver(order) || isIn('proven')(order) || isIn('verified')(order)),
    inPhase: (hosts, phase) => hosts.filter(isIn(phase)),
    made: (hosts) => hosts.filter((order) => isIn('verified')(order) || isDone(order)),
    failed: (hosts) => hosts.filter((order) => isOver(order) && of(order)?.result?.outcome !== 'done'),
    result: (order) => of(order)?.result ?? neverStarted(order),
    soak: (order) => of(order)?.soak ?? null,
    started: () => input.hosts.filter((order) => members.has(order.host)),
  };
}

function neverStarted(order: HostOrder): HostResult {
  return { host: order.host, round: 1, phase: 'unchanged', steps: [], failure: null, meter: null, soak: null, outcome: 'unchanged', alreadyThere: false };
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
