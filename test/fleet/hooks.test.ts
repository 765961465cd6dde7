import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { Shop } from './shop.ts';
import { attemptsOn } from './steps.ts';
import { fleetAsItWas, lab, listFleet, locks } from './the-lab.ts';
import { expectUpgraded } from './upgraded.ts';

const HOOKS = ['pre-connect', 'pre-proxy-reboot', 'pre-app-boot', 'post-app-boot', 'post-proxy-reboot'];
const [h1, h2, h3] = lab.hosts.map(({ address }) => address);

/** Notes when it ran and what Kamal tells hooks; the sleep leaves time to kill the worker. */
const noting = (more = '') => `#!/bin/sh
printf '%s|%s|%s|%s|%s|%s\\n' "$(basename "$0")" "$KAMAL_HOSTS" "$KAMAL_LOCK" "$KAMAL_COMMAND" "$KAMAL_SERVICE" "\${APP_SECRET:+has secrets}" >> hooks.log
${more}`;

describe('hooks', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await Shop.open('hooks', { files: Object.fromEntries(HOOKS.map((name) => [`.kamal/hooks/${name}`, noting()])) });
  });
  beforeEach(async () => {
    await lab.restore();
    await rm(join(shop.dir, 'hooks.log'), { force: true });
  });
  afterAll(() => shop.close());

  const ran = async () => (await readFile(join(shop.dir, 'hooks.log'), 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const line = (hook: string, hosts: (string | undefined)[], lock: boolean) => `${hook}|${hosts.join(',')}|${lock}|upgrade|labapp|${hook === 'pre-connect' ? 'has secrets' : ''}`;

  it('run once for the whole group, in order, with what Kamal tells them', async () => {
    const ended = await shop.upgrade();
    expect(ended.code, ended.stderr).toBe(0);
    const all = [h1, h2, h3];
    expect(await ran()).toEqual(HOOKS.map((name) => line(name, all, name !== 'pre-connect')));
  });

  it('run host by host when rolling', async () => {
    const ended = await shop.upgrade('--rolling', '--accessories', 'skip', '-h', `${h1},${h3}`);
    expect(ended.code, ended.stderr).toBe(0);
    const each = (host: string | undefined) => HOOKS.slice(1).map((name) => line(name, [host], true));
    expect(await ran()).toEqual([line('pre-connect', [h1, h3], false), ...each(h1), ...each(h3)]);
  });

  it.each(['pre-connect', 'pre-proxy-reboot'])('a failing %s leaves every host untouched', async (hook) => {
    await shop.configure({ files: { [`.kamal/hooks/${hook}`]: noting('echo no deploys on Fridays; exit 7') } });
    const before = await listFleet();
    const ended = await shop.upgrade();
    await shop.configure({ files: { [`.kamal/hooks/${hook}`]: noting() } });
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.stderr).toContain('no deploys on Fridays');
    expect(ended.result?.failure).toMatchObject({ type: 'HookFailed' });
    expect(ended.result?.hosts.map(({ outcome }) => outcome)).toEqual(['unchanged', 'unchanged', 'unchanged']);
    expect(fleetAsItWas(await listFleet())).toEqual(fleetAsItWas(before));
    expect(await locks()).toEqual([]);
    expect((await attemptsOn('h2')).length).toBe(0);
  });

  it('a hook that nobody saw end is not run twice on our own: a person says what to do', async () => {
    await shop.configure({ files: { '.kamal/hooks/pre-proxy-reboot': noting('sleep 30') } });
    const upgrade = shop.start('upgrade', '-y');
    await upgrade.printed('— locking');
    for (let tries = 0; (await ran()).length < 2 && tries < 100; tries++) await new Promise((resolve) => setTimeout(resolve, 100));
    process.kill(await shop.workerPid(), 'SIGKILL');
    const watch = shop.start('watch');
    await watch.printed('bactrian resume --skip');
    expect(await ran()).toHaveLength(2);
    expect(await shop.bactrian('resume', '--skip')).toMatchObject({ code: 0 });
    expect((await watch.ended).code, watch.output()).toBe(0);
    await upgrade.ended;
    await expectUpgraded();
    expect((await ran()).map((text) => text.split('|')[0])).toEqual(HOOKS);
  });
});
