import { ApplicationFailure, CancellationScope, CancelledFailure, condition, getExternalWorkflowHandle, isCancellation, setCurrentDetails, setHandler, uuid4, workflowInfo } from '@temporalio/workflow';
import type { StepArgs } from '../activities/api.ts';
import { FailureType, NEEDS_A_PERSON } from '../src/plan/failure-types.ts';
import { hostDetails } from './details.ts';
import { failureOf } from './failure.ts';
import { whileHeld, type Hold } from './hold.ts';
import { hostSteps, type HostSteps, type SharedPage } from './host-steps.ts';
import { accessoriesQuery, accessoriesReported, verdictSignal, type AccessoriesReport, type Verdict } from './messages.ts';
import { changing } from './policies.ts';
import type { AccessoryMode, Direction, HostRecord } from './types.ts';

export interface AccessoriesInput {
  run: string;
  runStartedAt: number;
  digest: string;
  direction: Direction;
  hosts: { host: string; accessories: string[] }[];
  mode: AccessoryMode;
  pull: boolean;
  /** Hosts worked on at once. */
  concurrency: number;
  /** Whether the next hosts follow where an accessory has failed. */
  goOn: boolean;
  /** Where the numbers of these steps begin: above those of all earlier steps on any of the hosts. */
  firstSeq: number;
  hold: Hold | null;
}

/** A host and its accessories. */
interface Member {
  host: string;
  accessories: string[];
  steps: HostSteps;
  /** An accessory of it is half way. */
  open: boolean;
  error: unknown;
}

/** The accessory of a host whose turn it is. */
interface Turn {
  member: Member;
  accessory: string;
  args: Omit<StepArgs, 'seq'> & { accessory: string; pull: boolean; replacedSuffix: string };
}

/** Requests are held anew for a reboot that came too late for them; the last time it begins all the same. */
const MOST_TRIES = 3;

/**
 * The accessories of some hosts, one after the other on each host and side by side on all. Each is stopped only when the
 * new container stands ready and requests are held, and the old one is kept until the new one has proved itself. An
 * accessory that doesn't come up is put back, and those after it on its host are left alone.
 *
 * @returns the hosts' records; when it fails they are in the failure's details, when it is cancelled it reports them first
 */
