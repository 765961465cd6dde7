import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { FailureType } from '../../src/plan/failure-types.ts';
import { Bench } from './environment.ts';
import { FakeHosts, fails, passes } from './fake-hosts.ts';
import { fleetInput, JOB, order } from './orders.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
});
afterAll(async () => {
  await bench.close();
});

describe('the probe', () => {
  it('ends the run before the lock when a host is not as the plan saw it, and names it', async () => {
    const hosts = new FakeHosts().when('probeHost', 'b', () => {
      throw fails(FailureType.factsChanged, 'b is not as the plan saw it');
    });
    const { type, result } = await bench.run(fleetInput({ hosts: [order('a'), order('b')] }), hosts);
    expect(type).toBe('RunFailed');
    expect(result.failure).toMatchObject({ step: 'b: probe', type: 'FactsChanged' });
    expect(hosts.order('acquireLock', 'prepareHost', 'releaseLock')).toEqual([]);
  });

  it('looks again once the lock is ours: what changed during an approval ends the run, unlocked', async () => {
    const hosts = new FakeHosts();
    hosts.when('probeHost', 'a', () => {
      if (hosts.of('probeHost', 'a').length > 1) throw fails(FailureType.factsChanged, 'a is not as the plan saw it');
    });
    const { result } = await bench.run(fleetInput({ hosts: [order('a')] }), hosts);
    expect(result).toMatchObject({ outcome: 'failed', failure: { type: 'FactsChanged' }, hosts: [{ outcome: 'unchanged' }] });
    expect(hosts.order('acquireLock', 'prepareHost', 'releaseLock')).toEqual(['acquireLock a', 'releaseLock a']);
  });

  it.each([
    ['the plan has just done so', {}, ['acquireLock a', 'probeHost a', 'releaseLock a']],
    ['the plan did so a while ago', { lookedAgoMs: 130_000 }, ['probeHost a']],
    ['a hook opens the way to the hosts', { hooks: ['pre-connect'] }, ['probeHost a']],
    ['a person is to be asked', { options: { approve: ['pre' as const] } }, ['probeHost a']],
  ])('looks before the lock, or only once it is ours: %s', async (_when, wish, calls) => {
    const hosts = new FakeHosts().when('probeHost', 'a', () => {
      throw fails(FailureType.factsChanged, 'a is not as the plan saw it');
    });
    await bench.run(fleetInput({ hosts: [order('a')], hooks: [], ...wish }), hosts);
    expect(hosts.order('probeHost', 'acquireLock', 'releaseLock')).toEqual(calls);
  });

  it('tries three times to reach a host', async () => {
    const hosts = new FakeHosts().when('probeHost', 'a', () => {
      throw passes(FailureType.hostUnreachable, 'no route to a');
    });
    const { result } = await bench.run(fleetInput({ hosts: [order('a')] }), hosts);
    expect(result.failure).toMatchObject({ step: 'a: probe', type: 'HostUnreachable', message: 'no route to a' });
    expect(hosts.of('probeHost').map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });
});

describe('the deploy lock', () => {
  it('of somebody else ends the run and stays theirs', async () => {
    const hosts = new FakeHosts();
    hosts.lockedBy = 'somebody';
    const run = await bench.start(fleetInput({ hosts: [order('a')] }), hosts);
    const failed = await run.handle.result().catch((error: unknown) => error);
    expect((failed as WorkflowFailedError).cause).toMatchObject({ type: 'RunFailed' });
    expect(hosts.lockedBy).toBe('somebody');
    expect(hosts.order('prepareHost')).toEqual([]);
    expect(hosts.reports).toMatchObject([{ failure: { type: 'LockHeld' }, hosts: [{ outcome: 'unchanged' }] }]);
  });

  it('of somebody else is waited for when asked to', async () => {
    const hosts = new FakeHosts();
    hosts.lockedBy = 'somebody';
    hosts.when('acquireLock', 'a', () => {
      if (hosts.of('acquireLock').length === 4) hosts.lockedBy = null;
    });
    const { type } = await bench.run(fleetInput({ hosts: [order('a')], hooks: [], options: { lockWait: { timeout: 900, interval: 60 } } }), hosts);
    expect(type).toBeNull();
    expect(hosts.of('acquireLock')).toHaveLength(4);
  });

  it('is not waited for longer than asked to', async () => {
    const hosts = new FakeHosts();
    hosts.lockedBy = 'somebody';
    const run = await bench.start(fleetInput({ hosts: [order('a')], hooks: [], options: { lockWait: { timeout: 300, interval: 60 } } }), hosts);
    await run.handle.result().catch(() => undefined);
    expect(hosts.of('acquireLock')).toHaveLength(6);
    expect(hosts.reports).toMatchObject([{ failure: { type: 'LockHeld' } }]);
  });

  it('that cannot be released makes the run fail, with all it knows about its hosts', async () => {
    const hosts = new FakeHosts().when('releaseLock', 'a', () => {
      hosts.lockedBy = null;
      throw fails(FailureType.sshRefused, 'a does not know the key any more');
    });
    const { type, result } = await bench.run(fleetInput({ hosts: [order('a')] }), hosts);
    expect(type).toBe('RunFailed');
    expect(result).toMatchObject({ outcome: 'failed', hosts: [{ outcome: 'done' }], failure: { step: 'a: release the deploy lock', type: 'SshRefused' } });
    expect(result.failure?.hint).toContain('bactrian unlock');
  });

  it('is on the primary host, also when that one is not part of the run', async () => {
    const { run } = await bench.run(fleetInput({ hosts: [order('b', [JOB])], primaryHost: 'a' }));
    expect(run.hosts.order('acquireLock', 'releaseLock')).toEqual(['acquireLock a', 'releaseLock a']);
  });
});

describe('a fleet that is there already', () => {
  it('is only verified: no hook, no lock, nothing changed', async () => {
    const { type, result, run } = await bench.run(fleetInput({ hosts: [order('a', undefined, { done: true }), order('b', [JOB], { done: true })] }));
    expect(type).toBeNull();
    expect(run.hosts.order().sort()).toEqual(['verifyHost a', 'verifyHost b', `writeReport ${run.input.run}`]);
    expect(result.hosts.map(({ outcome, alreadyThere }) => [outcome, alreadyThere])).toEqual([['done', true], ['done', true]]);
  });

  it('fails, unchanged, where a host does not stand the look', async () => {
    const hosts = new FakeHosts().when('verifyHost', 'b', () => {
      throw fails(FailureType.verifyFailed, 'no container shop-web-v1');
    });
    const { type, result } = await bench.run(fleetInput({ hosts: [order('a', undefined, { done: true }), order('b', undefined, { done: true })] }), hosts);
    expect(type).toBe('RunFailed');
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['done', 'unchanged']);
    expect(result.failure).toMatchObject({ step: 'b: verify', type: 'VerifyFailed' });
    expect(hosts.order('putBack', 'acquireLock')).toEqual([]);
  });

  it('in part: those hosts are verified, the others upgraded', async () => {
    const { result, run } = await bench.run(fleetInput({ hosts: [order('a', undefined, { done: true }), order('b')] }));
    expect(result.hosts.map(({ outcome, alreadyThere }) => [outcome, alreadyThere])).toEqual([['done', true], ['done', false]]);
    expect(run.hosts.order('prepareHost', 'cutOver', 'pruneHost')).toEqual(['prepareHost b', 'cutOver b', 'pruneHost b']);
    expect(run.hosts.of('verifyHost', 'a')).toHaveLength(1);
  });
});

