import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { firstHostStep } from '../../workflows/numbering.ts';
import { Shop } from './shop.ts';
import { stepsOn } from './steps.ts';
import { lab, locks, moment } from './the-lab.ts';
import { expectUpgraded } from './upgraded.ts';

describe('the server stands still past a heartbeat time-out', () => {
  let shop: Shop;
  beforeAll(async () => {
    await lab.restore();
    shop = await Shop.open('frozen', { changes: { env: { clear: { BOOT_DELAY: '18' } }, deploy_timeout: 40 } });
  });
  afterAll(() => shop.close());

  it('a step that may be ended is ended before it is begun anew', async () => {
    const upgrade = shop.start('upgrade', '-y');
    await moment.boot();
    const server = await shop.serverPid();
    process.kill(server, 'SIGSTOP');
    await sleep(13_000);
    process.kill(server, 'SIGCONT');
    expect((await upgrade.ended).code, upgrade.output()).toBe(0);
    await expectUpgraded({ moreEnv: ['BOOT_DELAY'] });
    expect(await locks()).toEqual([]);

    // A heartbeat that waited in the server's socket may save the first attempt: then there is no second one.
    const attempts = (await stepsOn('h1')).filter(({ seq }) => seq === firstHostStep(1) + 1);
    expect(attempts.at(-1)?.code).toBe(0);
    for (const [at, { startedAt }] of attempts.slice(1).entries()) expect(startedAt).toBeGreaterThanOrEqual(attempts[at]?.endedAt ?? Infinity);
  });
});
