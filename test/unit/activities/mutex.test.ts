import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { KeyedMutex } from '../../../activities/mutex.ts';

describe('KeyedMutex', () => {
  it('lets one piece of work a key run at a time, in the order in which they came', async () => {
    const mutex = new KeyedMutex();
    const log: string[] = [];
    const work = (name: string, ms: number) => mutex.run('host', async () => {
      log.push(`${name} begins`);
      await sleep(ms);
      log.push(`${name} ends`);
      return name;
    });
    expect(await Promise.all([work('a', 20), work('b', 1), work('c', 1)])).toEqual(['a', 'b', 'c']);
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  it('keeps no key waiting for another', async () => {
    const mutex = new KeyedMutex();
    let release: () => void = () => undefined;
    const blocked = mutex.run('a', () => new Promise<void>((resolve) => {
      release = resolve;
    }));
    expect(await mutex.run('b', () => Promise.resolve('free'))).toBe('free');
    release();
    await blocked;
  });

  it('goes on after work that failed, and gives its error to who asked for it', async () => {
    const mutex = new KeyedMutex();
    const failed = mutex.run('host', () => Promise.reject(new Error('broken')));
    const next = mutex.run('host', () => Promise.resolve('next'));
    await expect(failed).rejects.toThrow('broken');
    expect(await next).toBe('next');
  });
});