describe('a run', () => {
  it('of more hosts than its history can hold is refused, with what to do', async () => {
    const run = await bench.start(fleetInput({ hosts: Array.from({ length: 501 }, (_, at) => order(`host-${at}`)) }));
    const failed = await run.handle.result().catch((error: unknown) => error);
    expect((failed as WorkflowFailedError).cause).toBeInstanceOf(ApplicationFailure);
    expect((failed as WorkflowFailedError).cause).toMatchObject({ type: 'TooManyHosts', message: '501 hosts in one run; at most 500 are taken: name a part of them with -h' });
    expect(run.hosts.calls).toEqual([]);
  });

  it('ends as it would when its report cannot be written', async () => {
    const hosts = new FakeHosts().when('writeReport', null, () => {
      throw passes(FailureType.stepFailed, 'no space left');
    });
    const run = await bench.start(fleetInput({ hosts: [order('a')] }), hosts);
    expect((await run.handle.result()).outcome).toBe('done');
    expect(hosts.of('writeReport')).toHaveLength(5);
  });

  it('writes nothing into its history but ids, names, options and what activities said', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a', undefined, { accessories: ['redis'] })] }));
    await bench.ending(run);
    const ids = [run.handle.workflowId, `${run.handle.workflowId}/${run.input.run}/a`, `${run.handle.workflowId}/${run.input.run}/accessories`];
    const words = new Set<string>();
    for (const id of ids) {
      const { events } = await bench.env.client.workflow.getHandle(id).fetchHistory();
      for (const event of events ?? []) for (const key of keysOf(event.activityTaskScheduledEventAttributes?.input?.payloads ?? [])) words.add(key);
    }
    expect(words.size).toBeGreaterThan(20);
    // A new word means that something new is stored for everyone to see: is it no command, no value, no content?
    const known = new Set([
      'accessories', 'accessory', 'alreadyThere', 'destination', 'digest', 'direction', 'endedAt', 'failure', 'fingerprint', 'heldSeconds', 'hook', 'host', 'hostnameSuffix', 'hosts',
      'idempotent', 'locked', 'name', 'notes', 'outcome', 'phase', 'primary', 'proxied', 'pruned', 'pull', 'replacedSuffix', 'result', 'role', 'roles',
      'run', 'runningVersion', 'imageId', 'runStartedAt', 'said', 'seq', 'service', 'startedAt', 'state', 'stepId', 'steps', 'strategy', 'takeOverLockOf', 'version',
      'acceptAnswers', 'acceptUnreachable', 'importCertificates', 'keepTraefik', 'lookedAgoMs', 'probeUrls', 'from', 'known', 'longestGapMs', 'lost', 'meter', 'round', 'seconds', 'sent', 'soak', 'unwatchedMs', 'url', 'why',
    ]);
    expect([...words].filter((word) => !known.has(word))).toEqual([]);
  });
});

/** Every key of every object in some JSON payloads. */
function keysOf(payloads: { data?: Uint8Array | null }[]): string[] {
  const keys = (value: unknown): string[] =>
    value === null || typeof value !== 'object' ? [] : Array.isArray(value) ? value.flatMap(keys) : Object.entries(value).flatMap(([key, each]) => [key, ...keys(each)]);
  return payloads.flatMap(({ data }) => keys(JSON.parse(Buffer.from(data ?? []).toString() || 'null')));
}
