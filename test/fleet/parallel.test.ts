import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { realKamal } from '../../lab/kamal.ts';
import { loadOn, startLoad } from '../../lab/load.ts';
import type { StreamSummary } from '../../lab/load-meter.ts';
import { run } from '../../lab/run.ts';
import { Shop } from './shop.ts';
import { fleetAsItWas, lab, listFleet, locks, redis } from './the-lab.ts';
import { presentState, upgradedState } from './upgraded.ts';

describe('bactrian upgrade, all hosts together, under load', () => {
  let shop: Shop;
  let upgraded: Awaited<ReturnType<Shop['upgrade']>>;
  let streams: StreamSummary[];

  beforeAll(async () => {
    await lab.restore();
    shop = await Shop.open('parallel');
    await redis('SET written before');
    // Requests that are held while an accessory reboots may take as long as that does.
    const load = await startLoad({ ...loadOn(lab, 20), timeoutSeconds: 40 });
    upgraded = await shop.upgrade();
    streams = await load.stop();
  });
  afterAll(() => shop.close());
  const meterOf = (name: string) => upgraded.result?.hosts.find(({ host }) => host === lab.host(name).address)?.meter;

  it('ends with every host on Kamal 2 and verified', () => {
    expect(upgraded.code, upgraded.stderr).toBe(0);
    expect(upgraded.result?.hosts.map(({ host, outcome }) => [host, outcome])).toEqual(lab.hosts.map(({ address }) => [address, 'done']));
  });

  it('leaves what real Kamal leaves, and nothing of Kamal 1', async () => {
    const state = await presentState();
    expect(state).toEqual(await upgradedState());
    for (const host of Object.values(state)) {
      expect(host.containers.filter(({ name }) => /traefik|warm/.test(name))).toEqual([]);
      expect(host.images.filter((name) => name.includes('traefik'))).toEqual([]);
    }
    expect(await locks()).toEqual([]);
  });

  it('keeps the data of accessories', async () => {
    expect(await redis('GET written')).toContain('before');
  });

  it('loses not one request, those that need the accessory included: they wait while it is rebooted', () => {
    for (const host of ['h1 /', 'h2 /', 'h1 /redis', 'h2 /redis']) {
      const stream = streams.find(({ name }) => name === host);
      expect(stream?.good).toBeGreaterThan(host.endsWith('redis') ? 10 : 100);
      expect(stream, host).toMatchObject({ lost: 0, reasons: {} });
      expect(stream?.answers).toEqual({ [host.endsWith('redis') ? 'redis ok' : 'labapp v1']: stream?.good });
    }
    const notes = upgraded.result?.accessories.flatMap(({ steps }) => steps).find(({ name }) => name === 'let requests through')?.notes;
    expect(notes).toEqual(['h1', 'h2'].map((host) => expect.stringMatching(new RegExp(`^${lab.host(host).address}: held requests to labapp-web for \\d+ ms$`))));
    for (const host of ['h1', 'h2']) {
      // What the run itself has measured says the same, and a host that serves nobody is not measured.
      expect(meterOf(host), host).toMatchObject({ from: 'worker', lost: 0, longestGapMs: 0, why: null });
      expect(meterOf(host)?.sent, host).toBeGreaterThan(5);
    }
    expect(meterOf('h3')).toBeNull();
  });

  it('changes nothing when run again, restarts nothing and says so', async () => {
    const before = await listFleet();
    await lab.forgetCommands();
    const again = await shop.upgrade();
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toContain('already there: verified, nothing restarted');
    expect(again.result?.hosts.every(({ alreadyThere }) => alreadyThere)).toBe(true);
    const after = await listFleet();
    expect(fleetAsItWas(after)).toEqual(fleetAsItWas(before));
    expect(Object.values(after).map(({ audit }) => audit)).toEqual(Object.values(before).map(({ audit }) => audit));
    // A look from the command line and the verification: no lock, no deploy step.
    for (const host of lab.hosts) expect((await lab.commands(host.name)).length, host.name).toBeLessThanOrEqual(3);
  });

  describe('real Kamal 2', () => {
    const kamal = (...args: string[]) => run(realKamal(), args, { cwd: shop.dir, env: { ...shop.env, VERSION: 'v1' }, timeoutMs: 180_000 });

    it('finds the app, the proxy, the audit log and no lock', async () => {
      const app = await kamal('app', 'details');
      expect(app).toMatchObject({ code: 0 });
      for (const container of ['labapp-web-v1', 'labapp-workers-v1']) expect(app.stdout).toContain(container);
      const proxy = await kamal('proxy', 'details');
      expect(proxy).toMatchObject({ code: 0 });
      expect(proxy.stdout.match(/basecamp\/kamal-proxy/g)).toHaveLength(2);
      const audit = await kamal('audit');
      expect(audit).toMatchObject({ code: 0 });
      expect(audit.stdout).toContain('Booted app version v1');
      const lock = await kamal('lock', 'status');
      expect(lock.code).toBe(0);
      expect(lock.stdout).toContain('There is no deploy lock');
    });

    it('deploys the next version without losing a request', async () => {
      const load = await startLoad(loadOn(lab, 20));
      const deployed = await kamal('deploy', '-P', '--version', 'v2');
      const after = await load.stop();
      expect(deployed.code, deployed.stdout + deployed.stderr).toBe(0);
      for (const stream of after) expect(stream, stream.name).toMatchObject({ lost: 0, good: stream.sent });
      expect(after[0]?.answers).toHaveProperty('labapp v2');
    });
  });
});
