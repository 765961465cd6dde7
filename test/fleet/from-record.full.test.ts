import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ComparableHost } from '../../lab/comparable.ts';
import { realKamal } from '../../lab/kamal.ts';
import { labSecrets } from '../../lab/kamal1.ts';
import { loadOn, startLoad } from '../../lab/load.ts';
import type { StreamSummary } from '../../lab/load-meter.ts';
import { run, type Ended } from '../../lab/run.ts';
import type { FleetResult } from '../../workflows/types.ts';
import { formsOf } from './leaks.ts';
import { Shop } from './shop.ts';
import { fleetAsItWas, lab, listFleet, locks, redis } from './the-lab.ts';
import { presentState } from './upgraded.ts';

const HOSTS = ['h1', 'h2', 'h3'];

describe('bactrian downgrade without any configuration of Kamal 1, after a deploy with real Kamal 2, under load', () => {
  let shop: Shop;
  let before: Record<string, ComparableHost>;
  let told: Record<string, unknown>;
  let written: Record<string, string>;
  let rewritten: Record<string, string>;
  let deployed: Ended;
  let downgraded: Ended;
  let streams: StreamSummary[];
  const back = (...args: string[]) => shop.bactrian('downgrade', '-y', '--json', ...args);
  const onEach = async (command: string) => Object.fromEntries(await Promise.all(HOSTS.map(async (name) => [name, (await lab.exec(name, command)).stdout] as const)));
  const record = () => onEach('cat .kamal/bactrian/kamal1-labapp.*.json');

  beforeAll(async () => {
    await lab.restore();
    before = await presentState();
    told = await whatDockerWasTold();
    shop = await Shop.open('from-record');
    const upgraded = await shop.upgrade();
    expect(upgraded.code, upgraded.stderr).toBe(0);
    written = await record();
    expect((await shop.upgrade()).code).toBe(0);
    rewritten = await record();
    deployed = await run(realKamal(), ['deploy', '-P', '--version', 'v2'], { cwd: shop.dir, env: { ...shop.env, VERSION: 'v2' }, timeoutMs: 180_000 });
    await redis('SET written before');
    const load = await startLoad(loadOn(lab, 20));
    downgraded = await back();
    streams = await load.stop();
  });
  afterAll(() => shop.close());

  it('the upgrade has written down each part where it ran, for its owner alone, and an upgrade that is run again leaves that', async () => {
    expect(await onEach('cd .kamal/bactrian && stat -c "%a %n" kamal1-*.json')).toEqual({
      h1: '600 kamal1-labapp.role-web.json\n600 kamal1-labapp.traefik.json\n',
      h2: '600 kamal1-labapp.role-web.json\n600 kamal1-labapp.traefik.json\n',
      h3: '600 kamal1-labapp.accessory-redis.json\n600 kamal1-labapp.role-workers.json\n',
    });
    expect(rewritten).toEqual(written);
  });

  it('no value of any variable is in it', () => {
    const text = Object.values(written).join('\n');
    expect(text).toContain('APP_SECRET');
    expect(text).toContain('DB_HOST');
    for (const form of formsOf([...Object.values(labSecrets), lab.host('h3').address])) expect(text.includes(form)).toBe(false);
  });

  it('ends with every host on Kamal 1, on the version that ran', () => {
    expect(deployed.code, deployed.stdout + deployed.stderr).toBe(0);
    expect(downgraded.code, downgraded.stderr).toBe(0);
    expect(downgraded.stderr).toContain('then ran labapp-web-v1');
    expect((JSON.parse(downgraded.stdout) as FleetResult).hosts.map(({ host, outcome }) => [host, outcome])).toEqual(lab.hosts.map(({ address }) => [address, 'done']));
  });

  it('loses not one request but those that need the accessory while it reboots', () => {
    for (const host of ['h1 /', 'h2 /']) {
      const stream = streams.find(({ name }) => name === host);
      expect(stream?.good).toBeGreaterThan(100);
      expect(stream, host).toMatchObject({ lost: 0, reasons: {}, answers: { 'labapp v2': stream?.good } });
    }
  });

  it('leaves what Kamal 1 had left, with the version of now', async () => {
    const after = await presentState();
    for (const [name, host] of Object.entries(after)) expect(running(host), name).toEqual(asV2(running(before[name])));
    expect(await locks()).toEqual([]);
    expect(await redis('GET written')).toContain('before');
  });

  it('Docker was told the same as by Kamal 1, setting by setting', async () => {
    expect(await whatDockerWasTold()).toEqual(asV2(told));
  });

  it('changes nothing when run again, restarts nothing and says so', async () => {
    const there = await listFleet();
    const again = await back();
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toContain('already there: verified, nothing restarted');
    expect(fleetAsItWas(await listFleet())).toEqual(fleetAsItWas(there));
  });

  it('cleanup takes the record away once it has served; without one a downgrade says what to give instead', async () => {
    const cleaned = await shop.bactrian('cleanup');
    expect(cleaned.code, cleaned.stdout + cleaned.stderr).toBe(0);
    expect((await onEach('ls .kamal/bactrian | grep -c kamal1- || true')).h1?.trim()).toBe('0');
    const refused = await back();
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/nothing is written down on .*Nothing was changed on any host\..*--from-git REV/s);
  });

  /** `Config` and `HostConfig` of what runs, values of variables included; without what is made up anew each time. */
  async function whatDockerWasTold(): Promise<Record<string, unknown>> {
    const printed = await onEach('docker inspect $(docker ps -q)');
    return Object.fromEntries(Object.entries(printed).map(([name, text]) => [name, (JSON.parse(text) as Inspected[]).map(comparableSettings).sort((a, b) => (a.name < b.name ? -1 : 1))]));
  }
});

interface Inspected {
  Name: string;
  Config: { Hostname: string; Env: string[] } & Record<string, unknown>;
  HostConfig: { Binds: string[] | null } & Record<string, unknown>;
}

function comparableSettings({ Name: name, Config, HostConfig }: Inspected) {
  const cord = (bind: string) => bind.replace(/-[0-9a-f]{32}:/, '-<hex>:');
  // Attached is what `docker create` leaves, beside `docker run --detach`: a client that isn't there.
  return { name, Config: { ...Config, AttachStdout: false, AttachStderr: false, Hostname: '', Env: [...Config.Env].sort() }, HostConfig: { ...HostConfig, Binds: (HostConfig.Binds ?? []).map(cord).sort() } };
}

function running(host: ComparableHost | undefined): ComparableHost['containers'] {
  return (host?.containers ?? []).filter(({ status }) => status === 'running').sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The image says `APP_VERSION` itself. */
function asV2<T>(state: T): T {
  return JSON.parse(JSON.stringify(state).replaceAll('labapp-web-v1', 'labapp-web-v2').replaceAll('labapp-workers-v1', 'labapp-workers-v2').replaceAll('labapp:v1', 'labapp:v2').replaceAll('_VERSION=v1', '_VERSION=v2')) as T;
}
