import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startLoad } from '../../lab/load.ts';
import type { StreamSummary } from '../../lab/load-meter.ts';
import { eventually } from '../../lab/run.ts';
import { rulesLeft } from './handover.ts';
import { Shop } from './shop.ts';
import { lab, locks, until } from './the-lab.ts';
import { expectUpgraded } from './upgraded.ts';

/** The acts of a handover, as the journal tells each before it happens; the last two are of the steps after it. */
const LINES = {
  steered: '^steered ',
  policy: '^policy [0-9a-f]+ unless-stopped',
  stopped: '^stopped [0-9a-f]+ always',
  started: '^started ',
  'old app': '^stopped [0-9a-f]+ unless-stopped',
  committed: '^committed',
} as const;
type Line = keyof typeof LINES;

/** Each run takes two hosts, and each of them is met at a line of its own. */
const PAIRS: [Line, Line][] = [['steered', 'policy'], ['stopped', 'started'], ['old app', 'committed']];
const HOSTS = ['h1', 'h2'] as const;
const PER_SECOND = 10;

interface Fault {
  act: (host: string) => Promise<void>;
  /** How long nobody may be served, in milliseconds; null: nothing that serves is touched, so not one request is lost. */
  longest: number | null;
}

describe('a handover that is cut off', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await Shop.open('cut-off', { changes: { drain_timeout: 4 } });
  });
  afterAll(() => shop.close());

  const faults: Record<string, Fault> = {
    // The processes that a script has left beside it on purpose, too, but for the one that watches: that is what it is for.
    'the script is killed': { act: (host) => onHost(host, 'kill -9 -$(cut -d" " -f1 .kamal/bactrian/holder); kill -9 -$(cat .kamal/bactrian/*/retiring); :'), longest: null },
    'the worker is killed': { act: killWorker, longest: null },
    'SSH is cut': { act: (host) => onHost(host, `for p in /proc/[0-9]*; do grep -qs '^sshd: root' $p/cmdline && kill -9 \${p#/proc/} && n=1; done; [ -n "$n" ]`), longest: null },
    'SSH is silent for 20 s': { act: (host) => onHost(host, 'iptables -I INPUT -p tcp --dport 22 -j DROP; sleep 20; iptables -D INPUT -p tcp --dport 22 -j DROP'), longest: null },
    // At the last line nobody may be connected to it any more: then it has gone by itself.
    'the warm proxy dies': { act: (host) => onHost(host, 'w=$(docker ps -q --filter name=kamal-proxy-warm); [ -z "$w" ] || docker kill $w || [ -z "$(docker ps -q --filter id=$w)" ]'), longest: 5000 },
    'Docker is restarted': { act: (host) => onHost(host, 'kill $(cat /run/docker.pid)'), longest: 30_000 },
    'the host loses power': { act: async (host) => { await lab.powerOff(host); await sleep(2000); await lab.powerOn(host); }, longest: 45_000 },
    'the network is away for 20 s': { act: async (host) => { await lab.cutLink(host); await sleep(20_000); await lab.restoreLink(host); }, longest: 25_000 },
  };
  const trials = Object.keys(faults).flatMap((what) => PAIRS.map((lines) => [what, ...lines] as [string, Line, Line]));

  it.each(trials)("%s, at the line '%s' of one host and '%s' of another", async (what, ...lines) => {
    const { act, longest } = faults[what] ?? missing(what);
    await lab.restore();
    const load = await startLoad({
      maxSeconds: 600,
      timeoutSeconds: 5,
      streams: HOSTS.flatMap((host) => [false, true].map((keepAlive) => ({ name: `${host}, ${keepAlive ? 'kept' : 'new'}`, url: `http://${lab.host(host).address}/`, perSecond: PER_SECOND, expect: 'labapp ', keepAlive }))),
    });
    const upgrade = shop.start('upgrade', '-y', '-h', HOSTS.map((host) => lab.host(host).address).join(','), '--strategy', 'handover');
    await Promise.all(
      HOSTS.map(async (host, at) => {
        await until(host, LINES[lines[at] ?? missing(host)], 'app', 180);
        await act(host);
      }),
    );
    // The command line follows a worker that died, and starts it again.
    const ended = await upgrade.ended;
    const streams = await load.stop();
    for (const stream of streams) console.info(`${what}: ${stream.name}: ${stream.sent} sent, ${stream.lost} lost, longest gap ${stream.outage} ms`);
    expect(ended.code, upgrade.output()).toBe(0);
    for (const stream of streams) expectServed(stream, longest);
    for (const host of HOSTS) expect(await rulesLeft(host), host).toBe('');
    await expectUpgraded({ hosts: HOSTS, killed: longest !== null });
    expect(await locks()).toEqual([]);
  });

  async function onHost(host: string, command: string): Promise<void> {
    const ended = await lab.exec(host, command);
    expect(ended.code, ended.stderr).toBe(0);
  }

  async function killWorker(): Promise<void> {
    await eventually('a worker runs that can be killed', 60_000, async () => process.kill(await shop.workerPid(), 'SIGKILL'));
  }
});

/** @param longest the longest gap in milliseconds; null where no request may be lost */
function expectServed(stream: StreamSummary, longest: number | null): void {
  const said = `${stream.name} ${JSON.stringify(stream)}`;
  if (longest === null) expect(stream.lost, said).toBe(0);
  else {
    expect(stream.outage, said).toBeLessThan(longest);
    // Once somebody answers again, others may still wait for an app that has just been started.
    expect(stream.lost, said).toBeLessThanOrEqual(((2 * longest) / 1000) * PER_SECOND);
  }
}

function missing(what: string): never {
  throw new Error(`nothing is known of '${what}'`);
}
