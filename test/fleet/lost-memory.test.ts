import { rm } from 'node:fs/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { Shop } from './shop.ts';
import { lab, locks, moment } from './the-lab.ts';
import { expectUpgraded } from './upgraded.ts';

const full = process.env.BACTRIAN_TEST_FULL === '1';

describe("all of Temporal's memory is lost in mid-run", () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await Shop.open('lost-memory');
  });
  beforeEach(() => lab.restore());
  afterAll(() => shop.close());

  it.each(full ? (['boot', 'cutover', 'accessory'] as const) : (['cutover'] as const))('at %s: the next run takes the lock over, puts back what was cut off, and finishes', async (at) => {
    await loseAll(at);
    expect(await locks()).toHaveLength(2);
    const again = await shop.upgrade();
    expect(again.code, again.stderr).toBe(0);
    await expectUpgraded();
    expect(await locks()).toEqual([]);
  });

  it('at boot: the lock that it left is released by hand, and nobody else’s', async () => {
    await loseAll('boot');
    const unlocked = await shop.bactrian('unlock');
    expect(unlocked.code, unlocked.stderr).toBe(0);
    expect(await locks()).toEqual([]);

    await lab.exec('h1', 'mkdir .kamal/lock-labapp');
    expect(await shop.bactrian('unlock')).toMatchObject({ code: 3 });
    expect(await locks()).toEqual(['.kamal/lock-labapp']);
    await lab.exec('h1', 'rmdir .kamal/lock-labapp');
  });

  /** The run's command line, worker, server and their files are gone; what runs on the hosts goes on to its end there. */
  async function loseAll(at: keyof typeof moment): Promise<void> {
    const upgrade = shop.start('upgrade', '-y');
    await moment[at]();
    upgrade.child.kill('SIGKILL');
    process.kill(await shop.workerPid(), 'SIGKILL');
    process.kill(await shop.serverPid(), 'SIGKILL');
    await upgrade.ended;
    await rm(shop.stateDir, { recursive: true });
  }
});
