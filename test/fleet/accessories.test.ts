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

  it('one that the app names by its container is joined before the app boots, and rebooted in its turn', async () => {
    const before = await redisContainer();
    await shop.configure({ changes: { servers: { workers: { env: { clear: { CACHE_URL: 'redis://labapp-redis:6379/1' } } } } } });
    const ended = await shop.upgrade('-h', redisHost);
    expect(ended.code, ended.stderr).toBe(0);
    const prepared = ended.result?.hosts[0]?.steps.find(({ name }) => name === 'prepare')?.notes ?? [];
    expect(prepared).toContain('labapp-redis joined the network kamal');
    // The run has looked from a container of the app's: the name resolves there, and Redis answers.
    expect(prepared.join()).not.toContain('CACHE_URL');
    const after = await redisContainer();
    expect(after?.networks).toEqual(['kamal']);
    expect(after?.id).not.toBe(before?.id);
  });

  async function redisContainer() {
    const found = (await lab.inspect('h3')).containers.filter(({ name }) => name.startsWith('labapp-redis'));
    expect(found).toHaveLength(1);
    return found[0];
  }
});
