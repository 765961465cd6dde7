import { WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FailureType } from '../../src/plan/failure-types.ts';
import { resumeSignal, resumeUpdate } from '../../workflows/messages.ts';
import { Bench } from './environment.ts';
import { FakeHosts, fails, passes } from './fake-hosts.ts';
import { fleetInput, order } from './orders.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
});
afterAll(async () => {
  await bench.close();
});

const unseen = () => {
  throw fails(FailureType.hookOutcomeUnknown, 'the hook ran, but its end was not seen');
};
const unresolved = () => {
  throw fails(FailureType.secretsUnresolved, 'RAILS_MASTER_KEY: op is not signed in');
};

describe('a hook', () => {
  it('that the project does not have is not asked for', async () => {
    const { run } = await bench.run(fleetInput({ hosts: [order('a')], hooks: ['post-app-boot'] }));
    expect(run.hosts.order('runHook')).toEqual(['runHook post-app-boot a']);
  });

  it.each(['pre-connect', 'pre-proxy-reboot', 'pre-app-boot'])('%s that fails leaves every host untouched', async (name) => {
    const hosts = new FakeHosts().when('runHook', name, () => {
      throw fails(FailureType.hookFailed, `the hook ${name} ended with 3`);
    });
    const { type, result } = await bench.run(fleetInput({ hosts: [order('a'), order('b')] }), hosts);
    expect(type).toBe('RunFailed');
    expect(result.failure).toMatchObject({ step: `hook ${name}`, type: 'HookFailed', message: `the hook ${name} ended with 3` });
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['unchanged', 'unchanged']);
    expect(hosts.order('prepareHost', 'proveRole', 'cutOver', 'putBack')).toEqual([]);
    expect(hosts.of('runHook', name)).toHaveLength(1);
  });

  it.each(['post-app-boot', 'post-proxy-reboot'])('%s that fails puts its hosts back', async (name) => {
    const hosts = new FakeHosts().when('runHook', name, () => {
      throw fails(FailureType.hookFailed, `the hook ${name} ended with 3`);
    });
    const { type, result } = await bench.run(fleetInput({ hosts: [order('a'), order('b')] }), hosts);
    expect(type).toBe('RunFailed');
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['put back', 'put back']);
    expect(['a', 'b'].every((host) => hosts.isUntouched(host))).toBe(true);
  });

  it('whose end nobody saw is run again when a person says so', async () => {
    let times = 0;
    const hosts = new FakeHosts().when('runHook', 'pre-proxy-reboot', () => {
      times += 1;
      if (times === 1) unseen();
    });
    const run = await bench.start(fleetInput({ hosts: [order('a')] }), hosts);
    const { question } = await bench.asks(run);
    expect(question).toMatchObject({ where: 'hook pre-proxy-reboot', choices: ['retry', 'skip', 'abort'], failure: { type: 'HookOutcomeUnknown' } });
    const answer = await run.handle.executeUpdate(resumeUpdate, { args: [{ by: 'eve', decision: 'retry' }] });
    expect(answer).toBe('hook pre-proxy-reboot: retry');
    expect((await bench.ending(run)).type).toBeNull();
    expect(hosts.of('runHook', 'pre-proxy-reboot')).toHaveLength(2);
  });

  it('whose end nobody saw is passed over when a person says so', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a')] }), new FakeHosts().when('runHook', 'pre-app-boot', unseen));
    await bench.asks(run);
    await run.handle.signal(resumeSignal, { decision: 'skip', why: 'it only posts to the chat' });
    const { type, result } = await bench.ending(run);
    expect(type).toBeNull();
    expect(result.said).toMatchObject([{ what: 'skip: hook pre-app-boot', why: 'it only posts to the chat' }]);
    expect(run.hosts.of('runHook', 'pre-app-boot')).toHaveLength(1);
  });

  it('whose end nobody saw ends the run, everything put back, when a person says so', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a')] }), new FakeHosts().when('runHook', 'post-app-boot', unseen));
    await bench.asks(run);
    await run.handle.signal(resumeSignal, { decision: 'abort' });
    const { type, result } = await bench.ending(run);
    expect(type).toBe('RunFailed');
    expect(result.hosts).toMatchObject([{ outcome: 'put back' }]);
    expect(run.hosts.isUntouched('a')).toBe(true);
  });
});

