import { ApplicationFailure, sleep } from '@temporalio/workflow';
import type { FailurePolicy } from './failure-policy.ts';
import type { Run } from './run.ts';
import type { HostOrder } from './types.ts';
import { leadersOf, primaryIsProved } from './waves.ts';

/** No wave takes this long while it is awake: what it does on a host is bounded to a quarter of it. */
const LONG_SLEEP_MS = 60 * 60_000;

/** Sends a run's waves through, one after the other. */
export interface Waves {
  /** Resolves when each host of the wave serves on the new path, or is dealt with as `--on-failure` says. */
  run(wave: HostOrder[]): Promise<void>;
}

export function wavesThrough(run: Run, policy: FailurePolicy): Waves {
  const { input, desk, crew } = run;
  const leaders = leadersOf(input.hosts);
  let slept = 0;

  /** Other roles boot after the first healthy container of the primary one. When there can't be any, they are left alone. */
  const barrierIsShut = () => leaders.length > 0 && crew.failed(leaders).length === leaders.length;
  const mayBegin = (hosts: HostOrder[]) => hosts.length > 0 && (leadersOf(hosts).length > 0 || !barrierIsShut());

  /**
   * A wave that took an hour took it asleep: the laptop was shut, the network gone. The world may have moved on, so
   * the hosts that are left are looked at again, and a person is asked before the next of them is touched.
   */
  async function askAfterSleep(wave: HostOrder[]): Promise<void> {
    if (slept < LONG_SLEEP_MS) return;
    const minutes = Math.round(slept / 60_000);
    slept = 0;
    await run.look(wave);
    const message = `the run stood still for about ${minutes} minutes; ${wave.map((order) => order.host).join(', ')} would be next`;
    const decision = await desk.ask('after a long sleep', { step: 'after a long sleep', type: 'LongSleep', message, logFile: null, hint: null }, ['retry', 'abort']);
    if (decision === 'abort') throw ApplicationFailure.nonRetryable(message, 'LongSleep');
  }

  /** A wave before its cutover is one: whoever has proved the new path goes back with those that have not. */
  async function standDown(hosts: HostOrder[], failed: HostOrder[]): Promise<Attempt> {
    await run.putBack(hosts);
    return { failed, stoodDown: without(hosts, failed) };
  }

  /** All prove themselves, then all cut over, leaders first where their health is only known afterwards. */
  async function attempt(hosts: HostOrder[]): Promise<Attempt> {
    await Promise.all(hosts.map((order) => crew.start(order)));
    await crew.reached(hosts, 'proven');
    const unproved = crew.failed(hosts);
    if (unproved.length > 0 && !policy.tolerates(unproved)) return await standDown(hosts, unproved);
    const proved = without(hosts, unproved);
    if (barrierIsShut()) return await standDown(proved, unproved);
    const first = primaryIsProved(proved) ? [] : leadersOf(proved);
    if (first.length > 0) {
      await crew.send(first, 'cut over');
      await crew.oneReached(first, 'verified');
      const lost = crew.failed(first);
      if (lost.length === first.length && (barrierIsShut() || !policy.tolerates([...unproved, ...lost]))) {
        await run.putBack(proved);
        return { failed: [...unproved, ...lost], stoodDown: without(proved, lost) };
      }
    }
    await crew.send(without(proved, first), 'cut over');
    await crew.reached(proved, 'verified');
    return { failed: crew.failed(hosts), stoodDown: [] };
  }

  return {
    async run(wave) {
      for (let left = wave; mayBegin(left); ) {
        await askAfterSleep(left);
        const startedAt = Date.now();
        const waitedBefore = desk.waited();
        await run.hook('pre-app-boot', left);
        const { failed, stoodDown } = await attempt(left);
        // Nobody sleeps while people are waited for, or while a canary is watched.
        slept = Date.now() - startedAt - (desk.waited() - waitedBefore) - soakMs(left);
        if (failed.length === 0) break;
        const decision = await policy.after(failed);
        left = decision === 'retry' ? left.filter((order) => failed.includes(order) || stoodDown.includes(order)) : stoodDown;
      }
      const made = crew.made(wave);
      if (made.length === 0) return;
      await run.hook('post-app-boot', made, made);
      if (input.bootWaitSeconds > 0) await sleep(input.bootWaitSeconds * 1000);
    },
  };

  function soakMs(hosts: HostOrder[]): number {
    const { canary } = input.options;
    return hosts.some(({ host }) => canary?.hosts.includes(host)) ? (canary?.soakSeconds ?? 0) * 1000 : 0;
  }
}

/** What became of one attempt of a wave. */
interface Attempt {
  failed: HostOrder[];
  /** Put back though nothing was wrong with them. */
  stoodDown: HostOrder[];
}

function without(hosts: HostOrder[], some: HostOrder[]): HostOrder[] {
  return hosts.filter((order) => !some.includes(order));
}
