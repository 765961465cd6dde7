import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ComparableHost } from '../../lab/comparable.ts';
import { loadOn, startLoad } from '../../lab/load.ts';
import { goBack, openBothWays, restoreUpgraded, startBack } from './both-ways.ts';
import { rulesLeft } from './handover.ts';
import type { Running, Shop } from './shop.ts';
import { lab, locks, redis, until } from './the-lab.ts';
import { presentState } from './upgraded.ts';

/** What happens to a way back, and how long nobody may be answered because of it, in milliseconds. */
interface Cut {
  at: string;
  act: (run: Running) => Promise<void>;
  longest: number;
}

describe('a way back that is cut off ends as one that is not', () => {
  let shop: Shop;
  let undisturbed: Record<string, Omit<ComparableHost, 'audit'>>;

  beforeAll(async () => {
    shop = await openBothWays('way-back-cut-off');
    await restoreUpgraded(shop);
    const ended = await goBack(shop);
    expect(ended.code, ended.stderr).toBe(0);
    undisturbed = await state();
  });
  afterAll(() => shop.close());

  const onHost = async (command: string) => void (await lab.exec('h1', command));
  const cuts: Record<string, Cut> = {
    'the command line is killed while the app boots': { at: '^container labapp-web-', act: kill('command line'), longest: 0 },
    'the worker is killed while requests are steered': { at: '^steered ', act: kill('worker'), longest: 0 },
    'the server is killed when kamal-proxy is told to stop': { at: '^stopped [0-9a-f]+ always', act: kill('server'), longest: 0 },
    'the script is killed when kamal-proxy is told to stop': { at: '^stopped [0-9a-f]+ always', act: () => onHost('kill -9 -$(cut -d" " -f1 .kamal/bactrian/holder)'), longest: 2000 },
    'the script is killed when Traefik starts': { at: '^started ', act: () => onHost('kill -9 -$(cut -d" " -f1 .kamal/bactrian/holder)'), longest: 2000 },
    'the host loses power when Traefik starts': { at: '^started ', act: () => powerCut('h1'), longest: 45_000 },
  };

  it.each(Object.keys(cuts))('%s', async (what) => {
    const { at, act, longest } = cuts[what] as Cut;
    await restoreUpgraded(shop);
    await redis('SET written before');
    const load = await startLoad(loadOn(lab, 10));
    const run = startBack(shop);
    await until('h1', at, 'app', 180);
    await act(run);
    const streams = await comesToItsEnd(run).then(() => load.stop());
    const front = streams.find(({ name }) => name === 'h1 /');
    if (longest === 0) expect(front, what).toMatchObject({ lost: 0 });
    else expect(front?.outage).toBeLessThan(longest);
    expect(streams.find(({ name }) => name === 'h2 /')).toMatchObject({ lost: 0 });
  });

  it('the host with the accessory loses power while that is rebooted', async () => {
    await restoreUpgraded(shop);
    await redis('SET written before');
    const run = startBack(shop);
    await until('h3', '^stopped ', 'accessories', 180);
    await powerCut('h3');
    await comesToItsEnd(run);
  });

  function kill(victim: 'command line' | 'worker' | 'server'): Cut['act'] {
    return async (run) => {
      if (victim === 'command line') run.child.kill('SIGKILL');
      else process.kill(victim === 'worker' ? await shop.workerPid() : await shop.serverPid(), 'SIGKILL');
    };
  }

  async function powerCut(host: string): Promise<void> {
    await lab.powerOff(host);
    await sleep(2000);
    await lab.powerOn(host);
  }

  async function comesToItsEnd(run: Running): Promise<void> {
    // Whoever followed it may be gone: the next one follows it to its end.
    if ((await run.ended).code !== 0) {
      const watched = await shop.bactrian('watch');
      expect(watched.code, run.output() + watched.stdout + watched.stderr).toBe(0);
    }
    expect(await state()).toEqual(undisturbed);
    expect(await redis('GET written')).toContain('before');
    for (const host of ['h1', 'h2']) expect(await rulesLeft(host), host).toBe('');
    expect(await locks()).toEqual([]);
  }

  /** Without the audit log: a step that ran twice has written its line twice. */
  async function state(): Promise<typeof undisturbed> {
    return Object.fromEntries(Object.entries(await presentState()).map(([name, { audit: _audit, ...host }]) => [name, { ...host, files: host.files.filter((line) => !line.includes('audit.log')) }]));
  }
});
