import { WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approveSignal, approveUpdate, rejectSignal, rejectUpdate } from '../../workflows/messages.ts';
import { Bench } from './environment.ts';
import { fleetInput, order } from './orders.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
});
afterAll(async () => {
  await bench.close();
});

const CHANGES = ['acquireLock', 'prepareHost', 'proveRole', 'cutOver'] as const;

describe('a gate before the first change', () => {
  it('lets the run go on when it is approved by an update, and keeps who said so', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a'), order('b')], options: { approve: ['pre'] } }));
    const record = await bench.atGate(run);
    expect(record).toMatchObject({ phase: 'waiting for approval', gate: { gate: 'pre', hosts: ['a', 'b'] } });
    expect(run.hosts.order(...CHANGES)).toEqual([]);
    const answer = await run.handle.executeUpdate(approveUpdate, { args: [{ gate: 'pre', by: 'eve@ops', why: 'window open' }] });
    expect(answer).toBe('approved the gate pre for a, b');
    const { type, result } = await bench.ending(run);
    expect(type).toBeNull();
    expect(result.said).toMatchObject([{ what: answer, by: 'eve@ops', why: 'window open' }]);
  });

  it('is approved by a plain signal without anything in it, as the Temporal UI sends it', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a')], options: { approve: ['pre'] } }));
    await bench.atGate(run);
    await run.handle.signal(approveSignal);
    const { type, result } = await bench.ending(run);
    expect(type).toBeNull();
    expect(result.said).toMatchObject([{ what: 'approved the gate pre for a', by: 'unknown (a plain signal)' }]);
  });

  it('takes no approval before it waits for one', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a')], options: { approve: ['post'] } }));
    await run.handle.signal(approveSignal, { by: 'hasty' });
    await bench.atGate(run);
    expect(run.hosts.of('pruneHost')).toEqual([]);
    await run.handle.signal(approveSignal);
    const { result } = await bench.ending(run);
    expect(result.said.map(({ what }) => what)).toEqual(['approved, not taken: no gate is waiting for an answer', 'approved the gate post for a']);
  });

  it('refuses an update that means another gate, and says which one waits', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a')], options: { approve: ['pre'] } }));
    await bench.atGate(run);
    const refused = await run.handle.executeUpdate(approveUpdate, { args: [{ gate: 'post' }] }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(WorkflowUpdateFailedError);
    expect(String((refused as WorkflowUpdateFailedError).cause)).toContain("the gate that waits is 'pre', not 'post'");
    await run.handle.executeUpdate(rejectUpdate, { args: [{}] });
    expect((await bench.ending(run)).type).toBe('RunRejected');
  });

  it('counts silence as a rejection, after the time that was given', async () => {
    const { type, result, run } = await bench.run(fleetInput({ hosts: [order('a')], options: { approve: ['pre'], approvalTimeoutSeconds: 3 * 24 * 3600 } }));
    expect(type).toBe('RunRejected');
    expect(result).toMatchObject({ outcome: 'rejected', hosts: [{ host: 'a', outcome: 'unchanged' }] });
    expect(result.said).toMatchObject([{ what: 'nobody answered the gate pre in time: rejected', by: 'bactrian' }]);
    expect(run.hosts.order(...CHANGES, 'releaseLock')).toEqual([]);
  });

  it('ends the run before any change when it is rejected: no lock, no host touched', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a'), order('b')], options: { approve: ['pre'] } }));
    await bench.atGate(run);
    await run.handle.signal(rejectSignal, { by: 'bob', why: 'not today' });
    const { type, result } = await bench.ending(run);
    expect(type).toBe('RunRejected');
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['unchanged', 'unchanged']);
    expect(run.hosts.order().sort()).toEqual(['probeHost a', 'probeHost b', 'runHook pre-connect a,b', `writeReport ${run.input.run}`]);
  });
});

describe('a gate after the cutover', () => {
  it('puts every host back and unlocks when it is rejected', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a'), order('b')], options: { approve: ['post'] } }));
    await bench.atGate(run);
    expect(run.hosts.order('cutOver')).toHaveLength(2);
    expect(run.hosts.order('pruneHost')).toEqual([]);
    await run.handle.executeUpdate(rejectUpdate, { args: [{ by: 'bob' }] });
    const { type, result } = await bench.ending(run);
    expect(type).toBe('RunRejected');
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['put back', 'put back']);
    expect(['a', 'b'].every((host) => run.hosts.isUntouched(host))).toBe(true);
    expect(run.hosts.order('pruneHost', 'releaseLock')).toEqual(['releaseLock a']);
    expect(run.hosts.of('runHook', 'post-proxy-reboot')).toEqual([]);
  });

  it('puts the hosts back, too, when nobody answers', async () => {
    const { type, result, run } = await bench.run(fleetInput({ hosts: [order('a')], options: { approve: ['post'], approvalTimeoutSeconds: 60 } }));
    expect(type).toBe('RunRejected');
    expect(result.hosts).toMatchObject([{ outcome: 'put back' }]);
    expect(run.hosts.isUntouched('a')).toBe(true);
  });
});
