import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FailureType } from '../../src/plan/failure-types.ts';
import { resumeUpdate } from '../../workflows/messages.ts';
import { Bench } from './environment.ts';
import { alive, FakeGate, FakeHosts, fails, passes, type Call } from './fake-hosts.ts';
import { fleetInput, JOB, order, WEB } from './orders.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
});
afterAll(async () => {
  await bench.close();
});

const OF_ACCESSORIES = ['prepareAccessory', 'swapAccessory', 'settleAccessory', 'joinAccessory', 'pruneAccessory', 'holdRequests', 'letRequestsThrough'] as const;

describe('accessories', () => {
  it('come after every app host is finished when the run is parallel', async () => {
    const { result, run } = await bench.run(fleetInput({ hosts: [order('a'), order('b', [JOB], { accessories: ['redis'] })] }));
    expect(result.accessories).toMatchObject([{ host: 'b', phase: 'done' }]);
    const began = run.hosts.of('swapAccessory')[0]?.began ?? 0;
    for (const call of run.hosts.of('pruneHost')) expect(began).toBeGreaterThan(call.ended ?? Infinity);
    expect(run.hosts.of('releaseLock')[0]?.began).toBeGreaterThan(run.hosts.of('settleAccessory')[0]?.ended ?? Infinity);
  });

  it('that do not come up are put back; those after them are left alone, the app stays', async () => {
    const hosts = new FakeHosts().when('swapAccessory', 'b', ({ what }) => {
      if (what === 'redis') throw fails(FailureType.accessoryUnhealthy, 'shop-redis is exited after its start');
    });
    const { type, result } = await bench.run(fleetInput({ hosts: [order('a'), order('b', [], { accessories: ['redis', 'db'] })] }), hosts);
    expect(type).toBe('RunFailed');
    expect(result.failure).toMatchObject({ step: 'b: reboot accessory redis', type: 'AccessoryUnhealthy' });
    expect(result.accessories).toMatchObject([{ host: 'b', phase: 'put back' }]);
    expect(hosts.order('swapAccessory', 'putBack')).toEqual(['swapAccessory b redis', 'putBack b accessories']);
    expect(result.hosts[0]).toMatchObject({ outcome: 'done' });
  });

  it('are worked on at no more than --concurrency hosts at once', async () => {
    const hosts = new FakeHosts();
    hosts.when('swapAccessory', null, async () => {
      while (hosts.of('swapAccessory').length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    });
    const input = fleetInput({ hosts: ['a', 'b', 'c', 'd', 'e'].map((name) => order(name, [], { accessories: ['cache'] })), options: { concurrency: 2 } });
    const { result } = await bench.run(input, hosts);
    expect(result.outcome).toBe('done');
    expect(hosts.mostAtOnce('prepareAccessory', 'swapAccessory', 'settleAccessory')).toBe(2);
  });

  it('are not touched when they are skipped', async () => {
    const { run } = await bench.run(fleetInput({ hosts: [order('a', undefined, { accessories: ['redis'] })], options: { accessories: 'skip' } }));
    expect(run.hosts.order('prepareAccessory', 'swapAccessory', 'joinAccessory', 'holdRequests')).toEqual([]);
  });

  it('that are only joined to the network hold no request', async () => {
    const { run, result } = await bench.run(fleetInput({ hosts: [order('a', undefined, { accessories: ['redis'] })], options: { accessories: 'join' } }));
    expect(result.accessories).toMatchObject([{ host: 'a', phase: 'done' }]);
    expect(run.hosts.order(...OF_ACCESSORIES)).toEqual(['joinAccessory a redis', 'pruneAccessory a redis']);
  });

  it('that are there already are not rebooted, and hold no request', async () => {
    const hosts = new FakeHosts();
    hosts.there.add('redis');
    const { run } = await bench.run(fleetInput({ hosts: [order('a', undefined, { accessories: ['redis'] })] }), hosts);
    expect(run.hosts.order(...OF_ACCESSORIES)).toEqual(['prepareAccessory a redis']);
  });

  it('whose secrets do not resolve ask, and go on when they do', async () => {
    let known = false;
    const hosts = new FakeHosts().when('prepareAccessory', null, ({ what }) => {
      if (what === 'db' && !known) throw fails(FailureType.secretsUnresolved, 'REDIS_PASSWORD is not known here');
    });
    const run = await bench.start(fleetInput({ hosts: [order('a', [], { accessories: ['redis', 'db'] }), order('b', [], { accessories: ['redis', 'db'] })] }), hosts);
    const { question } = await bench.asks(run);
    expect(question?.where.split(', ').sort()).toEqual(['a', 'b']);
    expect(question).toMatchObject({ choices: ['retry', 'abort'], failure: { type: FailureType.secretsUnresolved } });
    expect(hosts.of('swapAccessory').map(({ what }) => what)).toEqual(['redis', 'redis']);
    known = true;
    await run.handle.executeUpdate(resumeUpdate, { args: [{ decision: 'retry' }] });
    const { type, result } = await bench.ending(run);
    expect(type).toBeNull();
    expect(result.accessories.map(({ phase, failure }) => [phase, failure])).toEqual([['done', null], ['done', null]]);
  });

  it('whose question is answered with abort are left as they were; those before them stay', async () => {
    const hosts = new FakeHosts().when('prepareAccessory', null, ({ what }) => {
      if (what === 'db') throw fails(FailureType.secretsUnresolved, 'REDIS_PASSWORD is not known here');
    });
    const run = await bench.start(fleetInput({ hosts: [order('a', [], { accessories: ['redis', 'db', 'search'] })] }), hosts);
    await bench.asks(run);
    await run.handle.executeUpdate(resumeUpdate, { args: [{ decision: 'abort' }] });
    const { type, result } = await bench.ending(run);
    expect(type).toBe('RunFailed');
    expect(result.failure).toMatchObject({ step: 'a: prepare accessory db', type: FailureType.secretsUnresolved });
    expect(result.accessories).toMatchObject([{ phase: 'put back' }]);
    expect(hosts.order('swapAccessory', 'settleAccessory', 'putBack')).toEqual(['swapAccessory a redis', 'settleAccessory a redis', 'putBack a accessories']);
  });

  it('that wait for an answer are put back when the run is cancelled, and it keeps their record', async () => {
    const hosts = new FakeHosts().when('prepareAccessory', null, () => {
      throw fails(FailureType.secretsUnresolved, 'REDIS_PASSWORD is not known here');
    });
    const run = await bench.start(fleetInput({ hosts: [order('a', [], { accessories: ['redis'] })] }), hosts);
    await bench.asks(run);
    await run.handle.cancel();
    const { type, result } = await bench.ending(run);
    expect(type).toBe('Cancelled');
    expect(result.accessories).toMatchObject([{ host: 'a', phase: 'put back' }]);
    expect(hosts.order('putBack')).toEqual(['putBack a accessories']);
  });
});

describe('requests, while an accessory reboots', () => {
  const web = () => [order('web-1'), order('web-2')];

  it('wait on every web host, once around each round of accessories', async () => {
    const hosts = new FakeHosts();
    const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 10));
    hosts.when('swapAccessory', null, slow).when('prepareAccessory', null, slow);
    const { result } = await bench.run(fleetInput({ hosts: [...web(), order('a', [], { accessories: ['redis', 'db'] }), order('web-3', [WEB], { accessories: ['search'] })] }), hosts);
    const served = ['web-1', 'web-2', 'web-3'];
    for (const host of served) expect(hosts.order('holdRequests', 'letRequestsThrough').filter((call) => call.endsWith(host))).toEqual(['holdRequests', 'letRequestsThrough', 'holdRequests', 'letRequestsThrough'].map((activity) => `${activity} ${host}`));
    const [first, second] = [0, 1].map((round) => ({
      from: Math.max(...served.map((host) => hosts.of('holdRequests', host)[round]?.ended ?? Infinity)),
      to: Math.min(...served.map((host) => hosts.of('letRequestsThrough', host)[round]?.began ?? 0)),
    }));
    const within = (call: Call, hold = first) => call.began > (hold?.from ?? Infinity) && (call.ended ?? Infinity) < (hold?.to ?? 0);
    for (const call of hosts.of('swapAccessory')) expect(within(call, call.what === 'db' ? second : first), `${call.where} ${call.what}`).toBe(true);
    // All that can be done before is.
    for (const call of hosts.of('prepareAccessory').filter(({ what }) => what !== 'db')) expect(call.ended).toBeLessThan(Math.min(...hosts.of('holdRequests').map(({ began }) => began)));
    expect(result.accessories.map(({ host, phase }) => `${host} ${phase}`)).toEqual(['a done', 'web-3 done']);
  });

  it('are let through again only when one that did not come up is put back', async () => {
    const hosts = new FakeHosts().when('swapAccessory', 'a', () => {
      throw fails(FailureType.accessoryUnhealthy, 'shop-redis is exited after its start');
    });
    const { type } = await bench.run(fleetInput({ hosts: [...web(), order('a', [], { accessories: ['redis'] })] }), hosts);
    expect(type).toBe('RunFailed');
    expect(hosts.order('swapAccessory', 'putBack', 'letRequestsThrough').slice(0, 2)).toEqual(['swapAccessory a redis', 'putBack a accessories']);
    expect(hosts.of('letRequestsThrough')).toHaveLength(2);
    expect(hosts.held()).toEqual([]);
  });

  it('wait again while one that did not settle is put back', async () => {
    const hosts = new FakeHosts().when('settleAccessory', 'a', () => {
      throw fails(FailureType.accessoryUnhealthy, 'shop-redis is exited after its start');
    });
    await bench.run(fleetInput({ hosts: [order('web-1'), order('a', [], { accessories: ['redis'] })] }), hosts);
    expect(hosts.order('holdRequests', 'swapAccessory', 'settleAccessory', 'putBack', 'letRequestsThrough')).toEqual([
      'holdRequests web-1', 'swapAccessory a redis', 'letRequestsThrough web-1', 'settleAccessory a redis',
      'holdRequests web-1', 'putBack a accessories', 'letRequestsThrough web-1',
    ]);
  });

  it('that can not be held on a host stop nothing, and the record says so', async () => {
    const hosts = new FakeHosts().when('holdRequests', 'web-2', () => {
      throw fails(FailureType.sshRefused, 'web-2 refuses the key');
    });
    const { result } = await bench.run(fleetInput({ hosts: [...web(), order('a', [], { accessories: ['redis'] })] }), hosts);
    expect(result.outcome).toBe('done');
    expect(result.failure).toBeNull();
    expect(result.accessories[0]?.steps.find(({ name }) => name === 'hold requests')?.notes).toEqual(['web-2: web-2 refuses the key']);
    // It may hold them after all: only the answer was lost.
    expect(hosts.of('letRequestsThrough', 'web-2')).toHaveLength(1);
  });

  it('are held anew for a reboot that came too late for them', async () => {
    const hosts = new FakeHosts().when('swapAccessory', 'a', () => {
      if (hosts.of('swapAccessory').length === 1) throw fails(FailureType.holdExpired, 'too late');
    });
    const { result } = await bench.run(fleetInput({ hosts: [order('web-1'), order('a', [], { accessories: ['redis'] })] }), hosts);
    expect(result.outcome).toBe('done');
    expect(result.accessories).toMatchObject([{ phase: 'done', failure: null }]);
    expect(hosts.order('holdRequests', 'swapAccessory', 'letRequestsThrough')).toEqual([
      'holdRequests web-1', 'swapAccessory a redis', 'letRequestsThrough web-1', 'holdRequests web-1', 'swapAccessory a redis', 'letRequestsThrough web-1',
    ]);
  });

  it('are held anew when it took too long until all hosts held them', async () => {
    const hosts = new FakeHosts().when('holdRequests', 'web-2', ({ attempt }) => {
      if (attempt < 3 && hosts.of('letRequestsThrough').length === 0) throw passes(FailureType.hostUnreachable, 'the connection was lost');
    });
    const { result } = await bench.run(fleetInput({ hosts: [...web(), order('a', [], { accessories: ['redis'] })], options: { maxPauseSeconds: 3 } }), hosts);
    expect(result.outcome).toBe('done');
    expect(hosts.of('holdRequests', 'web-1')).toHaveLength(2);
    expect(hosts.held()).toEqual([]);
    expect(hosts.of('swapAccessory')[0]?.began).toBeGreaterThan(hosts.of('holdRequests', 'web-1').at(-1)?.ended ?? Infinity);
  });

  it('are not held with --no-pause, nor where Traefik still serves', async () => {
    const without = await bench.run(fleetInput({ hosts: [order('web-1'), order('a', [], { accessories: ['redis'] })], options: { maxPauseSeconds: null } }));
    expect(without.run.hosts.order('holdRequests', 'letRequestsThrough')).toEqual([]);
    const rolling = await bench.run(fleetInput({ hosts: [order('web-1', [WEB], { accessories: ['redis'] }), order('web-2')], options: { rolling: true } }));
    expect(rolling.run.hosts.order('holdRequests')).toEqual(['holdRequests web-1']);
    expect(rolling.result.accessories[0]?.steps.find(({ name }) => name === 'hold requests')?.notes).toEqual(['web-2: not behind kamal-proxy yet, its requests are not held']);
  });

  it('are let through when the run is cancelled while they are held', async () => {
    const gate = new FakeGate();
    const run = await bench.start(fleetInput({ hosts: [order('web-1'), order('a', [], { accessories: ['redis', 'db'] })] }), new FakeHosts().when('holdRequests', 'web-1', () => alive(gate.opened)));
    await run.hosts.began('holdRequests', 'web-1');
    await run.handle.cancel();
    await bench.env.sleep(500);
    gate.open();
    const { type, result } = await bench.ending(run);
    expect(type).toBe('Cancelled');
    expect(run.hosts.held()).toEqual([]);
    // It goes between two accessories, never within one.
    expect(run.hosts.order('swapAccessory', 'settleAccessory')).toEqual(['swapAccessory a redis', 'settleAccessory a redis']);
    expect(result.accessories).toMatchObject([{ host: 'a', phase: 'put back' }]);
  });
});
