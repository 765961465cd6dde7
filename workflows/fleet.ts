import { ApplicationFailure, CancellationScope, CancelledFailure, workflowInfo } from '@temporalio/workflow';
import { canariesPass } from './canary.ts';
import { failureOf } from './failure.ts';
import { failurePolicy } from './failure-policy.ts';
import { fleetAccessories, type FleetAccessories } from './fleet-accessories.ts';
import { reporting } from './policies.ts';
import { openRun, type Run } from './run.ts';
import type { FleetInput, FleetResult, HostOrder } from './types.ts';
import { wavesThrough } from './wave.ts';
import { groupsOf, wavesOf, type Group } from './waves.ts';

type Outcome = FleetResult['outcome'];

/**
 * A run: one upgrade of a deployment's fleet. Probes, waits at the first gate, takes the deploy lock, sends the hosts
 * through in waves, and releases the lock however it ends.
 */
export async function fleet(input: FleetInput): Promise<FleetResult> {
  const run = openRun(input);
  const accessories = fleetAccessories(run);
  const { desk } = run;
  const work = input.hosts.filter((order) => !order.done || order.accessories.length > 0);
  let outcome: Outcome;
  try {
    outcome = work.length === 0 ? await verifyOnly(run) : await upgradeAll(run, accessories);
  } catch (error) {
    // A cancelled host or accessory alone makes no cancelled run.
    outcome = CancellationScope.current().consideredCancelled ? 'cancelled' : 'failed';
    if (outcome === 'failed') desk.record.failure ??= failureOf(desk.record.phase, error);
  }
  return await CancellationScope.nonCancellable(() => finish(run, accessories, outcome));
}

async function verifyOnly(run: Run): Promise<Outcome> {
  const { input, crew, desk } = run;
  const policy = failurePolicy(run);
  desk.phase('working');
  for (const wave of wavesOf(input.hosts, input.options, null)) {
    await Promise.all(wave.map((order) => crew.start(order)));
    await crew.ended(wave);
    const failed = crew.failed(wave);
    if (failed.length > 0) await policy.after(failed, false);
  }
  return outcomeSoFar(run);
}

async function upgradeAll(run: Run, accessories: FleetAccessories): Promise<Outcome> {
  const { input, desk, crew } = run;
  const policy = failurePolicy(run);
  const waves = wavesThrough(run, policy);
  await run.hook('pre-connect', input.hosts);
  if (!justLookedAt(input)) {
    desk.phase('probing');
    await run.look(input.hosts);
  }
  for (const group of groupsOf(input)) {
    if (!(await desk.gate('pre', names(group.hosts)))) return 'rejected';
    await run.lock();
    await run.hook('pre-proxy-reboot', group.hosts);
    desk.phase('working');
    for (const wave of group.canaries) await waves.run(wave);
    if (!(await canariesPass(run, group.canaries.flat()))) {
      await run.putBack(crew.made(group.canaries.flat()));
      return 'rejected';
    }
    for (const wave of group.waves) await waves.run(wave);
    if (!(await letGo(group))) return 'rejected';
    await accessories.upgrade(standing(group));
  }
  return outcomeSoFar(run);

  /** Hosts of the group that are where they are to be, or have no app to be there with. */
  function standing(group: Group): HostOrder[] {
    const made = crew.made(group.hosts);
    return group.hosts.filter((order) => order.roles.length === 0 || made.includes(order));
  }

  /** The point of no return: the last gate, its hook, and then the old path goes. */
  async function letGo(group: Group): Promise<boolean> {
    const hosts = standing(group);
    const made = crew.made(hosts);
    if (hosts.length === 0) return true;
    if (!(await desk.gate('post', names(hosts)))) {
      await run.putBack(made);
      return false;
    }
    await run.hook('post-proxy-reboot', hosts, made);
    for (const wave of [...group.canaries, ...group.waves]) {
      const going = wave.filter((order) => made.includes(order));
      await crew.send(going, 'finish');
      await crew.ended(going);
    }
    const failed = crew.failed(made);
    if (failed.length > 0) await policy.after(failed, false);
    return true;
  }
}

/** As long as a person takes to read a plan and say yes. */
const FRESH_MS = 2 * 60_000;

/** Hosts that the plan has just looked at, with nothing in between, are looked at again only when the lock is held. */
function justLookedAt({ lookedAgoMs, hooks, options }: FleetInput): boolean {
  const age = lookedAgoMs + Date.now() - workflowInfo().startTime.getTime();
  return age < FRESH_MS && !hooks.includes('pre-connect') && !options.approve.includes('pre');
}

const names = (orders: HostOrder[]) => orders.map((order) => order.host);

/** A host that was passed over is not upgraded: a run that went on without it has not done what it was for. */
const outcomeSoFar = ({ desk }: Run): Outcome => (desk.record.failure ? 'failed' : 'done');

/** Runs in every end: the hosts come to theirs, the lock is released, the report is written. */
async function finish(run: Run, accessories: FleetAccessories, ending: Outcome): Promise<FleetResult> {
  const { input, desk, crew } = run;
  await Promise.all(crew.started().map((order) => dismiss(run, order, ending)));
  const unlocked = await run.unlock();
  const outcome = ending === 'done' && !unlocked ? 'failed' : ending;
  const result: FleetResult = {
    run: input.run,
    outcome,
    hosts: input.hosts.map((order) => hostResult(run, order, ending)),
    accessories: accessories.records,
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

/** Each cutover stands for itself: where another host failed, those that made it stay. */
async function dismiss({ input, crew, desk }: Run, order: HostOrder, ending: Outcome): Promise<void> {
  await crew.atRest(order);
  // Not where letting go of the old path was to be approved: nobody has.
  const mayStay = ending === 'failed' && !desk.wantsAllBack() && !input.options.approve.includes('post');
  const stays = mayStay && crew.inPhase([order], 'verified').length > 0;
  await crew.send([order], stays ? 'finish' : 'put back');
  await crew.ended([order]);
}

/** A host that only carries accessories has no workflow of its own for the app. */
function hostResult({ crew }: Run, order: HostOrder, ending: Outcome): FleetResult['hosts'][number] {
  const result = crew.result(order);
  const fine = order.roles.length === 0 && ending === 'done';
  return fine ? { ...result, phase: 'done', outcome: 'done', alreadyThere: order.accessories.length === 0 } : result;
}

function summary(result: FleetResult): string {
  const { failure } = result;
  const hosts = result.hosts.map((each) => `${each.host} ${each.outcome}`).join(', ');
  return failure ? `${failure.step}: ${failure.message} (${hosts})` : `${result.outcome} (${hosts})`;
}
