import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FailureType } from '../../src/plan/failure-types.ts';
import { rejectUpdate, resumeUpdate } from '../../workflows/messages.ts';
import type { FleetResult, RunOptions } from '../../workflows/types.ts';
import { Bench } from './environment.ts';
import { FakeHosts, fails } from './fake-hosts.ts';
import { fleetInput, JOB, order, WEB } from './orders.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
});
afterAll(async () => {
  await bench.close();
});

/** A way back of two web hosts and one with workers and an accessory, as `bactrian downgrade` has it. */
const input = (options: Partial<RunOptions> = {}, strategy: 'handover' | 'swap' | 'kamal' = 'handover') =>
  fleetInput({
    direction: 'downgrade',
    hosts: [order('a', [WEB], { strategy }), order('b', [WEB], { strategy }), order('c', [JOB], { strategy, accessories: ['redis'] })],
    options: { maxPauseSeconds: null, ...options },
  });
const outcomes = ({ hosts }: FleetResult) => hosts.map(({ outcome }) => outcome);
const CHANGES = ['prepareHost', 'proveRole', 'compareAnswers', 'cutOver', 'stopOldRole', 'replaceRole', 'pruneHost', 'swapAccessory', 'holdRequests', 'putBack'] as const;

describe('a way back', () => {
  it('goes host by host when rolling, each with its gates and its accessories, and compares no answers', async () => {
    const { type, result, run } = await bench.run(input({ rolling: true }));
    expect(type).toBeNull();
    expect(outcomes(result)).toEqual(['done', 'done', 'done']);
    const web = (host: string) => [`prepareHost ${host}`, `proveRole ${host} web`, `cutOver ${host}`, `pruneHost ${host}`];
    expect(run.hosts.order(...CHANGES)).toEqual([...web('a'), ...web('b'), 'prepareHost c', 'replaceRole c job', 'pruneHost c', 'swapAccessory c redis']);
    expect(result.hosts[0]?.steps.map(({ name }) => name)).toContain('hand over to Traefik');
    expect(run.hosts.of('runHook', 'pre-proxy-reboot').map(({ what }) => what)).toEqual(['a', 'b', 'c']);
    expect(run.hosts.violations).toEqual([]);
  });

  it('proves all hosts of a wave before the first one hands over; one that does not prove itself costs nobody anything', async () => {
    const hosts = new FakeHosts().when('proveRole', 'b', () => {
      throw fails(FailureType.appUnhealthy, 'shop-web-v1 did not become healthy');
    });
    const { type, result } = await bench.run(input(), hosts);
    expect(type).toBe('RunFailed');
    expect(hosts.of('cutOver')).toEqual([]);
    expect(['a', 'b', 'c'].every((host) => hosts.isUntouched(host))).toBe(true);
    expect(outcomes(result)).not.toContain('done');
    expect(hosts.of('swapAccessory')).toEqual([]);
  });

  it("boots the app after Traefik has taken over in Kamal's own order, and workers after the first healthy one", async () => {
    const { type, run } = await bench.run(input({}, 'kamal'));
    expect(type).toBeNull();
    const acts = run.hosts.order('cutOver', 'proveRole', 'replaceRole');
    for (const host of ['a', 'b']) expect(acts.indexOf(`cutOver ${host}`)).toBeLessThan(acts.indexOf(`proveRole ${host} web`));
    expect(acts.at(-1)).toBe('replaceRole c job');
    expect(run.hosts.violations).toEqual([]);
  });

  it('puts all back when it is rejected after the cutover; accessories were not touched', async () => {
    const run = await bench.start(input({ approve: ['post'] }));
    await bench.atGate(run);
    await run.handle.executeUpdate(rejectUpdate, { args: [{}] });
    const { type, result } = await bench.ending(run);
    expect(type).toBe('RunRejected');
    expect(outcomes(result)).toEqual(['put back', 'put back', 'put back']);
    expect(['a', 'b', 'c'].every((host) => run.hosts.isUntouched(host))).toBe(true);
    expect(run.hosts.of('swapAccessory')).toEqual([]);
  });

  it('begins with a canary, and asks before the others', async () => {
    const run = await bench.start(input({ canary: { hosts: ['b'], soakSeconds: 60, ask: true } }));
    await bench.env.sleep('2 minutes');
    await bench.asks(run);
    expect(run.hosts.of('prepareHost').map(({ where }) => where)).toEqual(['b']);
    await run.handle.executeUpdate(resumeUpdate, { args: [{ decision: 'go-on' }] });
    const { type, result } = await bench.ending(run);
    expect(type).toBeNull();
    expect(outcomes(result)).toEqual(['done', 'done', 'done']);
  });

  it('goes on without a host that fails, where that was asked for', async () => {
    const hosts = new FakeHosts().when('cutOver', 'a', () => {
      throw fails(FailureType.cutoverFailed, 'Traefik did not start');
    });
    const { result } = await bench.run(input({ onFailure: 'continue' }), hosts);
    expect(outcomes(result)).toEqual(['put back', 'done', 'done']);
    expect(hosts.of('swapAccessory').map(({ where }) => where)).toEqual(['c']);
  });
});
