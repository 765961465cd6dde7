import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FailureType } from '../../src/plan/failure-types.ts';
import { Bench } from './environment.ts';
import { alive, FakeGate, FakeHosts, fails, untilCancelled } from './fake-hosts.ts';
import { fleetInput, JOB, order, WEB } from './orders.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
});
afterAll(async () => {
  await bench.close();
});

describe('a cancelled run', () => {
  it('leaves everything as it is before the lock is taken', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a')], options: { approve: ['pre'] } }));
    await bench.atGate(run);
    await run.handle.cancel();
    const { type, result } = await bench.ending(run);
    expect(type).toBe('Cancelled');
    expect(result).toMatchObject({ outcome: 'cancelled', failure: null, hosts: [{ outcome: 'unchanged' }] });
    expect(run.hosts.order('acquireLock', 'releaseLock', 'prepareHost', 'putBack')).toEqual([]);
    expect((await bench.record(run, () => true)).gate).toBeNull();
  });

  it('ends the hook that runs just then', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a')] }), new FakeHosts().when('runHook', 'pre-proxy-reboot', untilCancelled));
    await run.hosts.began('runHook', 'pre-proxy-reboot');
    await run.handle.cancel();
    const { type, result } = await bench.ending(run);
    expect(type).toBe('Cancelled');
    expect(result).toMatchObject({ failure: null, hosts: [{ outcome: 'unchanged' }] });
    expect(run.hosts.order('releaseLock', 'prepareHost')).toEqual(['releaseLock a']);
  });

  it('puts hosts back that are proving themselves or have done so', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a'), order('b')] }), new FakeHosts().when('proveRole', 'b', untilCancelled));
    await run.hosts.began('proveRole', 'b');
    await bench.record(run, ({ hosts }) => hosts[0]?.phase === 'proven');
    await run.handle.cancel();
    const { type, result } = await bench.ending(run);
    expect(type).toBe('Cancelled');
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['put back', 'put back']);
    expect(run.hosts.order('cutOver')).toEqual([]);
    expect(['a', 'b'].every((host) => run.hosts.isUntouched(host))).toBe(true);
    expect(result.hosts[1]?.steps.map(({ name, state }) => `${name}: ${state}`)).toEqual(['prepare: undone', 'boot app web: failed', 'put back: done']);
  });

  it('lets a cutover come to its end before the host is put back', async () => {
    const gate = new FakeGate();
    const run = await bench.start(fleetInput({ hosts: [order('a', [WEB, JOB])] }), new FakeHosts().when('cutOver', 'a', () => alive(gate.opened)));
    await run.hosts.began('cutOver', 'a');
    await run.handle.cancel();
    await bench.env.sleep(1500);
    expect(run.hosts.order('putBack', 'releaseLock')).toEqual([]);
    gate.open();
    const { type, result } = await bench.ending(run);
    expect(type).toBe('Cancelled');
    expect(result.hosts).toMatchObject([{ outcome: 'put back' }]);
    expect(run.hosts.order('cutOver', 'stopOldRole', 'replaceRole', 'putBack', 'pruneHost')).toEqual(['cutOver a', 'putBack a app']);
    expect(run.hosts.isUntouched('a')).toBe(true);
  });

  it('puts verified hosts back that wait at the last gate', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a'), order('b')], options: { approve: ['post'] } }));
    await bench.atGate(run);
    await run.handle.cancel();
    const { result } = await bench.ending(run);
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['put back', 'put back']);
    expect(run.hosts.order('pruneHost')).toEqual([]);
  });

  it('changes nothing more when it is cancelled a second time', async () => {
    const gate = new FakeGate();
    const run = await bench.start(fleetInput({ hosts: [order('a')], options: { approve: ['post'] } }), new FakeHosts().when('putBack', 'a', () => alive(gate.opened)));
    await bench.atGate(run);
    await run.handle.cancel();
    await run.hosts.began('putBack', 'a');
    await run.handle.cancel();
    await bench.env.sleep(500);
    gate.open();
    const { type, result } = await bench.ending(run);
    expect(type).toBe('Cancelled');
    expect(result.hosts).toMatchObject([{ outcome: 'put back' }]);
    expect(run.hosts.of('putBack')).toHaveLength(1);
  });

  it('finishes a host that is past its point of no return', async () => {
    const gate = new FakeGate();
    const run = await bench.start(fleetInput({ hosts: [order('a')] }), new FakeHosts().when('pruneHost', 'a', () => alive(gate.opened)));
    await run.hosts.began('pruneHost', 'a');
    await run.handle.cancel();
    await bench.env.sleep(500);
    gate.open();
    const { type, result } = await bench.ending(run);
    expect(type).toBe('Cancelled');
    expect(result.hosts).toMatchObject([{ outcome: 'done' }]);
    expect(run.hosts.order('putBack')).toEqual([]);
  });

  it('puts a host back that waits for a person, and asks no more', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a'), order('b')] }), new FakeHosts().when('prepareHost', null, () => {
      throw fails(FailureType.secretsUnresolved, 'op is not signed in');
    }));
    await bench.record(run, ({ question }) => question?.where.length === 'a, b'.length);
    await run.handle.cancel();
    const { type, result } = await bench.ending(run);
    expect(type).toBe('Cancelled');
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['put back', 'put back']);
    expect((await bench.record(run, () => true)).question).toBeNull();
  });

  it('stops between two accessories, never within one', async () => {
    const gate = new FakeGate();
    const run = await bench.start(
      fleetInput({ hosts: [order('a', [], { accessories: ['redis', 'db'] })] }),
      new FakeHosts().when('swapAccessory', 'a', () => alive(gate.opened)),
    );
    await run.hosts.began('swapAccessory', 'a');
    await run.handle.cancel();
    await bench.env.sleep(500);
    gate.open();
    const { type } = await bench.ending(run);
    expect(type).toBe('Cancelled');
    expect(run.hosts.order('swapAccessory', 'settleAccessory')).toEqual(['swapAccessory a redis', 'settleAccessory a redis']);
  });
});

describe('a host whose workflow is cancelled alone', () => {
  it('is put back, and the run fails for it', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a'), order('b')] }), new FakeHosts().when('proveRole', 'b', untilCancelled));
    await run.hosts.began('proveRole', 'b');
    const { hosts } = await bench.record(run, (record) => record.hosts[0]?.phase === 'proven');
    await bench.env.client.workflow.getHandle(hosts[1]?.workflowId ?? '').cancel();
    const { type, result } = await bench.ending(run);
    expect(type).toBe('RunFailed');
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['put back', 'put back']);
  });
});
