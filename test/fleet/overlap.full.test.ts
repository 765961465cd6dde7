import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { HostListing } from '../../lab/listing.ts';
import { loadOn, startLoad } from '../../lab/load.ts';
import { eventually } from '../../lab/run.ts';
import { Shop } from './shop.ts';
import { asItWas, fleetAsItWas, lab, listFleet, locks, until } from './the-lab.ts';
import type { Fleet } from './the-lab.ts';
import { expectUpgraded } from './upgraded.ts';

const web = ['h1', 'h2'] as const;

describe('nobody of ours is left after the new generation came up beside the old one', () => {
  let shop: Shop;
  let before: Fleet;
  beforeAll(async () => {
    await lab.restore();
    before = await listFleet();
    // The app takes a moment, so that the fleet can't get to its cutover before its worker is killed.
    shop = await Shop.open('overlap', { changes: { env: { clear: { BOOT_DELAY: '2' } } } }, { BACTRIAN_OVERLAP_SECONDS: '8' });
  });
  afterAll(() => shop.close());

  it('each host puts the new one away by itself, and serves on', async () => {
    const load = await startLoad(loadOn(lab, 10));
    const upgrade = shop.start('upgrade', '-y');
    await Promise.all(web.map((host) => until(host, '^container labapp-web-')));
    // Whoever follows a run would start its worker again.
    upgrade.child.kill('SIGKILL');
    process.kill(await shop.workerPid(), 'SIGKILL');
    await upgrade.ended;

    await Promise.all(
      web.map(async (host) => {
        await eventually(`two generations of the app run on ${host}`, 20_000, async () => (await appsOn(host)) === 2);
        await eventually(`${host} puts the new one away`, 60_000, async () => {
          expect(butForTheLock(await lab.inspect(host)), host).toEqual(butForTheLock(before[host] ?? never(host)));
          return true;
        });
      }),
    );
    for (const stream of await load.stop()) expect(stream, stream.name).toMatchObject({ lost: 0, good: stream.sent });
  });

  it('whoever comes back finds the run ended in order, and why; the next one succeeds', async () => {
    const watched = await shop.bactrian('watch');
    expect(watched.code, watched.stdout + watched.stderr).toBe(1);
    expect(watched.stdout + watched.stderr).toContain('the host put the new one away by itself');
    expect(fleetAsItWas(await listFleet())).toEqual(fleetAsItWas(before));
    expect(await locks()).toEqual([]);

    const again = await shop.upgrade();
    expect(again.code, again.stderr).toBe(0);
    await expectUpgraded({ moreEnv: ['BOOT_DELAY'] });
  });
});

/** The run that nobody works on is still open, and holds it. */
function butForTheLock(listing: HostListing): ReturnType<typeof asItWas> {
  const { files, ...rest } = asItWas(listing);
  return { ...rest, files: files.filter(({ path }) => !/^\.\/\.kamal\/locks?[-/]labapp/.test(path)) };
}

async function appsOn(host: string): Promise<number> {
  const { stdout } = await lab.exec(host, 'docker ps -q --filter label=service=labapp --filter label=role=web');
  return stdout.split('\n').filter(Boolean).length;
}

function never(host: string): never {
  throw new Error(`nothing is known of ${host}`);
}
