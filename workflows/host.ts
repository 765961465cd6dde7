import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  setHandler,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import { NEEDS_A_PERSON } from '../src/plan/failure-types.ts';
import type { KnownAnswer } from '../src/plan/answers.ts';
import { failureOf } from './failure.ts';
import { hostSteps, type HostSteps } from './host-steps.ts';
import { hostQuery, hostReported, verdictSignal, type HostReport, type Verdict } from './messages.ts';
import { METER } from './measured.ts';
import { meterOf, type Metered } from './meter.ts';
import { firstHostStep } from './numbering.ts';
import { changing, proving } from './policies.ts';
import { soak } from './soak.ts';
import type { Direction, Failure, HostOrder, HostOutcome, HostPhase, HostResult, MeterReading, RunOptions } from './types.ts';

export interface HostInput {
  run: string;
  runStartedAt: number;
  digest: string;
  direction: Direction;
  order: HostOrder;
  /** 1 the first time the host is begun in this run, 2 after a retry … */
  round: number;
  options: Pick<RunOptions, 'acceptAnswers' | 'acceptUnreachable' | 'probeUrls' | 'probe' | 'canary'>;
}

/**
 * One host's upgrade. It first proves the new path beside the old one, waits until all hosts of its wave have done so,
 * cuts over, waits until the run's last gate is passed, and only then lets go of the old path. Whatever fails before
 * that, a rejection and a cancellation too, puts the host back as it was.
 *
 * Ends by returning its result when the host is done; fails with the result in its details when it isn't.
 */
export async function host(input: HostInput): Promise<HostResult> {
  const { order } = input;
  const steps = hostSteps(order.host, firstHostStep(input.round), input.round);
  const meter = meterOf(steps, meteredOf(input));
  const verdicts: Verdict[] = [];
  setHandler(verdictSignal, (verdict) => void verdicts.push(verdict), { description: 'The fleet: cut over, finish, put back, retry' });
  setHandler(hostQuery, () => steps.record, { description: 'The record of this host' });

  const nextVerdict = async (): Promise<Verdict> => {
    await condition(() => verdicts.length > 0);
    return verdicts.shift() ?? 'put back';
  };
  const report = (phase: HostPhase, more: Pick<HostReport, 'question' | 'result' | 'soak'> = {}) => {
    steps.phase(phase);
    return tellFleet({ host: order.host, phase, ...more });
  };
  const parts = hostParts(input, steps);

  let touched = false;
  let finishing = false;
  try {
    if (order.done) {
      await parts.verify(true);
      return await end('done', true);
    }
    await report('proving');
    for (;;) {
      try {
        touched = true;
        await parts.prove();
        break;
      } catch (error) {
        const failure = failureOf('prepare', error);
        if (!NEEDS_A_PERSON.includes(failure.type)) throw error;
        // Nothing of the old generation was touched yet, so there is time to ask.
        await report('needs you', { question: failure });
        if ((await nextVerdict()) !== 'retry') throw error;
        steps.record.failure = null;
        await report('proving');
      }
    }
    // From before the first request can be lost until the new path is verified, or the old one is back.
    meter.start();
    await report('proven');
    if ((await nextVerdict()) !== 'cut over') throw new StandDown();
    await report('cutting over');
    await parts.cutOver();
    meter.stop();
    await report('verified', { soak: await parts.soak(() => report('soaking')) });
    if ((await nextVerdict()) !== 'finish') throw new StandDown();
    await CancellationScope.nonCancellable(async () => {
      await report('finishing');
      finishing = true;
      await parts.finish();
    });
    return await end('done', false);
  } catch (error) {
    return await CancellationScope.nonCancellable(() => putBack(error));
  }

  async function putBack(reason: unknown): Promise<never> {
    // Past the point of no return there is no way back: it serves from the new path, and something is left to tidy up.
    let outcome: HostOutcome = finishing ? 'stuck' : touched ? 'put back' : 'unchanged';
    if (touched && !finishing) {
      await report('putting back');
      try {
        await parts.putBack();
        for (const step of steps.record.steps) if (step.state === 'done' && ![PUT_BACK, METER].includes(step.name)) step.state = 'undone';
      } catch (error) {
        outcome = 'stuck';
        steps.record.failure = stuckBecause(failureOf(PUT_BACK, error), steps.record.failure);
      }
    }
    const result = await end(outcome, false);
    const message = steps.record.failure?.message ?? (reason instanceof StandDown ? 'the run ended for other hosts' : String(reason));
    if (isCancellation(reason)) throw new CancelledFailure(`${order.host}: ${outcome}`, [result]);
    throw ApplicationFailure.create({ type: 'HostNotUpgraded', message: `${order.host} (${outcome}): ${message}`, nonRetryable: true, details: [result] });
  }

  async function end(outcome: HostOutcome, alreadyThere: boolean): Promise<HostResult> {
    await meter.ended();
    const result: HostResult = { ...steps.record, phase: outcome, outcome, alreadyThere };
    await report(outcome, { result });
    return result;
  }
}