describe('a host that needs a person', () => {
  it('waits before anything of the old generation is touched, and tries again when told', async () => {
    let signedIn = false;
    const hosts = new FakeHosts().when('prepareHost', 'a', () => {
      if (!signedIn) unresolved();
    });
    const run = await bench.start(fleetInput({ hosts: [order('a')] }), hosts);
    const { question } = await bench.asks(run);
    expect(question).toMatchObject({ where: 'a', choices: ['retry', 'abort'], failure: { type: 'SecretsUnresolved', message: 'RAILS_MASTER_KEY: op is not signed in' } });
    expect(hosts.of('cutOver')).toEqual([]);
    signedIn = true;
    await run.handle.executeUpdate(resumeUpdate, { args: [{}] });
    const { type, result } = await bench.ending(run);
    expect(type).toBeNull();
    expect(result.hosts[0]?.failure).toBeNull();
  });

  it('asks again when the same is still missing', async () => {
    let attempts = 0;
    const hosts = new FakeHosts().when('prepareHost', 'a', () => {
      attempts += 1;
      if (attempts < 3) unresolved();
    });
    const run = await bench.start(fleetInput({ hosts: [order('a')] }), hosts);
    for (let asked = 1; asked <= 2; asked += 1) {
      await bench.record(run, ({ question }) => question !== null && attempts === asked);
      await run.handle.executeUpdate(resumeUpdate, { args: [{}] });
    }
    expect((await bench.ending(run)).type).toBeNull();
    expect(attempts).toBe(3);
  });

  it('does not take an answer that it did not offer', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a')] }), new FakeHosts().when('prepareHost', 'a', unresolved));
    await bench.asks(run);
    const refused = await run.handle.executeUpdate(resumeUpdate, { args: [{ decision: 'skip' }] }).catch((error: unknown) => error);
    expect(String((refused as WorkflowUpdateFailedError).cause)).toContain("it can be answered with retry, abort, not with 'skip'");
    await run.handle.signal(resumeSignal, { decision: 'skip' });
    await run.handle.executeUpdate(resumeUpdate, { args: [{ decision: 'abort' }] });
    const { type, result } = await bench.ending(run);
    expect(type).toBe('RunFailed');
    expect(result.said.map(({ what }) => what)).toEqual(["resume, not taken: it can be answered with retry, abort, not with 'skip'", 'abort: a']);
    expect(result.hosts).toMatchObject([{ outcome: 'put back', failure: { type: 'SecretsUnresolved' } }]);
  });

  it('is asked for together with all that need the same, and one answer serves them all', async () => {
    let signedIn = false;
    const hosts = new FakeHosts();
    for (const host of ['a', 'b', 'd']) {
      hosts.when('prepareHost', host, () => {
        if (!signedIn) unresolved();
      });
    }
    const run = await bench.start(fleetInput({ hosts: ['a', 'b', 'c', 'd'].map((name) => order(name)) }), hosts);
    await bench.record(run, ({ question }) => question?.where.split(', ').sort().join() === 'a,b,d');
    signedIn = true;
    await run.handle.executeUpdate(resumeUpdate, { args: [{}] });
    const { type, result } = await bench.ending(run);
    expect(type).toBeNull();
    expect(result.said).toHaveLength(1);
  });

  it('is asked about one after the other where hosts need different things', async () => {
    const missing = new Map([['a', FailureType.secretsUnresolved], ['b', FailureType.configurationMissing]]);
    const hosts = new FakeHosts();
    for (const [host, type] of missing) {
      hosts.when('prepareHost', host, () => {
        if (missing.has(host)) throw fails(type, `${host} needs ${type}`);
      });
    }
    const run = await bench.start(fleetInput({ hosts: [order('a'), order('b')] }), hosts);
    const asked: string[] = [];
    while (missing.size > 0) {
      const { question } = await bench.record(run, (record) => record.question !== null && missing.has(record.question.where));
      asked.push(question?.where ?? '');
      missing.delete(question?.where ?? '');
      await run.handle.executeUpdate(resumeUpdate, { args: [{}] });
    }
    expect((await bench.ending(run)).type).toBeNull();
    expect(asked.sort()).toEqual(['a', 'b']);
  });
});

describe('a run that stood still for hours', () => {
  const asleep = () => new FakeHosts().when('verifyHost', 'a', ({ attempt }) => {
    if (attempt < 150) throw passes(FailureType.hostUnreachable, 'no route to a');
  });

  it('looks again and asks before it touches the next host', async () => {
    const input = fleetInput({ hosts: [order('a'), order('b')], options: { concurrency: 1 } });
    const run = await bench.start(input, asleep());
    await bench.env.sleep('3 hours');
    const { question } = await bench.asks(run);
    expect(question).toMatchObject({ where: 'after a long sleep', choices: ['retry', 'abort'] });
    expect(run.hosts.of('probeHost', 'b')).toHaveLength(3);
    expect(run.hosts.of('prepareHost', 'b')).toEqual([]);
    await run.handle.executeUpdate(resumeUpdate, { args: [{}] });
    expect((await bench.ending(run)).type).toBeNull();
  });

  it('ends, with what is done, when the answer is no', async () => {
    const input = fleetInput({ hosts: [order('a'), order('b')], options: { concurrency: 1 } });
    const run = await bench.start(input, asleep());
    await bench.env.sleep('3 hours');
    await bench.asks(run);
    await run.handle.signal(resumeSignal, { decision: 'abort' });
    const { type, result } = await bench.ending(run);
    expect(type).toBe('RunFailed');
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['done', 'unchanged']);
  });
});
