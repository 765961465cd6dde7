import { activityInfo, cancellationSignal } from '@temporalio/activity';
import type { AccessoryArgs, Activities, AnswersNotes, HoldArgs, HookArgs, LockArgs, MeterArgs, ProbeArgs, PutBackArgs, StepArgs, StepNotes, SwapAccessoryArgs } from '../../activities/api.ts';
import { FailureType } from '../../src/plan/failure-types.ts';
import type { ProbeReport } from '../../src/plan/facts.ts';
import type { FleetResult, MeterReading } from '../../workflows/types.ts';
import { fails } from './behaviours.ts';

export { alive, FakeGate, fails, passes, untilCancelled } from './behaviours.ts';

/** One attempt of one activity. `began` and `ended` are ticks of a clock that only counts. */
export interface Call {
  activity: keyof Activities;
  /** The host; for a hook its name; for the report the run. */
  where: string;
  /** The role or accessory, the hook's hosts, the journal that is undone. */
  what: string;
  attempt: number;
  began: number;
  ended: number | null;
}

/** What a test makes of a call: throw to fail, wait to hang, return to go on. */
export type Behaviour = (call: Call) => Promise<void> | void;

/** What nobody may stop half way: not even a run that is cancelled. */
const TO_THE_END: readonly (keyof Activities)[] = ['cutOver', 'pruneHost', 'putBack', 'swapAccessory', 'settleAccessory', 'joinAccessory', 'pruneAccessory', 'holdRequests', 'letRequestsThrough', 'releaseLock'];

/** What a fake host went through since it was last as it was before the run. */
interface FakeHost {
  prepared: boolean;
  proved: string[];
  cutOver: boolean;
  replaced: string[];
  pruned: boolean;
  /** The accessory whose new container stands ready. */
  ready: string | null;
  /** Requests wait at its proxy. */
  held: boolean;
  lastSeq: number;
  busy: string | null;
}

/**
 * Stands in for the hosts of one run beneath workflow tests: keeps the order of all calls, fails or hangs as told, and
 * notes whatever no real host should ever be asked to do (`violations`).
 */
export class FakeHosts implements Activities {
  readonly calls: Call[] = [];
  readonly violations: string[] = [];
  readonly reports: FleetResult[] = [];
  lockedBy: string | null = null;
  /** Accessories that are in the new network already. */
  readonly there = new Set<string>();
  readonly #hosts = new Map<string, FakeHost>();
  readonly #behaviours: { activity: keyof Activities; where: string | null; behaviour: Behaviour }[] = [];
  readonly #waiting: { test: () => boolean; resolve: () => void }[] = [];
  readonly #seen = new Map<string, Partial<MeterReading>>();
  #tick = 0;

  /** Makes an activity behave; on all hosts when none is named. A later word counts more than an earlier one. */
  when(activity: keyof Activities, where: string | null, behaviour: Behaviour): this {
    this.#behaviours.unshift({ activity, where, behaviour });
    return this;
  }

  /** Resolves when such a call has begun. */
  began(activity: keyof Activities, where: string, attempt = 1): Promise<void> {
    return this.#until(() => this.calls.some((call) => call.activity === activity && call.where === where && call.attempt >= attempt));
  }

  /** Calls as `activity where what`, in the order in which they began. */
  order(...activities: (keyof Activities)[]): string[] {
    const wanted = this.calls.filter(({ activity }) => activities.length === 0 || activities.includes(activity));
    return wanted.map(({ activity, where, what }) => [activity, where, what].filter((word) => word !== '').join(' '));
  }

  /** Those calls of an activity, on one host or on all. */
  of(activity: keyof Activities, where?: string): Call[] {
    return this.calls.filter((call) => call.activity === activity && (where === undefined || call.where === where));
  }

  /** True when the host is as it was before the run began, or as it was put back. */
  isUntouched(host: string): boolean {
    const { prepared, proved, cutOver, replaced, pruned } = this.#host(host);
    return !prepared && proved.length === 0 && !cutOver && replaced.length === 0 && !pruned;
  }

  isUpgraded(host: string): boolean {
    return this.#host(host).pruned;
  }

