import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FailureType } from '../../src/plan/failure-types.ts';
import { resumeUpdate } from '../../workflows/messages.ts';
import type { Canary, RunOptions } from '../../workflows/types.ts';
import { Bench } from './environment.ts';
import { alive, FakeHosts, fails, passes } from './fake-hosts.ts';
import { fleetInput, order } from './orders.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
});
afterAll(async () => {
  await bench.close();
});

const canary = (more: Partial<Canary> = {}): Canary => ({ hosts: ['b'], soakSeconds: 600, ask: true, ...more });
const input = (options: Partial<RunOptions> = {}) => fleetInput({ hosts: ['a', 'b', 'c'].map((name) => order(name)), options: { canary: canary(), ...options } });
const outcomes = ({ hosts }: { hosts: { outcome: string }[] }) => hosts.map(({ outcome }) => outcome);

describe('a canary', () => {
  it('goes first, is watched, and the others follow when a person says so', async () => {
    const run = await bench.start(input());
    await bench.env.sleep('11 minutes');
    const { question, hosts } = await bench.asks(run);
    expect(question).toMatchObject({ where: 'canary b', choices: ['go-on', 'abort'] });
    expect(question?.failure.message).toContain('b: 10 sent, none lost');
    expect(hosts.map(({ phase }) => phase)).toEqual(['waiting', 'verified', 'waiting']);
    expect(run.hosts.of('prepareHost').map(({ where }) => where)).toEqual(['b']);
    expect(await run.handle.executeUpdate(resumeUpdate, { args: [{ by: 'eve' }] })).toBe('canary b: go-on');
    const { type, result } = await bench.ending(run);
    expect(type).toBeNull();
    expect(outcomes(result)).toEqual(['done', 'done', 'done']);
    expect(result.hosts.map(({ soak }) => soak?.sent ?? null)).toEqual([null, 10, null]);
    expect(result.hosts[1]?.steps.map(({ name }) => name)).toContain('soak for 10 min');
    // Nobody lets go of the old path before all is decided.
    expect(run.hosts.order('cutOver', 'pruneHost')[0]).toBe('cutOver b');
    expect(run.hosts.order('cutOver', 'pruneHost').slice(0, 3).every((call) => call.startsWith('cutOver'))).toBe(true);
  });

  it('is put back when a person says no, and no other host is touched', async () => {
    const run = await bench.start(input());
    await bench.env.sleep('11 minutes');
    await bench.asks(run);
    await run.handle.executeUpdate(resumeUpdate, { args: [{ decision: 'abort' }] });
    const { type, result } = await bench.ending(run);
    expect(type).toBe('RunRejected');
    expect(outcomes(result)).toEqual(['unchanged', 'put back', 'unchanged']);
    expect(run.hosts.isUntouched('b')).toBe(true);
  });

  it('is not let go of before the answer when the fleet goes host by host, either', async () => {
    const run = await bench.start(input({ rolling: true }));
    await bench.env.sleep('11 minutes');
    await bench.asks(run);
    expect(run.hosts.of('pruneHost')).toEqual([]);
    await run.handle.executeUpdate(resumeUpdate, { args: [{ decision: 'go-on' }] });
    const { result } = await bench.ending(run);
    expect(outcomes(result)).toEqual(['done', 'done', 'done']);
    expect(run.hosts.order('cutOver', 'pruneHost')).toEqual(['cutOver b', 'pruneHost b', 'cutOver a', 'pruneHost a', 'cutOver c', 'pruneHost c']);
  });

  it('asks nobody who said yes beforehand when nothing was lost', async () => {
    const { type, result } = await bench.run(input({ canary: canary({ ask: false }) }));
    expect(type).toBeNull();
    expect(result.said).toEqual([]);
    expect(outcomes(result)).toEqual(['done', 'done', 'done']);
  });

  it('asks all the same when nothing could be measured', async () => {
    const hosts = new FakeHosts().seesFromOutside('b', { sent: 0, from: null, why: "the host's sshd forwards nothing" });
    const run = await bench.start(input({ canary: canary({ ask: false }) }), hosts);
    await bench.env.sleep('11 minutes');
    expect((await bench.asks(run)).question?.failure.message).toContain("b could not be measured (the host's sshd forwards nothing)");
    await run.handle.executeUpdate(resumeUpdate, { args: [{}] });
    expect((await bench.ending(run)).type).toBeNull();
  });

  it('asks all the same when the worker was away for most of the time', async () => {
    const hosts = new FakeHosts().seesFromOutside('b', { unwatchedMs: 301_000 });
    const run = await bench.start(input({ canary: canary({ ask: false }) }), hosts);
    await bench.env.sleep('11 minutes');
    expect((await bench.asks(run)).question?.failure.message).toContain('b was watched for less than half of its soak');
    await run.handle.executeUpdate(resumeUpdate, { args: [{}] });
    expect((await bench.ending(run)).type).toBeNull();
  });

  it('that loses one request fails, and the run with it', async () => {
    const hosts = new FakeHosts().seesFromOutside('b', { lost: 1, longestGapMs: 200 });
    const { type, result } = await bench.run(input({ canary: canary({ ask: false }) }), hosts);
    expect(type).toBe('RunFailed');
    expect(outcomes(result)).toEqual(['unchanged', 'put back', 'unchanged']);
    expect(result.failure).toMatchObject({ step: 'b: soak for 10 min', type: 'RequestsLost' });
    expect(hosts.isUntouched('b')).toBe(true);
  });

  it('whose container does not last fails, though all requests were answered', async () => {
    const hosts = new FakeHosts();
    hosts.when('verifyHost', 'b', () => {
      if (hosts.of('verifyHost', 'b').length > 3) throw fails(FailureType.verifyFailed, 'labapp-web-v1 does not run');
    });
    const { result } = await bench.run(input(), hosts);
    expect(result.failure).toMatchObject({ step: 'b: soak for 10 min', type: 'VerifyFailed' });
    expect(outcomes(result)).toEqual(['unchanged', 'put back', 'unchanged']);
  });

  it('that failed is asked about even where the run would go on', async () => {
    const hosts = new FakeHosts().when('proveRole', 'b', () => {
      throw fails(FailureType.appUnhealthy, 'b is not well');
    });
    const run = await bench.start(input({ onFailure: 'continue', canary: canary({ ask: false }) }), hosts);
    expect((await bench.asks(run)).question?.failure.message).toContain('b failed');
    await run.handle.executeUpdate(resumeUpdate, { args: [{ decision: 'abort' }] });
    const { result } = await bench.ending(run);
    expect(outcomes(result)).toEqual(['unchanged', 'put back', 'unchanged']);
  });

  it('is put back when the run is cancelled while it is watched', async () => {
    const run = await bench.start(input({ canary: canary({ soakSeconds: 36_000 }) }));
    await bench.record(run, ({ hosts }) => hosts[1]?.phase === 'soaking');
    await run.handle.cancel();
    const { type, result } = await bench.ending(run);
    expect(type).toBe('Cancelled');
    expect(outcomes(result)).toEqual(['unchanged', 'put back', 'unchanged']);
  });
});

