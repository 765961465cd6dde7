import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  ChildWorkflowFailure,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  ChildWorkflowCancellationType,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { FailureType, type HookName, type StepArgs } from '../activities/api.ts';
import { MOST_HOSTS } from '../src/plan/limits.ts';
import { accessories } from './accessories.ts';
import { gatherCrew } from './crew.ts';
import { openDesk } from './desk.ts';
import { failureOf } from './failure.ts';
import { runHook } from './hook.ts';
import { changing, looking, reporting } from './policies.ts';
import { attributesOfHost } from './shown.ts';
import type { Failure, FleetInput, FleetResult, HostOrder, HostRecord } from './types.ts';
import { leadersOf, primaryIsProved, wavesOf } from './waves.ts';

/** Step numbers on the primary host: the lock before all host steps, its release after all of them. */
const LOCK_STEP = 10;
const LAST_LOCK_STEP = 99;
const UNLOCK_STEP = 900;

/** No wave takes this long while it is awake: what it does on a host is bounded to a quarter of it. */
const LONG_SLEEP_MS = 60 * 60_000;

/**
 * A run: one upgrade of a deployment's fleet. Probes, waits at the first gate, takes the deploy lock, sends the hosts
 * through in waves, and releases the lock however it ends.
 */
export async function fleet(input: FleetInput): Promise<FleetResult> {
  const runStartedAt = workflowInfo().startTime.getTime();
  const desk = openDesk(input);
  const crew = gatherCrew(input, runStartedAt, desk);
  const base: Omit<StepArgs, 'seq' | 'host'> = { run: input.run, runStartedAt, digest: input.digest, direction: input.direction };
  const accessoryRecords: HostRecord[] = [];
  const names = (orders: HostOrder[]) => orders.map((order) => order.host);
  const work = input.hosts.filter((order) => !order.done || order.accessories.length > 0);
  let locked = false;
  let slept = 0;

  if (input.hosts.length > MOST_HOSTS) {
    throw ApplicationFailure.nonRetryable(`${input.hosts.length} hosts in one run; at most ${MOST_HOSTS} are taken: name a part of them with -h`, 'TooManyHosts');
  }

  let outcome: FleetResult['outcome'] = 'done';
  try {
    if (work.length === 0) await verifyOnly();
    else outcome = await upgradeAll();
  } catch (error) {
    // A cancelled host or accessory alone makes no cancelled run.
    outcome = CancellationScope.current().consideredCancelled ? 'cancelled' : 'failed';
    if (outcome === 'failed') desk.record.failure ??= failureOf(desk.record.phase, error);
  }
  return await CancellationScope.nonCancellable(() => finish(outcome));

  async function verifyOnly(): Promise<void> {
    desk.phase('working');
    for (const wave of wavesOf(input.hosts, input.options, null)) {
      await Promise.all(wave.map((order) => crew.start(order)));
      await crew.ended(wave);
      failIfAny(wave);
    }
  }

  async function upgradeAll(): Promise<'done' | 'rejected'> {
    await hook('pre-connect', input.hosts, false);
    desk.phase('probing');
    await probe();
    const waves = wavesOf(input.hosts.filter((order) => order.roles.length > 0), input.options, input.bootLimit);
    // Kamal's grouping: gates and hooks speak of all hosts at once, or of one host at a time when rolling.
    for (const group of input.options.rolling ? rollingGroups() : [{ hosts: input.hosts, waves }]) {
      if (!(await desk.gate('pre', names(group.hosts)))) return 'rejected';
      await lockOnce();
      await hook('pre-proxy-reboot', group.hosts, true);
      desk.phase('working');
      for (const wave of group.waves) await runWave(wave);
      const members = group.waves.flat();
      if (!(await desk.gate('post', names(group.hosts)))) {
        await putBack(members);
        return 'rejected';
      }
      await hook('post-proxy-reboot', group.hosts, true, members);
      for (const wave of group.waves) {
        await crew.send(wave, 'finish');
        await crew.ended(wave);
      }
      failIfAny(members);
      await upgradeAccessories(group.hosts);
    }
    return 'done';
  }

  function rollingGroups(): { hosts: HostOrder[]; waves: HostOrder[][] }[] {
    return input.hosts.map((order) => ({ hosts: [order], waves: order.roles.length > 0 ? [[order]] : [] }));
  }

  async function look(order: HostOrder): Promise<void> {
    try {
      await looking.probeHost.executeWithOptions({ summary: `look at ${order.host}` }, [{ ...base, host: order.host, fingerprint: order.fingerprint }]);
    } catch (error) {
      if (!isCancellation(error)) desk.record.failure ??= failureOf(`${order.host}: probe`, error);
      throw error;
    }
  }

  async function probe(): Promise<void> {
    await Promise.all(input.hosts.map(look));
  }

  /** The lock comes after the first approval, since nobody knows how long that takes; then all is looked at again. */
  async function lockOnce(): Promise<void> {
    if (locked) return;
    desk.phase('locking');
    // From the request on the lock may be ours, whatever happens to the answer.
    locked = true;
    await acquireLock();
    await probe();
  }

  /**
   * A wave that took an hour took it asleep: the laptop was shut, the network gone. The world may have moved on, so
   * the hosts that are left are looked at again, and a person is asked before the next of them is touched.
   */
  async function askAfterSleep(wave: HostOrder[]): Promise<void> {
    if (slept < LONG_SLEEP_MS) return;
    const minutes = Math.round(slept / 60_000);
    slept = 0;
    await Promise.all(wave.map(look));
    const message = `the run stood still for about ${minutes} minutes; ${wave.map((order) => order.host).join(', ')} would be next`;
    const decision = await desk.ask('after a long sleep', { step: 'after a long sleep', type: 'LongSleep', message, logFile: null, hint: null }, ['retry', 'abort']);
    if (decision === 'abort') throw ApplicationFailure.nonRetryable(message, 'LongSleep');
  }

  /** (Kamal 2.12: `--lock-wait`, `--lock-wait-timeout`, `--lock-wait-interval`.) */
  async function acquireLock(): Promise<void> {
    const { lockWait } = input.options;
    const until = Date.now() + (lockWait?.timeout ?? 0) * 1000;
    for (let seq = LOCK_STEP; ; seq = Math.min(seq + 1, LAST_LOCK_STEP)) {
      try {
        await changing.acquireLock.executeWithOptions({ summary: `deploy lock on ${input.primaryHost}` }, [
          { ...base, host: input.primaryHost, seq, takeOverLockOf: input.takeOverLockOf },
        ]);
        return;
      } catch (error) {
        if (!lockWait || failureOf('lock', error).type !== FailureType.lockHeld || Date.now() >= until) throw error;
        await sleep(lockWait.interval * 1000);
      }
    }
  }

  /** A wave: all prove themselves, then all cut over, leaders first where their health is only known afterwards. */
  async function runWave(wave: HostOrder[]): Promise<void> {
    await askAfterSleep(wave);
    const startedAt = Date.now();
    await hook('pre-app-boot', wave, true);
    await Promise.all(wave.map((order) => crew.start(order)));
    await crew.reached(wave, 'proven');
    if (crew.failed(wave).length > 0) {
      await putBack(wave);
      failIfAny(wave);
    }
    const leaders = leadersOf(wave);
    if (!primaryIsProved(wave) && leaders.length > 0) {
      await crew.send(leaders, 'cut over');
      await crew.oneReached(leaders, 'verified');
      if (crew.failed(leaders).length === leaders.length) {
        await putBack(wave);
        failIfAny(wave);
      }
      await crew.send(wave.filter((order) => !leaders.includes(order)), 'cut over');
    } else {
      await crew.send(wave, 'cut over');
    }
    await crew.reached(wave, 'verified');
    failIfAny(wave);
    slept = Date.now() - startedAt;
    await hook('post-app-boot', wave, true, wave);
    if (input.bootWaitSeconds > 0) await sleep(input.bootWaitSeconds * 1000);
  }

  async function putBack(orders: HostOrder[]): Promise<void> {
    await crew.send(orders, 'put back');
    await crew.ended(orders);
  }

  function failIfAny(orders: HostOrder[]): void {
    const [first] = crew.failed(orders).map((order) => crew.result(order)).sort((a, b) => Number(b.failure !== null) - Number(a.failure !== null));
    if (!first) return;
    desk.record.failure ??= first.failure && { ...first.failure, step: `${first.host}: ${first.failure.step}` };
    throw ApplicationFailure.nonRetryable(`${first.host} is ${first.outcome}`, 'HostNotUpgraded');
  }

  /** @param undo hosts to put back when the hook fails: they are verified, but not yet let go of */
  async function hook(name: HookName, group: HostOrder[], withLock: boolean, undo: HostOrder[] = []): Promise<void> {
    try {
      await runHook(desk, input, name, group, withLock);
    } catch (error) {
      if (!isCancellation(error)) await putBack(undo);
      throw error;
    }
  }

  async function upgradeAccessories(group: HostOrder[]): Promise<void> {
    const hosts = group.filter((order) => order.accessories.length > 0);
    if (input.options.accessories === 'skip' || hosts.length === 0) return;
    desk.phase('accessories');
    for (const wave of wavesOf(hosts, input.options, null)) {
      const outcomes = await Promise.allSettled(wave.map(accessoriesOf));
      for (const each of outcomes) accessoryRecords.push(...(each.status === 'fulfilled' ? [each.value] : recordIn(each.reason)));
      const broken = outcomes.find((each) => each.status === 'rejected');
      if (!broken) continue;
      const record = accessoryRecords.find((each) => each.failure);
      if (record?.failure) desk.record.failure ??= { ...record.failure, step: `${record.host}: ${record.failure.step}` };
      throw broken.reason;
    }
  }

  function accessoriesOf(order: HostOrder): Promise<HostRecord> {
    return executeChild(accessories, {
      workflowId: `${workflowInfo().workflowId}/${input.run}/${order.host}/accessories`,
      args: [{ ...base, host: order.host, accessories: order.accessories, mode: input.options.accessories, pull: input.options.pullAccessories }],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      staticSummary: `accessories on ${order.host}`,
      typedSearchAttributes: attributesOfHost(order.host),
    });
  }

  /** Runs in every end: the hosts come to theirs, the lock is released, the report is written. */
  async function finish(ending: FleetResult['outcome']): Promise<FleetResult> {
    await Promise.all(crew.started().map((order) => dismiss(order, ending)));
    const unlocked = !locked || (await unlock());
    const outcome = ending === 'done' && !unlocked ? 'failed' : ending;
    const result: FleetResult = {
      run: input.run,
      outcome,
      hosts: input.hosts.map((order) => hostResult(order, ending)),
      accessories: accessoryRecords,
      failure: desk.record.failure,
      said: desk.record.said,
    };
    desk.record.question = null;
    desk.record.result = result;
    desk.phase('over');
    await reporting.writeReport({ service: input.service, destination: input.destination, result }).catch(() => undefined);
    if (outcome === 'done') return result;
    // Temporal keeps no details of a cancellation: the result is in the record and in the report.
    if (outcome === 'cancelled') throw new CancelledFailure('cancelled: each host that was worked on is back as it was, or done');
    throw ApplicationFailure.create({
      type: outcome === 'rejected' ? 'RunRejected' : 'RunFailed',
      message: summary(result),
      nonRetryable: true,
      details: [result],
    });
  }

  /** A lock that can't be released must not cost the run its result. */
  async function unlock(): Promise<boolean> {
    desk.phase('unlocking');
    try {
      await changing.releaseLock.executeWithOptions({ summary: 'release the deploy lock' }, [{ ...base, host: input.primaryHost, seq: UNLOCK_STEP }]);
      return true;
    } catch (error) {
      desk.record.failure ??= { ...failureOf(`${input.primaryHost}: release the deploy lock`, error), hint: '`bactrian unlock` releases it' };
      return false;
    }
  }

  /** Each cutover stands for itself: where another host failed, those that made it stay. */
  async function dismiss(order: HostOrder, ending: FleetResult['outcome']): Promise<void> {
    await crew.atRest(order);
    // Not where letting go of the old path was to be approved: nobody has.
    const stays = ending === 'failed' && crew.inPhase([order], 'verified').length > 0 && !input.options.approve.includes('post');
    await crew.send([order], stays ? 'finish' : 'put back');
    await crew.ended([order]);
  }

  /** A host that only carries accessories has no workflow of its own for the app. */
  function hostResult(order: HostOrder, ending: FleetResult['outcome']): FleetResult['hosts'][number] {
    const result = crew.result(order);
    const fine = order.roles.length === 0 && ending === 'done';
    return fine ? { ...result, phase: 'done', outcome: 'done', alreadyThere: order.accessories.length === 0 } : result;
  }

  function summary(result: FleetResult): string {
    const failure: Failure | null = result.failure;
    const hosts = result.hosts.map((each) => `${each.host} ${each.outcome}`).join(', ');
    return failure ? `${failure.step}: ${failure.message} (${hosts})` : `${result.outcome} (${hosts})`;
  }
}

function recordIn(error: unknown): HostRecord[] {
  const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
  if (!(cause instanceof ApplicationFailure || cause instanceof CancelledFailure)) return [];
  return cause.details?.[0] ? [cause.details[0] as HostRecord] : [];
}
