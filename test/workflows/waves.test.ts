import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FailureType } from '../../src/plan/failure-types.ts';
import { Bench } from './environment.ts';
import { FakeHosts, fails, passes } from './fake-hosts.ts';
import { BARE, fleetInput, JOB, order, WEB } from './orders.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
});
afterAll(async () => {
  await bench.close();
});

const ON_HOSTS = ['prepareHost', 'proveRole', 'cutOver', 'stopOldRole', 'replaceRole', 'verifyHost', 'pruneHost', 'putBack'] as const;
/** Takes some real time, so that calls which may overlap do. */
const slowly = () => new Promise<void>((resolve) => setTimeout(resolve, 30));

function last(hosts: FakeHosts, activity: (typeof ON_HOSTS)[number]): number {
  return Math.max(...hosts.of(activity).map(({ ended }) => ended ?? Infinity));
}

function first(hosts: FakeHosts, activity: (typeof ON_HOSTS)[number]): number {
  return Math.min(...hosts.of(activity).map(({ began }) => began));
}

describe('a wave', () => {
  it('takes a host from probe to prune in this order', async () => {
    const { result, run } = await bench.run(fleetInput({ hosts: [order('a', [WEB, JOB])] }));
    expect(result.outcome).toBe('done');
    expect(run.hosts.order()).toEqual([
      'runHook pre-connect a', 'probeHost a', 'acquireLock a', 'probeHost a', 'runHook pre-proxy-reboot a', 'runHook pre-app-boot a',
      'prepareHost a', 'proveRole a web', 'compareAnswers a', 'meterHost a', 'cutOver a', 'replaceRole a job', 'verifyHost a',
      'runHook post-app-boot a', 'runHook post-proxy-reboot a', 'pruneHost a', 'releaseLock a', `writeReport ${run.input.run}`,
    ]);
    expect(result.hosts[0]).toMatchObject({ outcome: 'done', phase: 'done', alreadyThere: false });
    expect(result.hosts[0]?.steps.map(({ name, state }) => `${name}: ${state}`)).toEqual([
      'prepare: done', 'boot app web: done', 'compare answers: done', 'probes from outside: done', 'hand over to kamal-proxy: done', 'boot app job: done', 'verify: done', 'prune: done',
    ]);
  });

  it('cuts over nowhere before the new path is proved on each of its hosts', async () => {
    const hosts = new FakeHosts();
    hosts.when('proveRole', 'c', async () => {
      while (hosts.of('proveRole').filter(({ ended }) => ended !== null).length < 2) await slowly();
      await slowly();
    });
    const { result } = await bench.run(fleetInput({ hosts: ['a', 'b', 'c'].map((name) => order(name)) }), hosts);
    expect(result.outcome).toBe('done');
    expect(first(hosts, 'cutOver')).toBeGreaterThan(last(hosts, 'proveRole'));
  });

  it('leaves all of its hosts as they were when one stays unhealthy', async () => {
    const hosts = new FakeHosts().when('proveRole', 'b', () => {
      throw fails(FailureType.appUnhealthy, 'shop-web-v1 did not become healthy');
    });
    const { type, message, result } = await bench.run(fleetInput({ hosts: ['a', 'b', 'c'].map((name) => order(name)) }), hosts);
    expect(type).toBe('RunFailed');
    expect(message).toContain('b: boot app web: shop-web-v1 did not become healthy');
    expect(hosts.of('cutOver')).toEqual([]);
    expect(['a', 'b', 'c'].filter((host) => hosts.isUntouched(host))).toEqual(['a', 'b', 'c']);
    expect(result.failure).toMatchObject({ step: 'b: boot app web', type: 'AppUnhealthy' });
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['put back', 'put back', 'put back']);
    expect(result.hosts[0]?.failure).toBeNull();
    expect(result.hosts[1]?.steps.map(({ name, state }) => `${name}: ${state}`)).toEqual(['prepare: undone', 'boot app web: failed', 'put back: done']);
  });

  it('starts no wave after one that failed', async () => {
    const hosts = new FakeHosts().when('prepareHost', 'b', () => {
      throw fails(FailureType.imageMissing, 'the image is gone');
    });
    const input = fleetInput({ hosts: ['a', 'b', 'c', 'd'].map((name) => order(name)), options: { concurrency: 1 } });
    const { result } = await bench.run(input, hosts);
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['done', 'put back', 'unchanged', 'unchanged']);
    expect(hosts.of('prepareHost').map(({ where }) => where)).toEqual(['a', 'b']);
    expect(hosts.isUpgraded('a')).toBe(true);
  });

  it('puts only that host back whose cutover fails; the others are finished', async () => {
    const hosts = new FakeHosts().when('cutOver', 'b', () => {
      throw fails(FailureType.cutoverFailed, 'kamal-proxy did not start');
    });
    const { type, result } = await bench.run(fleetInput({ hosts: ['a', 'b', 'c'].map((name) => order(name)) }), hosts);
    expect(type).toBe('RunFailed');
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['done', 'put back', 'done']);
    expect([hosts.isUpgraded('a'), hosts.isUntouched('b'), hosts.isUpgraded('c')]).toEqual([true, true, true]);
    expect(result.failure).toMatchObject({ step: 'b: hand over to kamal-proxy', type: 'CutoverFailed' });
    expect(hosts.of('runHook', 'post-app-boot')).toEqual([]);
  });

  it('puts a host back that does not stand the last look', async () => {
    const hosts = new FakeHosts().when('verifyHost', 'a', () => {
      throw fails(FailureType.verifyFailed, 'traefik still runs');
    });
    const { result } = await bench.run(fleetInput({ hosts: [order('a')] }), hosts);
    expect(result.hosts).toMatchObject([{ outcome: 'put back', failure: { type: 'VerifyFailed' } }]);
    expect(hosts.isUntouched('a')).toBe(true);
  });

  it('says that a host is stuck, and why it had to be put back, when that fails too', async () => {
    const hosts = new FakeHosts()
      .when('cutOver', null, () => {
        throw fails(FailureType.cutoverFailed, 'kamal-proxy did not start');
      })
      .when('putBack', null, () => {
        throw fails(FailureType.putBackFailed, 'not all of it could be undone');
      });
    const { result } = await bench.run(fleetInput({ hosts: [order('a')] }), hosts);
    expect(result.hosts).toMatchObject([{ outcome: 'stuck', phase: 'stuck', failure: { step: 'put back', type: 'PutBackFailed' } }]);
    expect(result.hosts[0]?.failure?.message).toBe("not all of it could be undone (put back because of 'hand over to kamal-proxy': kamal-proxy did not start)");
  });

  it('is as large as --concurrency', async () => {
    const hosts = new FakeHosts();
    for (const activity of ON_HOSTS) hosts.when(activity, null, slowly);
    hosts.when('prepareHost', null, async () => {
      while (hosts.of('prepareHost').length < 2) await slowly();
    });
    const { result } = await bench.run(fleetInput({ hosts: ['a', 'b', 'c', 'd', 'e'].map((name) => order(name)), options: { concurrency: 2 } }), hosts);
    expect(result.outcome).toBe('done');
    expect(hosts.mostAtOnce(...ON_HOSTS)).toBe(2);
    expect(hosts.of('runHook', 'pre-app-boot').map(({ what }) => what)).toEqual(['a,b', 'c,d', 'e']);
  });

  it('is no larger than boot.limit, and boot.wait is waited after each', async () => {
    const startedAt = await bench.env.currentTimeMs();
    const hosts = new FakeHosts().when('proveRole', null, slowly);
    const input = fleetInput({ hosts: ['a', 'b', 'c', 'd', 'e'].map((name) => order(name)), bootLimit: 3, bootWaitSeconds: 600 });
    const { result } = await bench.run(input, hosts);
    expect(result.outcome).toBe('done');
    expect(hosts.mostAtOnce('proveRole')).toBeLessThanOrEqual(3);
    expect(hosts.of('runHook', 'pre-app-boot').map(({ what }) => what)).toEqual(['a,b,c', 'd,e']);
    expect((await bench.env.currentTimeMs()) - startedAt).toBeGreaterThanOrEqual(2 * 600_000);
  });

  it("keeps Kamal's own order with the strategy `kamal`: the app boots behind the proxy that has taken over", async () => {
    const hosts = new FakeHosts();
    const { result } = await bench.run(fleetInput({ hosts: [order('a', [WEB], { strategy: 'kamal' })], options: { strategy: 'kamal' } }), hosts);
    expect(result.outcome).toBe('done');
    expect(hosts.order('prepareHost', 'cutOver', 'proveRole', 'stopOldRole', 'pruneHost')).toEqual(['prepareHost a', 'cutOver a', 'proveRole a web', 'stopOldRole a web', 'pruneHost a']);
  });

  it('tries again what may pass, with longer and longer pauses', async () => {
    const startedAt = await bench.env.currentTimeMs();
    const hosts = new FakeHosts().when('prepareHost', 'a', ({ attempt }) => {
      if (attempt < 4) throw passes(FailureType.registryUnavailable, 'the registry answers 503');
    });
    const { result } = await bench.run(fleetInput({ hosts: [order('a')] }), hosts);
    expect(result.outcome).toBe('done');
    expect(hosts.of('prepareHost').map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    expect((await bench.env.currentTimeMs()) - startedAt).toBeGreaterThanOrEqual(1000 + 2000 + 4000);
  });

  it('gives up after a quarter of an hour what keeps two generations side by side, and names the last error', async () => {
    const hosts = new FakeHosts().when('proveRole', 'a', () => {
      throw passes(FailureType.hostUnreachable, 'no route to a');
    });
    const { result } = await bench.run(fleetInput({ hosts: [order('a')] }), hosts);
    expect(result.hosts).toMatchObject([{ outcome: 'put back', failure: { step: 'boot app web', type: 'HostUnreachable', message: 'no route to a' } }]);
    expect(hosts.of('proveRole').length).toBeGreaterThan(20);
    expect(hosts.isUntouched('a')).toBe(true);
  });

  it('never gives up a step after the cutover', async () => {
    const hosts = new FakeHosts().when('verifyHost', 'a', ({ attempt }) => {
      if (attempt < 60) throw passes(FailureType.hostUnreachable, 'no route to a');
    });
    const { result } = await bench.run(fleetInput({ hosts: [order('a')] }), hosts);
    expect(result.outcome).toBe('done');
  });
});

