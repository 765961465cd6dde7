import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Shop } from './shop.ts';
import type { Running } from './shop.ts';
import { stepsOn } from './steps.ts';
import { lab, locks, moment } from './the-lab.ts';
import { expectUpgraded } from './upgraded.ts';

const full = process.env.BACTRIAN_TEST_FULL === '1';

interface History {
  events: { eventTime: string; activityTaskStartedEventAttributes?: { attempt: number } }[];
}

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

  it('of nothing, but the server stands still past a heartbeat time-out: two attempts are alive at once', async () => {
    await lab.restore();
    await shop.configure({ changes: { env: { clear: { BOOT_DELAY: '22' } }, deploy_timeout: 40 } });
    const upgrade = shop.start('upgrade', '-y');
    await moment.boot();
    const server = await shop.serverPid();
    process.kill(server, 'SIGSTOP');
    await sleep(13_000);
    process.kill(server, 'SIGCONT');
    await comesToItsEnd(['BOOT_DELAY']);
    expect((await upgrade.ended).code, upgrade.output()).toBe(0);

    const boots = (await stepsOn('h1')).filter(({ seq }) => seq === 101);
    expect(boots.map(({ attempt }) => attempt)).toEqual([1, 2]);
    // Temporal began the second while the first still ran; on the host it came after it.
    const history = await shop.temporal('workflow', 'show', '--output', 'json', '--workflow-id', `${await shop.workflowId()}/${boots[0]?.run}/${lab.host('h1').address}`);
    const second = (JSON.parse(history) as History).events.find(({ activityTaskStartedEventAttributes: started }) => started?.attempt === 2);
    expect(Date.parse(second?.eventTime ?? '')).toBeLessThan(boots[0]?.endedAt ?? 0);
    expect(boots[1]?.startedAt).toBeGreaterThanOrEqual(boots[0]?.endedAt ?? Infinity);
  });

  async function kill(victim: Victim, upgrade: Running): Promise<void> {
    if (victim === 'command line') {
      upgrade.child.kill('SIGKILL');
      await upgrade.ended;
    } else process.kill(victim === 'worker' ? await shop.workerPid() : await shop.serverPid(), 'SIGKILL');
  }

  async function comesToItsEnd(moreEnv: string[] = []): Promise<void> {
    const watched = await shop.bactrian('watch');
    expect(watched.code, watched.stdout + watched.stderr).toBe(0);
    await expectUpgraded({ moreEnv });
    expect(await locks()).toEqual([]);
  }
});
