import { condition, setCurrentDetails, setHandler, workflowInfo } from '@temporalio/workflow';
import { fleetDetails } from './details.ts';
import {
  approveSignal,
  approveUpdate,
  fleetQuery,
  putBackAllSignal,
  rejectSignal,
  rejectUpdate,
  resumeSignal,
  resumeUpdate,
  type DecisionMessage,
  type GateMessage,
} from './messages.ts';
import { showPhase } from './shown.ts';
import type { Decision, Failure, FleetInput, FleetPhase, FleetRecord, Gate } from './types.ts';

/**
 * Where people and the run meet: it takes approvals, rejections and decisions, keeps who said what, and shows what the
 * run waits for. One gate or question is open at a time.
 */
export interface Desk {
  readonly record: FleetRecord;
  phase(phase: FleetPhase): void;
  /** Redraws the run's page after the record has changed. */
  show(): void;
  /** Waits at a gate if it was asked for; resolves to false when it was rejected or nobody answered in time. */
  gate(gate: Gate, hosts: string[]): Promise<boolean>;
  /** Milliseconds that the run has waited for people so far. */
  waited(): number;
  /** True once somebody wants whatever can be put back to be, however the run ends. */
  wantsAllBack(): boolean;
  /** Asks a person and waits for as long as it takes. */
  ask(where: string, failure: Failure, choices: Decision[]): Promise<Decision>;
}

export function openDesk(input: FleetInput): Desk {
  const record: FleetRecord = {
    run: input.run,
    phase: 'connecting',
    gate: null,
    question: null,
    hosts: input.hosts.map(({ host }) => ({ host, phase: 'waiting', workflowId: null })),
    accessories: [],
    said: [],
    failure: null,
    result: null,
  };
  let answer: 'approved' | 'rejected' | null = null;
  let decision: Decision | null = null;
  let waited = 0;
  let allBack = false;

  const show = () => setCurrentDetails(fleetDetails(record, workflowInfo().workflowId));
  const note = (what: string, message: { by?: string; why?: string } | undefined) =>
    record.said.push({ at: Date.now(), what, by: message?.by ?? 'unknown (a plain signal)', why: message?.why ?? null });

  /** Why a message can't be taken now; null when it can. Signals skip update validators, so handlers ask again. */
  const gateProblem = (message: GateMessage | undefined): string | null => {
    if (!record.gate || answer) return 'no gate is waiting for an answer';
    if (message?.gate && message.gate !== record.gate.gate) return `the gate that waits is '${record.gate.gate}', not '${message.gate}'`;
    return null;
  };
  const decisionProblem = (message: DecisionMessage | undefined): string | null => {
    if (!record.question || decision) return 'the run asks nothing just now';
    const wanted = message?.decision;
    return wanted === undefined || record.question.choices.includes(wanted) ? null : `it can be answered with ${record.question.choices.join(', ')}, not with '${wanted}'`;
  };
  const answerGate = (to: 'approved' | 'rejected') => (message: GateMessage | undefined) => {
    const problem = gateProblem(message);
    if (problem) {
      note(`${to}, not taken: ${problem}`, message);
      return problem;
    }
    const text = `${to} the gate ${record.gate?.gate} for ${record.gate?.hosts.join(', ')}`;
    answer = to;
    note(text, message);
    return text;
  };
  const decide = (message: DecisionMessage | undefined) => {
    const problem = decisionProblem(message);
    if (problem) {
      note(`resume, not taken: ${problem}`, message);
      return problem;
    }
    decision = message?.decision ?? record.question?.choices[0] ?? 'abort';
    allBack ||= decision === 'abort' && message?.putBackAll === true;
    note(`${decision}: ${record.question?.where}`, message);
    return `${record.question?.where}: ${decision}`;
  };
  const validator = <M>(problem: (message: M) => string | null) => (message: M) => {
    const text = problem(message);
    if (text) throw new Error(text);
  };

  setHandler(approveUpdate, answerGate('approved'), { validator: validator(gateProblem), description: 'Approve the gate that waits' });
  setHandler(rejectUpdate, answerGate('rejected'), { validator: validator(gateProblem), description: 'Reject the gate that waits' });
  setHandler(resumeUpdate, decide, { validator: validator(decisionProblem), description: 'Answer what the run asks: retry, skip, go-on, abort' });
  setHandler(approveSignal, (message) => void answerGate('approved')(message), { description: 'Approve the gate that waits' });
  setHandler(rejectSignal, (message) => void answerGate('rejected')(message), { description: 'Reject the gate that waits' });
  setHandler(resumeSignal, (message) => void decide(message), { description: 'Answer what the run asks: {"decision": "retry"}' });
  setHandler(putBackAllSignal, (message) => {
    allBack = true;
    note('put back all that can be', message);
  }, { description: 'However the run ends: put back each host that is not pruned yet' });
  setHandler(fleetQuery, () => record, { description: 'The record of the run' });

  const phase = (to: FleetPhase) => {
    record.phase = to;
    show();
    showPhase(to);
  };

  return {
    record,
    phase,
    show,
    waited: () => waited,
    wantsAllBack: () => allBack,
    async gate(gate, hosts) {
      if (!input.options.approve.includes(gate)) return true;
      const before = record.phase;
      answer = null;
      record.gate = { gate, hosts, since: Date.now() };
      phase('waiting for approval');
      try {
        const inTime = await condition(() => answer !== null, input.options.approvalTimeoutSeconds * 1000);
        if (!inTime) record.said.push({ at: Date.now(), what: `nobody answered the gate ${gate} in time: rejected`, by: 'bactrian', why: null });
      } finally {
        // Also when the run is cancelled meanwhile: nothing waits here any more.
        waited += Date.now() - record.gate.since;
        record.gate = null;
        phase(before);
      }
      return answer === 'approved';
    },
    async ask(where, failure, choices) {
      while (record.question) await condition(() => record.question === null);
      decision = null;
      record.question = { where, failure, choices };
      const since = Date.now();
      show();
      try {
        await condition(() => decision !== null);
      } finally {
        waited += Date.now() - since;
        record.question = null;
        show();
      }
      return decision ?? 'abort';
    },
  };
}