const PUT_BACK = 'put back';
const CUT: Record<Direction, string> = { upgrade: 'hand over to kamal-proxy', downgrade: 'hand over to Traefik' };

/** Why a host could not be put back, with why it had to be: a person needs both. */
function stuckBecause(failure: Failure, before: Failure | null): Failure {
  if (!before || before.step === failure.step) return failure;
  return { ...failure, message: `${failure.message} (put back because of '${before.step}': ${before.message})` };
}

/** Not an error of this host: the fleet decided that it stays as it was. */
class StandDown extends Error {}

/** The four parts of a host's upgrade, each a list of steps under the names people see. */
function hostParts(input: HostInput, steps: HostSteps) {
  const { order } = input;
  const { strategy } = order;
  const metered = meteredOf(input);
  const { base } = metered;
  // Made here, once, so that each attempt of a step means the same container.
  const roles = order.roles.map((role) => ({ role, hostnameSuffix: hex(12), replacedSuffix: hex(16) }));
  const proxied = roles.filter(({ role }) => role.proxied);
  const others = roles.filter(({ role }) => !role.proxied);

  let known: KnownAnswer[] = [];
  const cut = () =>
    // From here to the end of the script nobody may stop it: between the two proxies nothing serves.
    CancellationScope.nonCancellable(() =>
      steps.run(CUT[input.direction], (seq, options) => changing.cutOver.executeWithOptions(options, [{ ...base, seq, roles: order.roles, strategy, keepTraefik: order.keepTraefik }])),
    );
  const boot = async (each: typeof roles) => {
    for (const args of each) await steps.run(`boot app ${args.role.name}`, (seq, options) => proving.proveRole.executeWithOptions(options, [{ ...base, seq, ...args }]));
  };

  return {
    async prove() {
      await steps.run('prepare', (seq, options) => proving.prepareHost.executeWithOptions(options, [{ ...base, seq, roles: order.roles, strategy, importCertificates: order.importCertificates, keepTraefik: order.keepTraefik, accessories: order.accessories, acceptUnreachable: input.options.acceptUnreachable }]));
      // Kamal's own order proves nothing before the old proxy is gone.
      if (strategy === 'kamal') return;
      await boot(proxied);
      const { acceptAnswers, probeUrls } = input.options;
      // On the way back the warm Traefik is asked for each of its routes when the app boots, and nothing else is known of it.
      if (proxied.length > 0 && input.direction === 'upgrade') ({ known } = await steps.run('compare answers', (_seq, options) => proving.compareAnswers.executeWithOptions(options, [{ ...base, acceptAnswers, probeUrls }])));
    },
    async cutOver() {
      if (proxied.length > 0) await cut();
      // Kamal's own order: the app comes up behind a proxy that has taken over already.
      if (strategy === 'kamal') {
        await boot(proxied);
        for (const args of proxied) {
          await steps.run(`stop old ${args.role.name}`, (seq, options) => changing.stopOldRole.executeWithOptions(options, [{ ...base, seq, ...args }]));
        }
      }
      for (const args of others) {
        await steps.run(`boot app ${args.role.name}`, (seq, options) => changing.replaceRole.executeWithOptions(options, [{ ...base, seq, ...args }]));
      }
      await this.verify(false);
    },
    async verify(pruned: boolean) {
      await steps.run('verify', (seq, options) => changing.verifyHost.executeWithOptions(options, [{ ...base, seq, roles: order.roles, pruned, known }]));
    },
    /** Watches a canary; others are not. */
    async soak(begin: () => Promise<void>): Promise<MeterReading | null> {
      const { canary } = input.options;
      if (!canary?.hosts.includes(order.host) || canary.soakSeconds === 0) return null;
      await begin();
      const look = () => changing.verifyHost.executeWithOptions({ summary: 'look again' }, [{ ...base, seq: steps.next(), roles: order.roles, pruned: false, known }]);
      return await soak(steps, metered, canary.soakSeconds, look);
    },
    async finish() {
      await steps.run('prune', (seq, options) => changing.pruneHost.executeWithOptions(options, [{ ...base, seq, roles: order.roles, strategy, keepTraefik: order.keepTraefik }]));
    },
    async putBack() {
      await steps.run(PUT_BACK, (seq, options) => changing.putBack.executeWithOptions(options, [{ ...base, seq, journal: 'app' }]));
    },
  };
}

function meteredOf({ run, runStartedAt, digest, direction, order, options }: HostInput): Metered {
  return { base: { run, runStartedAt, digest, host: order.host, direction }, order, probe: options.probe };
}

function hex(digits: number): string {
  return uuid4().replaceAll('-', '').slice(0, digits);
}

/** The fleet may be gone (terminated by hand): that must not keep a host from coming to its end. */
async function tellFleet(report: HostReport): Promise<void> {
  const parent = workflowInfo().parent;
  if (!parent) return;
  await getExternalWorkflowHandle(parent.workflowId)
    .signal(hostReported, report)
    .catch(() => undefined);
}