  /** Hosts whose requests wait, and would wait on after the run. */
  held(): string[] {
    return [...this.#hosts].filter(([, { held }]) => held).map(([name]) => name);
  }

  /** The most hosts on which something was under way at the same time, by these activities. */
  mostAtOnce(...activities: (keyof Activities)[]): number {
    const edges = this.calls
      .filter(({ activity }) => activities.includes(activity))
      .flatMap((call) => [{ at: call.began, step: 1 }, { at: call.ended ?? Infinity, step: -1 }])
      .sort((a, b) => a.at - b.at);
    let now = 0;
    return edges.reduce((most, { step }) => Math.max(most, (now += step)), 0);
  }

  async probeHost({ host, fingerprint }: ProbeArgs): Promise<ProbeReport> {
    await this.#call('probeHost', host, '', () => undefined);
    return { host, generation: 'kamal1', dockerVersion: '27.5.1', fingerprint };
  }

  async runHook({ hook, hosts, locked }: HookArgs): Promise<StepNotes> {
    if (locked !== (this.lockedBy !== null)) this.violations.push(`the hook ${hook} was told locked=${locked}`);
    return await this.#call('runHook', hook, hosts.join(','), () => undefined);
  }

  async acquireLock({ host, run }: LockArgs): Promise<StepNotes> {
    return await this.#call('acquireLock', host, '', () => {
      if (this.lockedBy !== null && this.lockedBy !== run) throw fails(FailureType.lockHeld, 'the deploy lock is held');
      this.lockedBy = run;
    });
  }

  async releaseLock({ host, run }: StepArgs): Promise<StepNotes> {
    return await this.#call('releaseLock', host, '', () => {
      if (this.#someoneIsBusy()) this.violations.push('the lock was released while a host was worked on');
      if (this.lockedBy === run) this.lockedBy = null;
    });
  }

  async prepareHost(args: StepArgs): Promise<StepNotes> {
    return await this.#step('prepareHost', args, '', (host) => {
      host.prepared = true;
    });
  }

  async proveRole(args: StepArgs & { role: { name: string } }): Promise<StepNotes> {
    return await this.#step('proveRole', args, args.role.name, (host) => {
      if (!host.prepared) this.violations.push(`${args.host}: ${args.role.name} was booted before the host was prepared`);
      host.proved.push(args.role.name);
    });
  }

  async compareAnswers(args: Omit<StepArgs, 'seq'>): Promise<AnswersNotes> {
    return { ...(await this.#call('compareAnswers', args.host, '', () => undefined)), known: [] };
  }

  async cutOver(args: StepArgs): Promise<StepNotes> {
    return await this.#step('cutOver', args, '', (host) => {
      host.cutOver = true;
    });
  }

  async stopOldRole(args: StepArgs & { role: { name: string } }): Promise<StepNotes> {
    return await this.#step('stopOldRole', args, args.role.name, (host) => {
      if (!host.cutOver || !host.proved.includes(args.role.name)) this.violations.push(`${args.host}: the old ${args.role.name} was stopped while it served`);
    });
  }

  async replaceRole(args: StepArgs & { role: { name: string } }): Promise<StepNotes> {
    return await this.#step('replaceRole', args, args.role.name, (host) => {
      host.replaced.push(args.role.name);
    });
  }

  async verifyHost(args: StepArgs): Promise<StepNotes> {
    return await this.#call('verifyHost', args.host, '', () => undefined, true);
  }

  /** Ends at once, unless it is told to go on: a clock that skips ahead stands still while anything runs. */
  async meterHost(args: MeterArgs): Promise<MeterReading> {
    await this.#call('meterHost', args.host, args.seconds === null ? '' : `${args.seconds} s`, () => undefined);
    return { from: args.from, url: `http://${args.host}/up`, sent: 10, lost: 0, longestGapMs: 0, unwatchedMs: 0, why: null, ...this.#seen.get(args.host) };
  }

  /** Makes a host's meter see this. */
  seesFromOutside(host: string, seen: Partial<MeterReading>): this {
    this.#seen.set(host, seen);
    return this;
  }

  async pruneHost(args: StepArgs): Promise<StepNotes> {
    return await this.#step('pruneHost', args, '', (host) => {
      host.pruned = true;
    });
  }

  async putBack(args: PutBackArgs): Promise<StepNotes> {
    return await this.#step('putBack', args, args.journal, (host) => {
      if (args.journal === 'accessories') return;
      if (host.pruned) this.violations.push(`${args.host} was put back after it was pruned`);
      Object.assign(host, untouched(), { lastSeq: args.seq, busy: host.busy });
    });
  }

  async prepareAccessory(args: AccessoryArgs): Promise<StepNotes> {
    const notes = await this.#step('prepareAccessory', args, args.accessory, (host) => {
      host.ready = args.accessory;
    });
    return { ...notes, unchanged: this.there.has(args.accessory) };
  }

  async swapAccessory(args: SwapAccessoryArgs): Promise<StepNotes> {
    return await this.#step('swapAccessory', args, args.accessory, (host) => {
      if (host.ready !== args.accessory) this.violations.push(`${args.host}: ${args.accessory} was stopped while nothing stood ready`);
    });
  }

  async settleAccessory(args: AccessoryArgs): Promise<StepNotes> {
    return await this.#step('settleAccessory', args, args.accessory, () => undefined);
  }

  async joinAccessory(args: AccessoryArgs): Promise<StepNotes> {
    return await this.#step('joinAccessory', args, args.accessory, () => undefined);
  }

  async holdRequests(args: HoldArgs): Promise<StepNotes> {
    return await this.#step('holdRequests', args, '', (host) => {
      if (!host.pruned) this.violations.push(`${args.host} was to hold requests before kamal-proxy served it`);
      host.held = true;
    });
  }

  async letRequestsThrough(args: StepArgs): Promise<StepNotes> {
    return await this.#step('letRequestsThrough', args, '', (host) => {
      host.held = false;
    });
  }

  async pruneAccessory(args: AccessoryArgs): Promise<StepNotes> {
    return await this.#step('pruneAccessory', args, args.accessory, () => undefined);
  }

  async writeReport({ result }: { result: FleetResult }): Promise<{ file: string }> {
    await this.#call('writeReport', result.run, '', () => undefined);
    this.reports.push(result);
    return { file: `/fake/${result.run}.json` };
  }

  /** A step that changes its host: never without the deploy lock, and never two at once on one host. */
  async #step(activity: keyof Activities, args: StepArgs, what: string, act: (host: FakeHost) => void): Promise<StepNotes> {
    const host = this.#host(args.host);
    if (this.lockedBy !== args.run) this.violations.push(`${activity} on ${args.host} without the deploy lock`);
    if (host.busy !== null) this.violations.push(`${activity} on ${args.host} while ${host.busy} was under way`);
    if (args.seq < host.lastSeq) this.violations.push(`${activity} on ${args.host} has the number ${args.seq} after ${host.lastSeq}`);
    host.lastSeq = args.seq;
    host.busy = activity;
    try {
      return await this.#call(activity, args.host, what, () => act(host));
    } finally {
      host.busy = null;
    }
  }

  async #call(activity: keyof Activities, where: string, what: string, act: () => void, unchanged = false): Promise<StepNotes> {
    const call: Call = { activity, where, what, attempt: activityInfo().attempt, began: this.#now(), ended: null };
    this.calls.push(call);
    this.#wake();
    try {
      const behaviour = this.#behaviours.find((each) => each.activity === activity && (each.where ?? where) === where);
      await behaviour?.behaviour(call);
      if (TO_THE_END.includes(activity) && cancellationSignal().aborted) this.violations.push(`${activity} on ${where} was cancelled half way`);
      act();
      return { notes: [], unchanged };
    } finally {
      call.ended = this.#now();
      this.#wake();
    }
  }

  #host(name: string): FakeHost {
    const host = this.#hosts.get(name) ?? untouched();
    this.#hosts.set(name, host);
    return host;
  }

  #someoneIsBusy(): boolean {
    return [...this.#hosts.values()].some(({ busy }) => busy !== null);
  }

  #now(): number {
    this.#tick += 1;
    return this.#tick;
  }

  #until(test: () => boolean): Promise<void> {
    if (test()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ test, resolve }));
  }

  #wake(): void {
    const ready = this.#waiting.filter(({ test }) => test());
    for (const each of ready) {
      this.#waiting.splice(this.#waiting.indexOf(each), 1);
      each.resolve();
    }
  }
}

function untouched(): FakeHost {
  return { prepared: false, proved: [], cutOver: false, replaced: [], pruned: false, ready: null, held: false, lastSeq: 0, busy: null };
}