describe('the barrier', () => {
  it('is open from the start where the proxy checks the primary role: all hosts cut over together', async () => {
    const hosts = new FakeHosts();
    hosts.when('cutOver', 'a', () => hosts.began('replaceRole', 'b'));
    const { result } = await bench.run(fleetInput({ hosts: [order('a'), order('b', [JOB])] }), hosts);
    expect(result.outcome).toBe('done');
  });

  it('lets other roles begin only after a container of an unproxied primary role is verified', async () => {
    const hosts = new FakeHosts().when('verifyHost', null, slowly);
    const { result } = await bench.run(fleetInput({ hosts: [order('a', [BARE]), order('b', [JOB]), order('c', [JOB])] }), hosts);
    expect(result.outcome).toBe('done');
    const leader = hosts.of('verifyHost', 'a')[0];
    for (const host of ['b', 'c']) expect(hosts.of('replaceRole', host)[0]?.began).toBeGreaterThan(leader?.ended ?? Infinity);
  });

  it('opens with the first of several leaders', async () => {
    const hosts = new FakeHosts().when('replaceRole', 'b', () => {
      throw fails(FailureType.appUnhealthy, 'core did not become healthy');
    });
    const { type, result } = await bench.run(fleetInput({ hosts: [order('a', [BARE]), order('b', [BARE]), order('c', [JOB])] }), hosts);
    expect(type).toBe('RunFailed');
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['done', 'put back', 'done']);
  });

  it('stays shut when all leaders fail: the others are put back without having changed roles', async () => {
    const hosts = new FakeHosts().when('replaceRole', 'a', () => {
      throw fails(FailureType.appUnhealthy, 'core did not become healthy');
    });
    const { result } = await bench.run(fleetInput({ hosts: [order('a', [BARE]), order('b', [JOB])] }), hosts);
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['put back', 'put back']);
    expect(hosts.of('replaceRole').map(({ where }) => where)).toEqual(['a']);
    expect(hosts.isUntouched('b')).toBe(true);
  });

  it('is open where a leader is on the new generation already', async () => {
    const hosts = new FakeHosts().when('replaceRole', 'b', () => {
      throw fails(FailureType.appUnhealthy, 'core did not become healthy');
    });
    const { result } = await bench.run(fleetInput({ hosts: [order('a', [BARE], { done: true }), order('b', [BARE]), order('c', [JOB])] }), hosts);
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['done', 'put back', 'done']);
  });
});
