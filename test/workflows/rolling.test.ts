import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FailureType } from '../../src/plan/failure-types.ts';
import { approveSignal, rejectSignal } from '../../workflows/messages.ts';
import { Bench } from './environment.ts';
import { FakeHosts, fails } from './fake-hosts.ts';
import { fleetInput, JOB, order } from './orders.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
});
afterAll(async () => {
  await bench.close();
});

const ON_HOSTS = ['prepareHost', 'proveRole', 'cutOver', 'stopOldRole', 'replaceRole', 'verifyHost', 'pruneHost', 'prepareAccessory', 'swapAccessory', 'settleAccessory', 'pruneAccessory', 'holdRequests', 'letRequestsThrough'] as const;

/** An accessory's reboot, while requests wait on the web host. */
const rebooted = (which: string) => [`prepareAccessory ${which}`, 'holdRequests a', `swapAccessory ${which}`, 'letRequestsThrough a', `settleAccessory ${which}`];

describe('a rolling run', () => {
  it('brings one host home, with its accessories, before it touches the next', async () => {
    const hosts = new FakeHosts();
    for (const activity of ON_HOSTS) hosts.when(activity, null, () => new Promise((resolve) => setTimeout(resolve, 5)));
    const input = fleetInput({ hosts: [order('a'), order('b', [JOB], { accessories: ['redis', 'db'] }), order('c', [], { accessories: ['search'] })], options: { rolling: true } });
    const { result } = await bench.run(input, hosts);
    expect(result.outcome).toBe('done');
    expect(hosts.mostAtOnce(...ON_HOSTS)).toBe(1);
    expect(hosts.order('runHook', ...ON_HOSTS)).toEqual([
      'runHook pre-connect a,b,c',
      'runHook pre-proxy-reboot a', 'runHook pre-app-boot a', 'prepareHost a', 'proveRole a web', 'cutOver a', 'verifyHost a', 'runHook post-app-boot a', 'runHook post-proxy-reboot a', 'pruneHost a',
      'runHook pre-proxy-reboot b', 'runHook pre-app-boot b', 'prepareHost b', 'replaceRole b job', 'verifyHost b', 'runHook post-app-boot b', 'runHook post-proxy-reboot b', 'pruneHost b',
      ...rebooted('b redis'), ...rebooted('b db'),
      'runHook pre-proxy-reboot c', 'runHook post-proxy-reboot c', ...rebooted('c search'),
    ]);
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done']);
    expect(result.accessories.map(({ host, phase }) => `${host} ${phase}`)).toEqual(['b done', 'c done']);
  });

  it('takes the lock once, after the first approval, and holds it to the end', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a'), order('b')], options: { rolling: true, approve: ['pre'] } }));
    expect((await bench.atGate(run)).gate).toMatchObject({ gate: 'pre', hosts: ['a'] });
    expect(run.hosts.lockedBy).toBeNull();
    await run.handle.signal(approveSignal);
    await bench.record(run, ({ gate }) => gate?.hosts[0] === 'b');
    expect(run.hosts.lockedBy).toBe(run.input.run);
    expect(run.hosts.isUpgraded('a')).toBe(true);
    expect(run.hosts.of('prepareHost', 'b')).toEqual([]);
    await run.handle.signal(approveSignal);
    expect((await bench.ending(run)).type).toBeNull();
    expect(run.hosts.order('acquireLock', 'releaseLock')).toEqual(['acquireLock a', 'releaseLock a']);
  });

  it('leaves what is done as it is when a later host is rejected', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a'), order('b'), order('c')], options: { rolling: true, approve: ['post'] } }));
    await bench.atGate(run);
    await run.handle.signal(approveSignal);
    await bench.record(run, ({ gate }) => gate?.hosts[0] === 'b');
    await run.handle.signal(rejectSignal);
    const { type, result } = await bench.ending(run);
    expect(type).toBe('RunRejected');
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['done', 'put back', 'unchanged']);
    expect([run.hosts.isUpgraded('a'), run.hosts.isUntouched('b'), run.hosts.isUntouched('c')]).toEqual([true, true, true]);
  });

  it('goes to no further host after one that failed', async () => {
    const hosts = new FakeHosts().when('proveRole', 'b', () => {
      throw fails(FailureType.appUnhealthy, 'shop-web-v1 did not become healthy');
    });
    const { type, result } = await bench.run(fleetInput({ hosts: [order('a'), order('b'), order('c')], options: { rolling: true } }), hosts);
    expect(type).toBe('RunFailed');
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['done', 'put back', 'unchanged']);
    expect(hosts.of('runHook').every(({ what }) => what !== 'c')).toBe(true);
  });
});
