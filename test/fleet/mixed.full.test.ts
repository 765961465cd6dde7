import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { loadOn, startLoad } from '../../lab/load.ts';
import { abandon, directions, expectHome, go, kamal, kamalKilledAt, oddIn, openHalfWay, stand, untilOpenRun, type Direction } from './half-way.ts';
import type { Shop } from './shop.ts';
import { asItWas, lab, locks, moment } from './the-lab.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openHalfWay('mixed');
});
afterAll(() => shop.close());

describe("real Kamal's own upgrade, killed half way", () => {
  beforeEach(() => lab.restore());

  it.each(
    [
      ['as Traefik stops', 'h1', 'docker container stop traefik', '^h1 fail (traefik|no-service)'],
      ['as the app boots', 'h1', '--name labapp-web-v1', '^h1 (fail no-service|warn two-generations)'],
      ['as the workers boot, the web hosts done', 'h3', '--name labapp-workers-v1', '^h3 (warn|fail)'],
    ].flatMap(([...point]) => directions.map((direction) => [point[0], direction, ...point.slice(1)] as [string, Direction, string, string, string])),
  )('%s: its lock is named and left alone; once it is released, all come home (%s)', async (_, direction, host, words, odd) => {
    await kamalKilledAt(shop, host, words);
    const half = await stand(shop);
    expect(half.code).toBe(1);
    expect(oddIn(half), JSON.stringify(half.hosts, null, 1)).toEqual(expect.arrayContaining([expect.stringMatching(odd), 'h1 warn lock']));
    expect(half.hosts.flatMap(({ oddities }) => oddities).find(({ id }) => id === 'lock')?.what).toMatch(/held by Olga Owner since 20\S+ \S+ UTC \(\d+ minutes?\): Automatic deploy lock/);

    const refused = await go(shop, direction);
    expect(refused.code).toBe(3);
    expect(refused.stdout + refused.stderr).toMatch(/is held by Olga Owner since 20.*Automatic deploy lock/s);
    expect(refused.stdout + refused.stderr).toContain('`kamal lock release`');
    expect(await locks()).toEqual(['.kamal/lock-labapp']);

    expect((await kamal(shop, 'lock', 'release')).code).toBe(0);
    const ended = await go(shop, direction);
    expect(ended.code, ended.stdout + ended.stderr).toBe(0);
    await expectHome(shop, direction);
  });
});

describe("real Kamal's own upgrade, of an app that can't become healthy", () => {
  beforeEach(async () => {
    await lab.restore();
    await shop.configure({ changes: { env: { clear: { NEVER_HEALTHY: '1' } } } });
  });
  afterAll(() => shop.configure());

  it.each(directions)('given up by Kamal: with what was wrong put right, all come home (%s)', async (direction) => {
    expect((await kamal(shop, 'upgrade', '-y', '--version', 'v1')).code).not.toBe(0);
    await shop.configure({ changes: { env: { clear: { NEVER_HEALTHY: undefined } } } });
    expect(oddIn(await stand(shop))).toEqual(expect.arrayContaining(['h1 fail no-service', 'h2 fail no-service']));
    const ended = await go(shop, direction);
    expect(ended.code, ended.stdout + ended.stderr).toBe(0);
    await expectHome(shop, direction);
  });

  it.each(directions)('killed while it waits: the app that was never healthy is told of, and all come home (%s)', async (direction) => {
    await kamalKilledAt(shop, 'h1', 'kamal-proxy deploy labapp-web');
    await shop.configure({ changes: { env: { clear: { NEVER_HEALTHY: undefined } } } });
    expect(oddIn(await stand(shop))).toEqual(expect.arrayContaining(['h1 warn two-generations', 'h1 fail no-service', 'h1 fail unhealthy', 'h1 warn lock']));
    expect((await kamal(shop, 'lock', 'release')).code).toBe(0);
    const ended = await go(shop, direction);
    expect(ended.code, ended.stdout + ended.stderr).toBe(0);
    await expectHome(shop, direction);
  });
});

describe('one host on Kamal 2, the others on Kamal 1', () => {
  it.each([
    ['upgrade', ['h1']],
    ['downgrade', ['h2', 'h3']],
  ] as [Direction, string[]][])('%s: loses nothing, and those that are there already are not restarted', async (direction, there) => {
    await lab.restore();
    const part = await go(shop, 'upgrade', '-h', lab.host('h1').address);
    expect(part.code, part.stdout + part.stderr).toBe(0);
    const half = await stand(shop);
    expect(half.hosts.map(({ generation }) => generation)).toEqual(['kamal2', 'kamal1', 'kamal1']);
    expect(half.fleet.map(({ id }) => id)).toContain('fleet');
    expect(half.code).toBe(1);

    const before = await Promise.all(there.map(async (host) => asItWas(await lab.inspect(host)).containers));
    const load = await startLoad(loadOn(lab, 20));
    const ended = await go(shop, direction);
    const streams = await load.stop();
    expect(ended.code, ended.stdout + ended.stderr).toBe(0);
    for (const stream of streams.filter(({ name }) => name.endsWith(' /'))) expect(stream, stream.name).toMatchObject({ lost: 0, good: stream.sent });
    expect(await Promise.all(there.map(async (host) => asItWas(await lab.inspect(host)).containers))).toEqual(before);
    await expectHome(shop, direction);
  });
});

describe('there and back, with real Kamal 2 in between', () => {
  it('what real Kamal upgraded we take back; what we took back real Kamal upgrades', async () => {
    await lab.restore();
    for (const _ of ['from Kamal 1', 'from where our way back ended']) {
      const upgraded = await kamal(shop, 'upgrade', '-y', '--version', 'v1');
      expect(upgraded.code, upgraded.stdout + upgraded.stderr).toBe(0);
      await expectHome(shop, 'upgrade');
      const back = await go(shop, 'downgrade');
      expect(back.code, back.stdout + back.stderr).toBe(0);
      await expectHome(shop, 'downgrade');
    }
  });
});

describe('a run of ours, abandoned a week ago, with all memory of it gone', () => {
  const moments = {
    'as the app had booted': moment.boot,
    'in the cutover': moment.cutover,
  };
  beforeEach(() => lab.restore());

  it.each(Object.entries(moments).flatMap(([at, reached]) => directions.map((direction) => [at, direction, reached] as const)))('an upgrade, %s: it is named, and all come home (%s)', async (_, direction, reached) => {
    await abandon(shop, 'upgrade', reached);
    await namedAndHome(direction);
  });

  it.each(directions)('a downgrade, in the cutover: it is named, and all come home (%s)', async (direction) => {
    expect((await go(shop, 'upgrade')).code).toBe(0);
    await abandon(shop, 'downgrade', () => untilOpenRun('^started '));
    await namedAndHome(direction);
  });

  async function namedAndHome(direction: Direction): Promise<void> {
    const half = await stand(shop);
    expect(half.code).toBe(1);
    expect(half.openRun).toBeUndefined();
    const [h1] = half.hosts;
    expect(h1?.oddities.find(({ id }) => id === 'cut-off')?.what).toMatch(/^run \d{8}-\d{6}-\w+ is not finished here; no Temporal server runs here.* \(7 days ago, its last act here: /);
    expect(oddIn(half)).toContain('h1 warn lock');
    const ended = await go(shop, direction);
    expect(ended.code, ended.stdout + ended.stderr).toBe(0);
    await expectHome(shop, direction);
  }
});
