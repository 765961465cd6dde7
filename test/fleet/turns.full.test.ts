import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { removeClients, startClients } from '../../lab/clients.ts';
import { loadOn, startLoad } from '../../lab/load.ts';
import type { StreamSummary } from '../../lab/load-meter.ts';
import { goBack, openBothWays } from './both-ways.ts';
import { rulesLeft } from './handover.ts';
import { inspected, running } from './inspected.ts';
import type { Shop } from './shop.ts';
import { lab, locks, redis } from './the-lab.ts';

const TURNS = 3;
/** What `--max-pause` is where nobody says otherwise. */
const MOST_PAUSE_SECONDS = 30;
const HOSTS = ['h1', 'h2', 'h3'];
/** So few that the number of stopped containers is the same from the second turn on. */
const retain = { retain_containers: 1 };

/** What one way left, and what its clients saw. */
interface Way {
  streams: StreamSummary[];
  containers: Record<string, Awaited<ReturnType<typeof inspected>>>;
  disk: Record<string, Disk>;
}

interface Disk {
  images: string[];
  volumes: string[];
  containers: number;
  /** Folders of runs, and all of ours, in KiB. */
  runs: number;
  ours: number;
  /** What of Kamal's is not its audit log, in KiB. */
  kamal: number;
}

describe.each([['all hosts together', []], ['host by host', ['--rolling']]])('three times there and back, %s, under load from each class of client', (_, options) => {
  let shop: Shop;
  const up: Way[] = [];
  const back: Way[] = [];

  beforeAll(async () => {
    await lab.restore();
    shop = await openBothWays(`turns${options.join('')}`, { changes: retain, kamal1: retain });
    await redis('SET written before');
    for (let turn = 1; turn <= TURNS; turn += 1) {
      up.push(await go(() => shop.upgrade('--strategy', 'handover', ...options)));
      back.push(await go(() => goBack(shop, '--strategy', 'handover', ...options)));
    }
  }, 3_000_000);
  afterAll(() => shop.close());

  async function go(way: () => Promise<{ code: number; stderr: string }>): Promise<Way> {
    // On the way there requests are held while the accessory is rebooted: late, but answered.
    const patience = { timeoutSeconds: MOST_PAUSE_SECONDS + 10 };
    const loads = [await startClients(lab, 'h1', { perSecond: 3, ...patience }), await startLoad({ ...loadOn(lab, 10), ...patience })];
    const ended = await way();
    const streams = (await Promise.all(loads.map((load) => load.stop()))).flat();
    await removeClients(lab, 'h1');
    expect(ended.code, ended.stderr).toBe(0);
    for (const host of HOSTS) expect(await rulesLeft(host), host).toBe('');
    expect(await locks()).toEqual([]);
    expect(await redis('GET written')).toContain('before');
    return { streams, containers: await onAll(inspected), disk: await onAll(diskOf) };
  }

  it.each([['there', up], ['back', back]])('loses no request on the way %s but those that need an accessory that is rebooted', (_way, ways) => {
    expect(ways).toHaveLength(TURNS);
    for (const [turn, { streams }] of ways.entries()) {
      for (const stream of streams.filter(({ name }) => !name.endsWith('/redis'))) {
        // A connection that is kept may be used just as its proxy closes it, which a client can't know: that and nothing else.
        const closing = stream.name.endsWith(', kept') ? (stream.reasons.ECONNRESET ?? 0) : 0;
        expect(closing, `turn ${turn + 1}: ${stream.name}`).toBeLessThan(3);
        expect(stream.lost - closing, `turn ${turn + 1}: ${stream.name} ${JSON.stringify(stream.reasons)}`).toBe(0);
        expect(stream.good, stream.name).toBeGreaterThan(20);
      }
    }
  });

  it.each([['there', up], ['back', back]])('leaves, each time it goes %s, what it left the time before', (_way, ways) => {
    const [first, second, third] = ways.map(({ containers }) => containers);
    for (const host of HOSTS) {
      expect(running(second?.[host] ?? {}), host).toEqual(running(first?.[host] ?? {}));
      expect(third?.[host], host).toEqual(second?.[host]);
    }
  });

  it.each([['there', up], ['back', back]])('takes no more room on the hosts from turn to turn, going %s', (_way, ways) => {
    for (const host of HOSTS) {
      const [first, second, third] = ways.map(({ disk }) => disk[host]);
      expect({ images: second?.images, volumes: second?.volumes }, host).toEqual({ images: first?.images, volumes: first?.volumes });
      const { runs = 0, ours = 0, kamal = 0, ...rest } = third ?? {};
      expect(rest, host).toEqual({ images: second?.images, volumes: second?.volumes, containers: second?.containers });
      expect(kamal, host).toBeLessThanOrEqual(second?.kamal ?? 0);
      expect(runs, host).toBeLessThanOrEqual(6);
      expect(ours, host).toBeLessThan(400);
    }
  });
});

async function onAll<T>(look: (host: string) => Promise<T>): Promise<Record<string, T>> {
  return Object.fromEntries(await Promise.all(HOSTS.map(async (host) => [host, await look(host)] as const)));
}

async function diskOf(host: string): Promise<Disk> {
  const { stdout } = await lab.exec(
    host,
    `docker image ls --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort | tr '\\n' ','; echo
     docker volume ls -q | sort | tr '\\n' ','; echo
     docker ps -aq | wc -l
     ls -d .kamal/bactrian/*/ 2> /dev/null | wc -l
     du -sk .kamal/bactrian | cut -f 1
     du -sk --exclude bactrian --exclude '*audit.log' .kamal | cut -f 1`,
  );
  const [images = '', volumes = '', ...numbers] = stdout.split('\n');
  const [containers = 0, runs = 0, ours = 0, kamal = 0] = numbers.map(Number);
  return { images: images.split(','), volumes: volumes.split(','), containers, runs, ours, kamal };
}