describe('time in which nobody slept', () => {
  it('is the soak of a canary, and an answer that was waited for', async () => {
    const run = await bench.start(input({ canary: canary({ soakSeconds: 7200 }), approve: ['post'], concurrency: 1 }));
    await bench.env.sleep('3 hours');
    await bench.asks(run);
    await bench.env.sleep('5 hours');
    await run.handle.executeUpdate(resumeUpdate, { args: [{}] });
    await bench.atGate(run);
    expect(run.hosts.of('cutOver').map(({ where }) => where)).toEqual(['b', 'a', 'c']);
    await run.handle.signal('approve');
    const { result } = await bench.ending(run);
    expect(result.said.map(({ what }) => what)).toEqual(['go-on: canary b', 'approved the gate post for a, b, c']);
  });

  it('is what a host in need waited for a person', async () => {
    let signedIn = false;
    const hosts = new FakeHosts().when('prepareHost', 'a', () => {
      if (!signedIn) throw fails(FailureType.secretsUnresolved, 'op is not signed in');
    });
    const run = await bench.start(fleetInput({ hosts: [order('a'), order('b')], options: { concurrency: 1 } }), hosts);
    await bench.asks(run);
    await bench.env.sleep('5 hours');
    signedIn = true;
    await run.handle.executeUpdate(resumeUpdate, { args: [{}] });
    expect((await bench.ending(run)).type).toBeNull();
  });
});

describe('the meter', () => {
  it('runs beside each cutover of a host that serves, and what it saw is in the record', async () => {
    const hosts = new FakeHosts().seesFromOutside('a', { sent: 40, lost: 3, longestGapMs: 612 });
    const { type, result } = await bench.run(fleetInput({ hosts: [order('a'), order('b')], options: { probe: 'host' } }), hosts);
    expect(type).toBeNull();
    expect(result.hosts[0]?.meter).toMatchObject({ from: 'host', sent: 40, lost: 3, longestGapMs: 612 });
    expect(result.hosts[0]?.steps).toContainEqual(expect.objectContaining({ name: 'probes from outside', state: 'done', notes: ['40 sent, 3 lost, longest gap 612 ms, asked over the host'] }));
    expect(hosts.of('meterHost')).toHaveLength(2);
  });

  it('is left out where nobody wants it', async () => {
    const { result, run } = await bench.run(fleetInput({ hosts: [order('a')], options: { probe: 'off' } }));
    expect(run.hosts.of('meterHost')).toEqual([]);
    expect(result.hosts[0]?.meter).toBeNull();
  });

  it('that dies is noted, and costs the run nothing', async () => {
    const hosts = new FakeHosts().when('meterHost', 'a', () => {
      throw fails('StepFailed', 'no such thing as a socket');
    });
    const { type, result } = await bench.run(fleetInput({ hosts: [order('a')] }), hosts);
    expect(type).toBeNull();
    expect(result.hosts[0]).toMatchObject({ outcome: 'done', failure: null, meter: { sent: 0, from: null } });
    expect(result.hosts[0]?.meter?.why).toContain('no such thing as a socket');
  });

  it('that is away when it is to end is not waited for', async () => {
    const hosts = new FakeHosts().when('meterHost', 'a', () => {
      throw passes('StepFailed', 'the worker ends; another one goes on');
    });
    const { type, result } = await bench.run(fleetInput({ hosts: [order('a')] }), hosts);
    expect(type).toBeNull();
    expect(result.hosts[0]?.meter).toMatchObject({ sent: 0, why: 'the worker that measured was away at the end' });
  });

  it('is tried again, and goes on', async () => {
    const hosts = new FakeHosts().when('meterHost', 'a', ({ attempt }) => {
      if (attempt === 1) throw passes('StepFailed', 'the worker ends; another one goes on');
    });
    hosts.when('cutOver', 'a', () => alive(hosts.began('meterHost', 'a', 2)));
    const { result } = await bench.run(fleetInput({ hosts: [order('a')] }), hosts);
    expect(result.hosts[0]?.meter?.sent).toBe(10);
  });
});
