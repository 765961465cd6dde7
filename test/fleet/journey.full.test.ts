import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { realKamal } from '../../lab/kamal.ts';
import { loadOn, startLoad } from '../../lab/load.ts';
import { HOME_OF_KAMAL1 } from '../../lab/project.ts';
import { must, run } from '../../lab/run.ts';
import type { CheckItem } from '../../src/plan/check/items.ts';
import { Shop, testFolder } from './shop.ts';
import { fleetAsItWas, lab, listFleet, locks } from './the-lab.ts';

/** Each of these goes on from what the one before it left: the way of a project from Kamal 1 to its next deploy. */
describe('from a Kamal 1 project to the next version with Kamal 2', () => {
  let shop: Shop;
  const git = (...args: string[]) => must('git', ['-c', 'user.name=Owner', '-c', 'user.email=owner@shop.example', ...args], { cwd: shop.dir, env: shop.env });
  const check = async () => {
    const ended = await shop.bactrian('check', '--json');
    return { ...ended, items: JSON.parse(ended.stdout) as CheckItem[] };
  };
  const failed = (items: CheckItem[]) => items.filter(({ level }) => level === 'fail').map(({ id, where }) => `${where} ${id}`);

  beforeAll(async () => {
    await lab.restore();
    // Its time-outs are Kamal 2's keys: what Kamal 1 doesn't know has to go.
    shop = await Shop.open('journey', { kamal: 1, changes: { deploy_timeout: undefined }, files: { '.gitignore': '.env\n', '.kamal/hooks/pre-traefik-reboot': '#!/bin/sh\nexit 0\n' } }, { HOME: join(testFolder, 'journey', HOME_OF_KAMAL1) });
    await git('init', '-q');
    await git('add', '-A');
    await git('commit', '-qm', 'as it was deployed');
  });
  afterAll(() => shop.close());

  it('check: all is well but for the project being one of Kamal 1, and nothing is any different for it', async () => {
    const before = await listFleet();
    const { code, items, stderr } = await check();
    expect(failed(items), stderr).toEqual(['project kamal-1-project']);
    expect(code).toBe(3);
    expect(items.filter(({ id, level }) => id === 'health' && level === 'ok').map(({ where }) => where)).toEqual(['h1', 'h2'].map((name) => lab.host(name).address));
    expect(fleetAsItWas(await listFleet())).toEqual(fleetAsItWas(before));
    expect(await git('status', '--porcelain')).toBe('');
  });

  it('convert --write: a Kamal 2 project, of which check finds nothing to put right', async () => {
    const converted = await shop.bactrian('convert', '--write');
    expect(converted.code, converted.stdout + converted.stderr).toBe(0);
    await readFile(join(shop.dir, '.kamal/hooks/pre-proxy-reboot'));
    const { code, items, stderr } = await check();
    expect(failed(items), stderr).toEqual([]);
    expect(code).toBe(0);
  });

  it('upgrade, then the next version with real Kamal 2, without losing a request', async () => {
    const load = await startLoad(loadOn(lab, 20));
    const upgraded = await shop.upgrade();
    expect(upgraded.code, upgraded.stderr).toBe(0);
    expect(upgraded.result?.hosts.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done']);
    const deployed = await run(realKamal(), ['deploy', '-P', '--version', 'v2'], { cwd: shop.dir, env: { ...shop.env, VERSION: 'v2' }, timeoutMs: 180_000 });
    const streams = await load.stop();
    expect(deployed.code, deployed.stdout + deployed.stderr).toBe(0);
    // Redis is rebooted on the way: what asks for it waits, or is counted elsewhere.
    for (const stream of streams.filter(({ name }) => name.endsWith(' /'))) expect(stream, stream.name).toMatchObject({ lost: 0, good: stream.sent });
    expect(streams[0]?.answers).toHaveProperty('labapp v2');
    expect(await locks()).toEqual([]);
  });

  it('check afterwards: it is on Kamal 2 already', async () => {
    const { code, items } = await check();
    expect(failed(items)).toEqual([]);
    expect(code).toBe(0);
    expect(items.filter(({ id }) => id === 'generation').map(({ what }) => what)).toEqual(['on Kamal 2 already', 'on Kamal 2 already', 'on Kamal 2 already']);
  });
});
