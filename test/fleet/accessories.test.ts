import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { Shop } from './shop.ts';
import { lab, redis } from './the-lab.ts';

const redisHost = lab.host('h3').address;

describe('accessories that are not to be rebooted', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await Shop.open('accessories');
  });
  beforeEach(() => lab.restore());
  afterAll(() => shop.close());

  it.each([
    ['join', ['bridge', 'kamal']],
    ['skip', ['bridge']],
  ])('--accessories %s', async (mode, networks) => {
    const before = await redisContainer();
    await redis('SET written before');
    const ended = await shop.upgrade('-h', redisHost, '--accessories', mode);
    expect(ended.code, ended.stderr).toBe(0);
    expect(await redisContainer()).toEqual({ ...before, networks });
    expect(await redis('GET written')).toContain('before');

    const again = await shop.upgrade('-h', redisHost, '--accessories', mode);
    expect(again.result?.hosts.map(({ alreadyThere }) => alreadyThere)).toEqual([true]);
    expect(await redisContainer()).toEqual({ ...before, networks });
  });

  async function redisContainer() {
    const found = (await lab.inspect('h3')).containers.filter(({ name }) => name.startsWith('labapp-redis'));
    expect(found).toHaveLength(1);
    return found[0];
  }
});
