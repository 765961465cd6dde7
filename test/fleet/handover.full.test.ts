import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { clientClasses, removeClients, startClients, type ClientClass } from '../../lab/clients.ts';
import { startExchanges } from '../../lab/exchanges.ts';
import { loadOn, startLoad } from '../../lab/load.ts';
import type { Changes } from '../../lab/project.ts';
import { rulesLeft } from './handover.ts';
import { Shop } from './shop.ts';
import { lab, locks, until } from './the-lab.ts';
import { presentState, upgradedState } from './upgraded.ts';

/** The acts of a handover, as the journal tells each before it happens. */
const LINES = { steered: '^steered ', policy: '^policy [0-9a-f]+ unless-stopped', stopped: '^stopped [0-9a-f]+ always', started: '^started ' } as const;

describe('a handover that is cut off', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await Shop.open('handover-cut', { changes: { drain_timeout: 4 } });
  });
  afterAll(() => shop.close());

  const script = 'kill -9 -$(cut -d" " -f1 .kamal/bactrian/holder)';
  const acts: Record<string, { act: () => Promise<void>; costsNothing: boolean; longest: number }> = {
    'the script is killed': { act: () => onHost(script), costsNothing: true, longest: 2000 },
    'the worker is killed': { act: async () => void process.kill(await shop.workerPid(), 'SIGKILL'), costsNothing: true, longest: 2000 },
    'SSH is cut': { act: () => onHost('for p in /proc/[0-9]*; do grep -qs "sshd: root" $p/cmdline && kill -9 ${p#/proc/}; done; :'), costsNothing: true, longest: 2000 },
    'the warm proxy dies': { act: () => onHost('docker kill $(docker ps -q --filter name=kamal-proxy-warm)'), costsNothing: false, longest: 5000 },
    'Docker is restarted': { act: () => onHost('kill $(cat /run/docker.pid)'), costsNothing: false, longest: 45_000 },
    'the host loses power': { act: async () => { await lab.powerOff('h1'); await sleep(2000); await lab.powerOn('h1'); }, costsNothing: false, longest: 45_000 },
    'the network is away for 20 s': { act: async () => { await lab.cutLink('h1'); await sleep(20_000); await lab.restoreLink('h1'); }, costsNothing: false, longest: 25_000 },
  };
  const cuts = Object.keys(LINES).flatMap((line) => Object.keys(acts).map((what) => [what, line] as [string, keyof typeof LINES]));

  it.each(cuts)('%s, at the line %s: it serves again by itself, and the run ends as undisturbed', async (what, line) => {
    const cut = acts[what];
    if (!cut) throw new Error(what);
    await lab.restore();
    // A client that keeps its connection: the old proxy is still draining when its last lines come.
    const load = await startLoad(loadOn(lab, 10, { keepAlive: line !== 'steered' }));
    const upgrade = shop.start('upgrade', '-y', '-h', lab.host('h1').address, '--strategy', 'handover');
    await until('h1', LINES[line], 'app', 180);
    await cut.act();
    // The command line follows a worker that died, and starts it again.
    const ended = await upgrade.ended;
    const stream = (await load.stop()).find(({ name }) => name === 'h1 /');
    expect(ended.code, upgrade.output()).toBe(0);
    if (cut.costsNothing) expect(stream).toMatchObject({ lost: 0 });
    expect(stream?.outage).toBeLessThan(cut.longest);
    expect(await h1(presentState)).toEqual(await h1(upgradedState));
    expect(await rulesLeft('h1')).toBe('');
    expect(await locks()).toEqual([]);
  });

  /** Without the audit log: a step that ran twice has written its line twice. */
  async function h1(state: typeof presentState) {
    const { audit: _audit, ...rest } = (await state(['h1'])).h1 ?? { audit: [] };
    return rest;
  }

  async function onHost(command: string): Promise<void> {
    await lab.exec('h1', command);
  }
});

describe('a handover on other kinds of hosts, under load from each class of client', () => {
  let shop: Shop;
  const dockerConfiguration = join(lab.folder, 'hosts/h1/etc/docker.json');
  let before: string;
  beforeAll(async () => {
    before = await readFile(dockerConfiguration, 'utf8');
    shop = await Shop.open('handover-hosts');
  });
  afterEach(async () => {
    await writeFile(dockerConfiguration, before);
    await removeClients(lab, 'h1');
  });
  afterAll(() => shop.close());

  const v4: ClientClass[] = ['outside, IPv4', 'the host, its own address', 'the host, 127.0.0.1', 'container on the default bridge'];
  it.each<[string, { docker?: string; changes?: Changes; classes: readonly ClientClass[] }]>([
    ['userland-proxy is off', { docker: '{"userland-proxy": false}', classes: v4.slice(0, 3) }],
    ['live-restore is on', { docker: '{"live-restore": true}', classes: clientClasses }],
    ['the ports are bound to its address', { changes: { proxy: { run: { bind_ips: [lab.host('h1').address] } } }, classes: ['outside, IPv4', 'the host, its own address'] }],
  ])('%s', async (_, { docker, changes, classes }) => {
    if (docker) await writeFile(dockerConfiguration, docker);
    await lab.restore();
    await shop.configure({ changes: { drain_timeout: 22, ...changes } });
    const load = await startClients(lab, 'h1', { perSecond: 5, classes });
    const long = await startExchanges(lab.host('h1').address, 20);
    const upgraded = await shop.upgrade('-h', lab.host('h1').address, '--strategy', 'handover', '--accept-unreachable', 'DB_HOST');
    const streams = await load.stop();
    expect(upgraded.code, upgraded.stderr).toBe(0);
    for (const stream of streams) expect(stream.lost - (stream.name.endsWith(', kept') ? (stream.reasons.ECONNRESET ?? 0) : 0), `${stream.name} ${JSON.stringify(stream.reasons)}`).toBe(0);
    expect((await long.ended).map(({ end }) => end)).toEqual(['well', 'well', 'well']);
    expect(await rulesLeft('h1')).toBe('');
  });
});
