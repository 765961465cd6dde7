import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../activities/api.ts';
import { FailureType } from '../../src/plan/failure-types.ts';
import { putBackAllSignal, resumeSignal, resumeUpdate } from '../../workflows/messages.ts';
import type { Decision } from '../../workflows/types.ts';
import { Bench, type Run } from './environment.ts';
import { alive, FakeGate, FakeHosts, fails } from './fake-hosts.ts';
import { BARE, fleetInput, JOB, order } from './orders.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
});
afterAll(async () => {
  await bench.close();
});

/** Hosts on which a step fails that often, then goes well. */
function failing(activity: keyof Activities, host: string, times = Infinity): FakeHosts {
  let left = times;
  return new FakeHosts().when(activity, host, () => {
    left -= 1;
    if (left >= 0) throw fails(FailureType.appUnhealthy, `${host} is not well`);
  });
}

const abc = () => ['a', 'b', 'c'].map((name) => order(name));
const outcomes = ({ hosts }: { hosts: { outcome: string }[] }) => hosts.map(({ outcome }) => outcome);
const answer = (run: Run, decision: Decision, more = {}) => run.handle.executeUpdate(resumeUpdate, { args: [{ decision, by: 'eve', ...more }] });

describe('--on-failure continue', () => {
  it('takes the others of the wave over, and the waves after it; the run has failed all the same', async () => {
    const hosts = failing('proveRole', 'b');
    const { type, result } = await bench.run(fleetInput({ hosts: [...abc(), order('d')], options: { onFailure: 'continue', concurrency: 3 } }), hosts);
    expect(type).toBe('RunFailed');
    expect(outcomes(result)).toEqual(['done', 'put back', 'done', 'done']);
    expect(result.failure).toMatchObject({ step: 'b: boot app web', type: 'AppUnhealthy' });
    expect(hosts.isUntouched('b')).toBe(true);
  });

  it('tells hooks and gates only of hosts that made it', async () => {
    const { run } = await bench.run(fleetInput({ hosts: abc(), options: { onFailure: 'continue' } }), failing('verifyHost', 'b'));
    expect(run.hosts.of('runHook', 'post-app-boot').map(({ what }) => what)).toEqual(['a,c']);
    expect(run.hosts.of('runHook', 'post-proxy-reboot').map(({ what }) => what)).toEqual(['a,c']);
  });

  it('goes host by host past one that failed, and leaves its accessories alone', async () => {
    const hosts = failing('cutOver', 'b');
    const input = fleetInput({ hosts: [order('a'), order('b', undefined, { accessories: ['redis'] }), order('c')], options: { onFailure: 'continue', rolling: true } });
    const { result } = await bench.run(input, hosts);
    expect(outcomes(result)).toEqual(['done', 'put back', 'done']);
    expect(hosts.of('swapAccessory')).toEqual([]);
    expect(hosts.of('runHook', 'post-proxy-reboot').map(({ what }) => what)).toEqual(['a', 'c']);
  });

  it('ends as with rollback once more than --max-failures have failed', async () => {
    const hosts = failing('proveRole', 'a').when('proveRole', 'b', () => {
      throw fails(FailureType.appUnhealthy, 'b is not well');
    });
    const { result } = await bench.run(fleetInput({ hosts: [...abc(), order('d')], options: { onFailure: 'continue', maxFailures: 1, concurrency: 3 } }), hosts);
    expect(outcomes(result)).toEqual(['put back', 'put back', 'put back', 'unchanged']);
    expect(hosts.of('cutOver')).toEqual([]);
  });

  it('counts failures over all waves', async () => {
    const hosts = failing('cutOver', 'a').when('cutOver', 'c', () => {
      throw fails(FailureType.cutoverFailed, 'c kept its port');
    });
    const { result } = await bench.run(fleetInput({ hosts: [...abc(), order('d')], options: { onFailure: 'continue', maxFailures: 1, concurrency: 1 } }), hosts);
    expect(outcomes(result)).toEqual(['put back', 'done', 'put back', 'unchanged']);
  });

  it('begins with no other role where no container of the primary one is healthy', async () => {
    const hosts = failing('replaceRole', 'core');
    const { result } = await bench.run(fleetInput({ hosts: [order('core', [BARE]), order('job', [JOB])], options: { onFailure: 'continue', concurrency: 1 } }), hosts);
    expect(outcomes(result)).toEqual(['put back', 'unchanged']);
    expect(hosts.of('prepareHost', 'job')).toEqual([]);
  });

  it('goes on to other hosts when one can only not be pruned', async () => {
    const hosts = failing('pruneHost', 'a');
    const { result } = await bench.run(fleetInput({ hosts: abc(), options: { onFailure: 'continue', rolling: true } }), hosts);
    expect(outcomes(result)).toEqual(['stuck', 'done', 'done']);
  });
});

