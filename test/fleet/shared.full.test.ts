import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startLoad } from '../../lab/load.ts';
import type { StreamSummary } from '../../lab/load-meter.ts';
import { rulesLeft } from './handover.ts';
import { bootNeighbours, bootWiki, loadOnBoth, onH1, SHOP, shopChanges, WIKI, wikiChanges, writeKamal1Project } from './neighbours.ts';
import { Shop, testFolder } from './shop.ts';
import { lab } from './the-lab.ts';

const names = () => onH1("docker ps --format '{{.Names}} {{.Ports}}' | sed 's/ .*->.*/ published/; s/ [0-9].*//' | sort");
const services = () => onH1("docker exec kamal-proxy kamal-proxy list | sed 's/\\x1b\\[[0-9;]*m//g' | awk 'NR > 1 { print $1, $2 }' | sort");
const status = (name: string, path = '/') => onH1(`curl -s -o /dev/null -w '%{http_code}' -H 'Host: ${name}' http://${lab.host('h1').address}${path}`);

describe('two services behind one Traefik move one after the other, under load', () => {
  let shop: Shop;
  let wiki: Shop;
  beforeAll(async () => {
    await lab.restore();
    await bootNeighbours();
    shop = await Shop.open('shared-shop', { changes: { ...shopChanges, drain_timeout: 8 } }, { HOME: join(testFolder, 'shared-shop-home') });
    await writeKamal1Project(shop);
    wiki = await Shop.open('shared-wiki', { changes: { ...wikiChanges, drain_timeout: 8 } });
  });
  afterAll(async () => {
    await shop.close();
    await wiki.close();
  });

  const first = ['-h', lab.host('h1').address, '--accessories', 'skip', '--keep-traefik'];

  async function underLoad<T>(work: () => Promise<T>): Promise<{ ended: T; streams: StreamSummary[] }> {
    const load = await startLoad(loadOnBoth(10));
    const ended = await work();
    return { ended, streams: await load.stop() };
  }

  /** A hook that doesn't like what it sees after the cutover. */
  async function refuseAfterwards(project: Shop, refuses: boolean): Promise<void> {
    const hook = join(project.dir, '.kamal/hooks/post-proxy-reboot');
    await mkdir(dirname(hook), { recursive: true });
    if (refuses) await writeFile(hook, '#!/bin/sh\necho the site looks odd; exit 1\n', { mode: 0o755 });
    else await rm(hook);
  }

  function expectNothingLost(streams: StreamSummary[]): void {
    expect(streams).toHaveLength(4);
    for (const stream of streams) {
      expect(stream, `${stream.name} ${JSON.stringify(stream.losses)}`).toMatchObject({ lost: 0 });
      expect(stream.good, stream.name).toBeGreaterThan(50);
    }
  }

  it('refuses the first one, names the other, and says what helps', async () => {
    const refused = await shop.upgrade(...first.slice(0, -1));
    expect(refused).toMatchObject({ code: 3 });
    expect(refused.stderr).toMatch(/Traefik also routes to wiki-web-v2.*\n.*--keep-traefik/);
  });

  it('puts the first one back with the Traefik that was published, losing nothing', async () => {
    const before = await names();
    const { ended, streams } = await underLoad(async () => {
      await refuseAfterwards(shop, true);
      return await shop.upgrade(...first);
    });
    expect(ended, ended.stderr).toMatchObject({ code: 1, result: { hosts: [{ outcome: 'put back' }] } });
    expectNothingLost(streams);
    expect(await names()).toBe(before);
    expect(await onH1("docker ps -a --format '{{.Names}}' | grep behind || :")).toBe('');
  });

  it('moves the first one, and Traefik behind kamal-proxy for the other', async () => {
    const { ended, streams } = await underLoad(async () => {
      await refuseAfterwards(shop, false);
      return await shop.upgrade('--strategy', 'handover', ...first);
    });
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toContain('Traefik moves behind kamal-proxy, for wiki-web-v2');
    expectNothingLost(streams);
    expect(await names()).toBe(['kamal-proxy published', 'labapp-web-v1', 'traefik', 'wiki-web-v2'].join('\n'));
    expect(await services()).toBe(['bactrian-traefik *', `labapp-web ${SHOP}`].join('\n'));
    expect(await rulesLeft('h1')).toBe('');
  });

  it('leaves a host on which nothing is done again, and on which Kamal 1 goes on', async () => {
    const there = await onH1('docker ps -q --no-trunc | sort');
    const again = await shop.upgrade(...first.slice(0, -1));
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toContain('already there: verified, nothing restarted');
    expect(await onH1('docker ps -q --no-trunc | sort')).toBe(there);
    // A deploy of Kamal 1's: Traefik is made sure of, the new container comes, the old one goes.
    const { streams } = await underLoad(() => onH1(`docker container start traefik && ${bootWiki('wiki-web-next')} && sleep 4 && docker rm -f wiki-web-next`));
    expect(streams.filter(({ name }) => name.startsWith(SHOP)).map(({ lost }) => lost)).toEqual([0, 0]);
  });

  it('tells the other one its client, and passes on its path and what upgrades a connection', async () => {
    expect(await status(WIKI, '/up')).toBe('200');
    expect(await status(WIKI, '/nowhere')).toBe('404');
    expect(await status('nobody.example')).toMatch(/404|50[23]/);
    const upgrade = await onH1(`curl -s -m 3 -o /dev/null -w '%{http_code}' -H 'Host: ${WIKI}' -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' http://${lab.host('h1').address}/ws || :`);
    expect(upgrade).toBe('101');
  });

  it('comes back after the host lost power', async () => {
    await lab.powerOff('h1');
    await lab.powerOn('h1');
    await onH1(`n=0; until [ "$(curl -s -o /dev/null -w '%{http_code}' -H 'Host: ${WIKI}' http://${lab.host('h1').address}/)" = 200 ] || [ $n -gt 100 ]; do n=$((n + 1)); sleep 0.2; done`);
    expect([await status(SHOP), await status(WIKI)]).toEqual(['200', '200']);
  });

  it('takes the first one back behind that Traefik, losing nothing, and up again', async () => {
    const { ended, streams } = await underLoad(() => shop.bactrian('downgrade', '-y', '--json', '-c', 'config/deploy.kamal1.yml', '-h', lab.host('h1').address, '--accessories', 'skip'));
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toContain('sends the hosts on to the Traefik behind it');
    expectNothingLost(streams);
    expect(await services()).toBe('bactrian-traefik *');
    expect(await names()).toBe(['kamal-proxy published', 'labapp-web-v1', 'traefik', 'wiki-web-v2'].join('\n'));
    const up = await underLoad(() => shop.upgrade(...first.slice(0, -1)));
    expect(up.ended.code, up.ended.stderr).toBe(0);
    expectNothingLost(up.streams);
    expect(await services()).toBe(['bactrian-traefik *', `labapp-web ${SHOP}`].join('\n'));
  });

  it('puts the second one back behind the Traefik that is still there, losing nothing', async () => {
    const before = await names();
    const { ended, streams } = await underLoad(async () => {
      await refuseAfterwards(wiki, true);
      return await wiki.upgrade();
    });
    expect(ended, ended.stderr).toMatchObject({ code: 1, result: { hosts: [{ outcome: 'put back' }] } });
    expectNothingLost(streams);
    expect(await names()).toBe(before);
    expect(await services()).toBe(['bactrian-traefik *', `labapp-web ${SHOP}`].join('\n'));
  });

  it('moves the second one, and takes Traefik away with what led to it', async () => {
    const { ended, streams } = await underLoad(async () => {
      await refuseAfterwards(wiki, false);
      return await wiki.upgrade();
    });
    expect(ended.code, ended.stderr).toBe(0);
    expectNothingLost(streams);
    expect(await names()).toBe(['kamal-proxy published', 'labapp-web-v1', 'wiki-web-v2'].join('\n'));
    expect(await services()).toBe([`labapp-web ${SHOP}`, `wiki-web ${WIKI}`].join('\n'));
    expect(await onH1("docker ps -a --format '{{.Names}}' | grep traefik || :; docker image ls -q traefik")).toBe('');
  });
});