export async function accessories(input: AccessoriesInput): Promise<HostRecord[]> {
  let seq = input.firstSeq;
  const records = () => members.map(({ steps }) => steps.record);
  // One count for all hosts: a host may hold requests for one accessory and carry another.
  const page: SharedPage = { nextSeq: () => seq++, show: () => setCurrentDetails(records().map(hostDetails).join('\n\n')) };
  const members: Member[] = input.hosts.map(({ host, accessories: names }) => ({ host, accessories: names, steps: hostSteps(host, page), open: false, error: null }));
  const base: Omit<StepArgs, 'seq' | 'host'> = { run: input.run, runStartedAt: input.runStartedAt, digest: input.digest, direction: input.direction };
  const verdicts: Verdict[] = [];
  setHandler(accessoriesQuery, records, { description: 'The records of the hosts' });
  setHandler(verdictSignal, (verdict) => void verdicts.push(verdict), { description: 'The fleet: retry, put back' });

  try {
    for (let at = 0; at < members.length; at += input.concurrency) {
      await wave(members.slice(at, at + input.concurrency));
      if (!input.goOn && members.some(({ error }) => error !== null)) break;
    }
  } catch (error) {
    if (!isCancellation(error)) throw error;
    await CancellationScope.nonCancellable(async () => {
      await Promise.all(members.filter(({ open }) => open).map(putBack));
      for (const { steps } of members) if (steps.record.phase === 'accessories') steps.phase('put back');
      await tellFleet({ records: records(), question: null });
    });
    throw new CancelledFailure('accessories stopped');
  }
  const broken = members.find(({ error }) => error !== null);
  if (!broken) return records();
  throw ApplicationFailure.create({
    type: 'AccessoriesNotUpgraded',
    message: `${broken.host}: ${broken.steps.record.failure?.message ?? String(broken.error)}`,
    nonRetryable: true,
    details: [records()],
  });

  async function wave(crowd: Member[]): Promise<void> {
    for (const { steps } of crowd) steps.phase('accessories');
    const most = Math.max(...crowd.map((member) => member.accessories.length));
    for (let round = 0; round < most; round += 1) {
      stopHere();
      const turns = crowd.flatMap((member) => turnOf(member, round) ?? []);
      await (input.mode === 'join' ? CancellationScope.nonCancellable(() => join(turns)) : reboot(turns));
    }
    for (const { steps, error } of crowd) if (error === null) steps.phase('done');
  }

  function turnOf(member: Member, round: number): Turn | null {
    const accessory = member.accessories[round];
    if (accessory === undefined || member.error !== null) return null;
    const replacedSuffix = uuid4().replaceAll('-', '').slice(0, 16);
    return { member, accessory, args: { ...base, host: member.host, accessory, pull: input.pull, replacedSuffix } };
  }

  async function join(turns: Turn[]): Promise<void> {
    const joined = await each(turns, async ({ member, accessory, args }) => {
      await member.steps.run(`join accessory ${accessory}`, (number, options) => changing.joinAccessory.executeWithOptions(options, [{ ...args, seq: number }]));
    });
    await putBackBroken(turns);
    await prune(joined);
  }

  async function reboot(turns: Turn[]): Promise<void> {
    const ready = await prepare(turns);
    stopHere();
    await CancellationScope.nonCancellable(async () => {
      let waiting = ready;
      const swapped: Turn[] = [];
      for (let tries = 1; waiting.length > 0; tries += 1) {
        const late: Turn[] = [];
        await held(waiting, async () => {
          const heldSeconds = input.hold === null || tries === MOST_TRIES ? null : input.hold.seconds;
          swapped.push(...(await each(waiting, (turn) => swap(turn, heldSeconds), late)));
          await putBackBroken(waiting);
        });
        waiting = late;
      }
      const settled = await each(swapped, async ({ member, accessory, args }) => {
        await member.steps.run(`settle accessory ${accessory}`, (number, options) => changing.settleAccessory.executeWithOptions(options, [{ ...args, seq: number }]));
        member.open = false;
      });
      const broken = swapped.filter((turn) => !settled.includes(turn));
      if (broken.length > 0) await held(broken, () => putBackBroken(broken));
    });
  }

  /** @returns those whose reboot is to come: what is there already needs none */
  async function prepare(turns: Turn[]): Promise<Turn[]> {
    const ready: Turn[] = [];
    for (let left = turns; left.length > 0; ) {
      const asking: Turn[] = [];
      const one = async (turn: Turn) => {
        const { member, accessory, args } = turn;
        member.open = true;
        const { unchanged } = await member.steps.run(`prepare accessory ${accessory}`, (number, options) => changing.prepareAccessory.executeWithOptions(options, [{ ...args, seq: number }]));
        if (unchanged) member.open = false;
        else ready.push(turn);
      };
      await each(left, one, asking, (error) => NEEDS_A_PERSON.includes(failureOf('', error).type));
      await putBackBroken(left);
      if (asking.length > 0 && (await ask(asking)) !== 'retry') {
        for (const { member } of asking) member.error = new Error('given up by a person');
        await putBackBroken(asking);
        return ready;
      }
      for (const { member } of asking) member.steps.record.failure = null;
      left = asking;
    }
    return ready;
  }

  async function swap({ member, accessory, args }: Turn, heldSeconds: number | null): Promise<void> {
    await member.steps.run(`reboot accessory ${accessory}`, (number, options) => changing.swapAccessory.executeWithOptions(options, [{ ...args, seq: number, heldSeconds }]));
  }

  async function prune(turns: Turn[]): Promise<void> {
    await each(turns, async ({ member, accessory, args }) => {
      await member.steps.run(`prune accessory ${accessory}`, (number, options) => changing.pruneAccessory.executeWithOptions(options, [{ ...args, seq: number }]));
      member.open = false;
    });
    await putBackBroken(turns);
  }

  /**
   * Works on several hosts at once; one that fails is noted, and keeps no other from its end.
   *
   * @param again gets those whose failure `forNow` takes for one that is tried again
   * @returns those for whom it went well
   */
  async function each(turns: Turn[], act: (turn: Turn) => Promise<void>, again: Turn[] = [], forNow: (error: unknown) => boolean = isLate): Promise<Turn[]> {
    const went = await Promise.allSettled(turns.map(act));
    const cancelled = went.find((result) => result.status === 'rejected' && isCancellation(result.reason));
    if (cancelled?.status === 'rejected') throw cancelled.reason;
    return turns.filter((turn, at) => {
      const result = went[at];
      if (result?.status !== 'rejected') return true;
      if (forNow(result.reason)) again.push(turn);
      else turn.member.error = result.reason;
      if (isLate(result.reason)) turn.member.steps.record.failure = null;
      return false;
    });
  }

  async function held(turns: Turn[], work: () => Promise<void>): Promise<void> {
    const [first] = turns;
    if (first) await whileHeld(input.hold, base, first.member.steps, work);
  }

  async function putBackBroken(turns: Turn[]): Promise<void> {
    await CancellationScope.nonCancellable(() => Promise.all(turns.map(({ member }) => member).filter(({ error, open }) => error !== null && open).map(putBack)));
  }

  async function putBack(member: Member): Promise<void> {
    member.open = false;
    try {
      await member.steps.run('put back', (number, options) => changing.putBack.executeWithOptions(options, [{ ...base, host: member.host, seq: number, journal: 'accessories' }]));
      member.steps.phase('put back');
    } catch {
      member.steps.phase('stuck');
    }
  }

  /** Asks a person what all of these need to know: a shell's environment that is missing, they miss together. */
  async function ask(turns: Turn[]): Promise<Verdict> {
    const [failure] = turns.flatMap(({ member }) => member.steps.record.failure ?? []);
    if (!failure) return 'put back';
    const hosts = turns.map(({ member }) => member.host).join(', ');
    for (const { member } of turns) member.steps.phase('needs you');
    await tellFleet({ records: [], question: { where: hosts, failure } });
    await condition(() => verdicts.length > 0);
    for (const { member } of turns) member.steps.phase('accessories');
    return verdicts.shift() ?? 'put back';
  }
}

/** A database half way between two containers is no place to stop at; between two accessories, or before the first act, is. */
function stopHere(): void {
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('the run was cancelled');
}

function isLate(error: unknown): boolean {
  return failureOf('', error).type === FailureType.holdExpired;
}

/** The fleet may be gone (terminated by hand): that must not keep an accessory from coming to its end. */
async function tellFleet(report: AccessoriesReport): Promise<void> {
  const parent = workflowInfo().parent;
  if (!parent) return;
  await getExternalWorkflowHandle(parent.workflowId)
    .signal(accessoriesReported, report)
    .catch(() => undefined);
}
