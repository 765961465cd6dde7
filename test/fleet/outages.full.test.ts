import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { eventually } from '../../lab/run.ts';
import { Shop } from './shop.ts';
import { lab, locks, moment, redis } from './the-lab.ts';
import { expectUpgraded } from './upgraded.ts';

/**
 * Kamal's audit log as a pipe that nobody reads any more once the accessory is being stopped: the step stands at the
 * next line that it would write there, which is the one before the new container starts.
 */
const AUDITS_UNTIL_STOPPED = `f=.kamal/labapp-audit.log; mv $f $f.kept && mkfifo $f
setsid sh -c 'while line=$(cat "$1"); do echo "$line" >> "$1.kept"; case $line in *Stopped*redis*) exit ;; esac; done' audits $f > /dev/null 2>&1 < /dev/null &`;

describe('a host goes away in mid-run and comes back', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await Shop.open('outages');
  });
  beforeEach(() => lab.restore());
  afterAll(() => shop.close());

  it.each(['boot', 'cutover', 'accessory'] as const)('it loses power at %s', async (at) => {
    const host = at === 'accessory' ? 'h3' : 'h1';
    await goesOn(at, async () => {
      await lab.powerOff(host);
      await sleep(3000);
      await lab.powerOn(host);
    });
  });

  it.each(['boot', 'cutover'] as const)('its link is silent for 20 s at %s', async (at) => {
    await goesOn(at, async () => {
      await lab.cutLink('h1');
      await sleep(20_000);
      await lab.restoreLink('h1');
    });
  });

  it('it loses power between an accessory\'s old and its new container, and no worker is there any more', async () => {
    await redis('SET written before');
    await lab.exec('h3', AUDITS_UNTIL_STOPPED);
    const upgrade = shop.start('upgrade', '-y');
    await eventually('the old Redis has stopped', 120_000, async () => (await running()) === '');
    upgrade.child.kill('SIGKILL');
    process.kill(await shop.workerPid(), 'SIGKILL');
    await upgrade.ended;
    // The step is where it would be cut off.
    expect(await running()).toBe('');
    await lab.powerOff('h3');
    await lab.powerOn('h3');
    expect(await redis('GET written')).toContain('before');
    expect(await running()).toMatch(/^labapp-redis\S* [0-9a-f]+ always$/);

    await lab.exec('h3', 'mv .kamal/labapp-audit.log.kept .kamal/labapp-audit.log');
    const watched = await shop.bactrian('watch');
    expect(watched.code, watched.stdout + watched.stderr).toBe(0);
    expect(await redis('GET written')).toContain('before');
    await expectUpgraded();
    expect(await locks()).toEqual([]);
  });

  /** The Redis containers that run, with their restart policy. */
  async function running(): Promise<string> {
    const { stdout } = await lab.exec('h3', `for i in $(docker ps -q --filter name=labapp-redis); do docker inspect -f '{{.Name}} {{.Id}} {{.HostConfig.RestartPolicy.Name}}' "$i"; done`);
    return stdout.trim().replace(/^\//, '');
  }

  async function goesOn(at: keyof typeof moment, outage: () => Promise<void>): Promise<void> {
    const upgrade = shop.start('upgrade', '-y');
    await moment[at]();
    await outage();
    expect((await upgrade.ended).code, upgrade.output()).toBe(0);
    await expectUpgraded();
    expect(await locks()).toEqual([]);
  }
});
