import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { firstAccessoryStep } from '../../workflows/numbering.ts';
import { eventually } from '../../lab/run.ts';
import { Shop } from './shop.ts';
import type { Running } from './shop.ts';
import { stepsOn } from './steps.ts';
import { lab, locks, moment } from './the-lab.ts';
import { expectUpgraded } from './upgraded.ts';

const full = process.env.BACTRIAN_TEST_FULL === '1';

type Victim = 'worker' | 'server' | 'command line';

describe('kill -9 in mid-run', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await Shop.open('kills');
  });
  afterAll(() => shop.close());

  const core: [Victim, keyof typeof moment][] = [
    ['worker', 'cutover'],
    ['server', 'accessory'],
    ['command line', 'boot'],
  ];
  const all = (['worker', 'server', 'command line'] as const).flatMap((victim) => (['boot', 'cutover', 'accessory'] as const).map((at) => [victim, at] as [Victim, keyof typeof moment]));

  it.each(full ? all : core)('of the %s, at %s', async (victim, at) => {
    await lab.restore();
    const upgrade = shop.start('upgrade', '-y');
    await moment[at]();
    await kill(victim, upgrade);
    await comesToItsEnd();
  });

  describe('of nothing, but the server stands still past a heartbeat time-out', () => {
    it('a step that may not be ended goes on beside its second attempt, which waits for it', async () => {
      await lab.restore();
      const { stdout: old } = await lab.exec('h3', 'docker ps -q --filter name=labapp-redis');
      // A database that takes its time to stop.
      await lab.exec('h3', `docker kill -s STOP ${old}`);
      const upgrade = shop.start('upgrade', '-y');
      await moment.accessory();
      const twoRun = () =>
        eventually('two attempts run on the host', 4000, async () => {
          const { stdout } = await lab.exec('h3', 'cat .kamal/bactrian/*/[0-9]*.pid');
          return stdout.split('\n').filter(Boolean).length === 2;
        });
      // Again where a heartbeat that waited in the server's socket saved the first attempt.
      for (let tries = 1; ; tries++) {
        await standStill();
        const error = await twoRun().then(() => null, (reason: unknown) => reason);
        if (error === null) break;
        if (tries === 3) throw error;
      }
      await lab.exec('h3', `docker kill -s CONT ${old}`);
      await comesToItsEnd();
      expect((await upgrade.ended).code, upgrade.output()).toBe(0);
      const [again] = (await stepsOn('h3')).filter(({ attempt }) => attempt === 2);
      expect(again?.seq).toBeGreaterThan(firstAccessoryStep(1));
    });
  });

  async function standStill(): Promise<void> {
    const server = await shop.serverPid();
    process.kill(server, 'SIGSTOP');
    await sleep(13_000);
    process.kill(server, 'SIGCONT');
  }

  async function kill(victim: Victim, upgrade: Running): Promise<void> {
    if (victim === 'command line') {
      upgrade.child.kill('SIGKILL');
      await upgrade.ended;
    } else process.kill(victim === 'worker' ? await shop.workerPid() : await shop.serverPid(), 'SIGKILL');
  }

  async function comesToItsEnd(): Promise<void> {
    const watched = await shop.bactrian('watch');
    expect(watched.code, watched.stdout + watched.stderr).toBe(0);
    await expectUpgraded();
    expect(await locks()).toEqual([]);
  }
});