describe('--on-failure pause', () => {
  it('returns the wave to one generation before it asks, and begins with all of it anew when told', async () => {
    const run = await bench.start(fleetInput({ hosts: abc(), options: { onFailure: 'pause' } }), failing('proveRole', 'b', 1));
    const { question, failure } = await bench.asks(run);
    expect(question).toMatchObject({ where: 'b', choices: ['retry', 'skip', 'abort'], failure: { step: 'b: boot app web', type: 'AppUnhealthy' } });
    expect(failure).toBeNull();
    expect(['a', 'b', 'c'].every((host) => run.hosts.isUntouched(host))).toBe(true);
    await answer(run, 'retry');
    const { type, result } = await bench.ending(run);
    expect(type).toBeNull();
    expect(outcomes(result)).toEqual(['done', 'done', 'done']);
    expect(result.hosts.map(({ round }) => round)).toEqual([2, 2, 2]);
    expect(result.failure).toBeNull();
  });

  it('goes on without the host when told, and the run has not done what it was for', async () => {
    const run = await bench.start(fleetInput({ hosts: abc(), options: { onFailure: 'pause' } }), failing('proveRole', 'b'));
    await bench.asks(run);
    await answer(run, 'skip');
    const { type, result } = await bench.ending(run);
    expect(type).toBe('RunFailed');
    expect(outcomes(result)).toEqual(['done', 'put back', 'done']);
    expect(run.hosts.of('prepareHost', 'b')).toHaveLength(1);
  });

  it('begins with that host alone anew when the others of its wave are verified', async () => {
    const run = await bench.start(fleetInput({ hosts: abc(), options: { onFailure: 'pause' } }), failing('verifyHost', 'b', 1));
    const { hosts } = await bench.asks(run);
    expect(hosts.map(({ phase }) => phase)).toEqual(['verified', 'put back', 'verified']);
    await answer(run, 'retry');
    const { type, result } = await bench.ending(run);
    expect(type).toBeNull();
    expect(result.hosts.map(({ round }) => round)).toEqual([1, 2, 1]);
    expect(run.hosts.of('cutOver').map(({ where }) => where).sort()).toEqual(['a', 'b', 'b', 'c']);
  });

  it('asks again as often as it fails again', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a')], options: { onFailure: 'pause' } }), failing('cutOver', 'a', 2));
    for (const round of [1, 2]) {
      await bench.record(run, ({ question }) => question !== null && run.hosts.of('putBack', 'a').length === round);
      await answer(run, 'retry');
    }
    const { type, result } = await bench.ending(run);
    expect(type).toBeNull();
    expect(result.hosts[0]).toMatchObject({ outcome: 'done', round: 3 });
  });

  it('ends when told; what is verified is finished', async () => {
    const run = await bench.start(fleetInput({ hosts: abc(), options: { onFailure: 'pause' } }), failing('verifyHost', 'b'));
    await bench.asks(run);
    await answer(run, 'abort');
    const { type, result } = await bench.ending(run);
    expect(type).toBe('RunFailed');
    expect(outcomes(result)).toEqual(['done', 'put back', 'done']);
  });

  it('ends with everything at home when told so', async () => {
    const run = await bench.start(fleetInput({ hosts: abc(), options: { onFailure: 'pause' } }), failing('verifyHost', 'b'));
    await bench.asks(run);
    await answer(run, 'abort', { putBackAll: true });
    const { result } = await bench.ending(run);
    expect(outcomes(result)).toEqual(['put back', 'put back', 'put back']);
    expect(['a', 'b', 'c'].every((host) => run.hosts.isUntouched(host))).toBe(true);
  });

  it('offers no second attempt on a host that could not be put back', async () => {
    const hosts = failing('cutOver', 'a').when('putBack', 'a', () => {
      throw fails(FailureType.putBackFailed, 'the disk of a is full');
    });
    const run = await bench.start(fleetInput({ hosts: [order('a')], options: { onFailure: 'pause' } }), hosts);
    const { question } = await bench.asks(run);
    expect(question?.choices).toEqual(['skip', 'abort']);
    await run.handle.signal(resumeSignal, { decision: 'skip' });
    expect(outcomes((await bench.ending(run)).result)).toEqual(['stuck']);
  });
});

describe('putting back all that can be', () => {
  it('reaches hosts that a failure elsewhere would have left finished', async () => {
    const gate = new FakeGate();
    const hosts = failing('cutOver', 'b').when('putBack', 'b', () => alive(gate.opened));
    const run = await bench.start(fleetInput({ hosts: [order('a'), order('b')] }), hosts);
    await run.hosts.began('putBack', 'b');
    await bench.record(run, (record) => record.hosts[0]?.phase === 'verified');
    await run.handle.signal(putBackAllSignal, { by: 'eve' });
    gate.open();
    const { result } = await bench.ending(run);
    expect(outcomes(result)).toEqual(['put back', 'put back']);
    expect(result.said).toMatchObject([{ what: 'put back all that can be', by: 'eve' }]);
  });

  it('leaves hosts as they are that are pruned', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a'), order('b')], options: { rolling: true, onFailure: 'pause' } }), failing('cutOver', 'b'));
    await bench.asks(run);
    await run.handle.signal(putBackAllSignal, {});
    await run.handle.cancel();
    const { type, result } = await bench.ending(run);
    expect(type).toBe('Cancelled');
    expect(outcomes(result)).toEqual(['done', 'put back']);
  });
});
