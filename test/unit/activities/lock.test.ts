import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireScript, lockMessage, releaseScript, runOfLock } from '../../../activities/script/lock.ts';
import { base64Lines, lockDetails } from '../../../src/kamal/commands/lock.ts';
import { LocalHost, type StepWish } from './local-host.ts';

const PATHS = ['.kamal/lock-shop', '.kamal/locks/shop'];

let host: LocalHost;
beforeEach(() => {
  host = new LocalHost();
});
afterEach(() => {
  host.remove();
});

const details = (run: string) => lockDetails({ by: 'Eve "the $HOME" O\'Neill', at: '2026-11-24T22:05:59Z', version: 'v1', message: lockMessage(run) });

function acquire(wish: StepWish = {}, takeOverLockOf: string | null = null) {
  const body = acquireScript({ paths: PATHS, details: base64Lines(details(wish.run ?? 'run-1')), takeOverLockOf });
  return host.step(body, { seq: 10, journal: 'lock', ...wish });
}

const release = (wish: StepWish = {}) => host.step(releaseScript(PATHS), { seq: 900, journal: 'lock', ...wish });

/** As real Kamal takes it (Kamal 2.12: `Commands::Lock#acquire`), through the shell. */
async function lockedByKamal(path: string, text: string): Promise<void> {
  const { code } = await host.sh(`mkdir -p "$(dirname '${path}')" && mkdir '${path}' && echo "${Buffer.from(text).toString('base64').replace(/.{1,60}/g, '$&\n')}" > '${path}/details'`);
  expect(code).toBe(0);
}

/** As real Kamal shows it: `cat details | base64 -d`. */
async function shownByKamal(path: string): Promise<string> {
  return (await host.sh(`cat '${path}/details' | base64 -d`)).output;
}

describe('taking the deploy lock', () => {
  it("makes both generations' locks, with details that real Kamal can show", async () => {
    expect(await acquire()).toMatchObject({ code: 0, fail: null, notes: PATHS.map((path) => `locked ${path}`) });
    for (const path of PATHS) {
      expect(await shownByKamal(path)).toBe(details('run-1'));
      // Kamal's echo ends the file with one more newline than base64 lines have; ours holds the same lines.
      expect(readFileSync(host.path(path, 'details'), 'utf8').trimEnd()).toBe(base64Lines(details('run-1')).trimEnd());
    }
    expect(runOfLock({ details: await shownByKamal('.kamal/lock-shop'), intendedBy: null })).toBe('run-1');
  });

  it('finds its own lock when an attempt is repeated', async () => {
    await acquire();
    expect(await acquire({ attempt: 2 })).toMatchObject({ code: 0, unchanged: true });
  });

  it.each(PATHS)("does not take somebody else's at %s: it shows whose it is, and lets go of what it took", async (path) => {
    await lockedByKamal(path, 'Locked by: Bob at 2026-11-24T21:00:00Z\nVersion: v7\nMessage: deploying');
    const ran = await acquire();
    expect(ran.code).not.toBe(0);
    expect(ran.fail).toEqual({ type: 'LockHeld', text: `the deploy lock ${path} is held: Locked by: Bob at 2026-11-24T21:00:00Z Version: v7 Message: deploying ` });
    expect(PATHS.filter((each) => host.has(each))).toEqual([path]);
    await release();
    expect(await shownByKamal(path)).toContain('Bob');
  });

  it.each(PATHS)('takes a directory without details at %s for a held lock, and never breaks it', async (path) => {
    mkdirSync(host.path(path), { recursive: true });
    for (const attempt of [1, 2]) {
      expect((await acquire({ attempt })).fail).toEqual({ type: 'LockHeld', text: `the deploy lock ${path} is held: it exists, without details` });
    }
    await release();
    expect(PATHS.filter((each) => host.has(each))).toEqual([path]);
  });

  it('finishes a lock that it left half made', async () => {
    await host.step("journal 'lock .kamal/lock-shop'; mkdir .kamal/lock-shop", { seq: 10, journal: 'lock' });
    expect(await acquire({ attempt: 2 })).toMatchObject({ code: 0, fail: null });
    expect(await shownByKamal('.kamal/lock-shop')).toBe(details('run-1'));
  });

  it('takes over a lock that a run which is over had left half made, and only that run\'s', async () => {
    await host.step("journal 'lock .kamal/lock-shop'; mkdir .kamal/lock-shop", { run: 'run-1', seq: 10, journal: 'lock' });
    expect((await acquire({ run: 'run-2', runStartedAt: 2000 }, 'run-0')).fail?.type).toBe('LockHeld');
    expect(await acquire({ run: 'run-2', runStartedAt: 2000, attempt: 2 }, 'run-1')).toMatchObject({ code: 0, fail: null });
    expect(await shownByKamal('.kamal/lock-shop')).toBe(details('run-2'));

    // From then on that run's journal speaks of no lock: an empty one that comes later is somebody else's.
    await release({ run: 'run-2', runStartedAt: 2000 });
    mkdirSync(host.path('.kamal/lock-shop'));
    expect((await acquire({ run: 'run-3', runStartedAt: 3000 }, 'run-1')).fail?.type).toBe('LockHeld');
  });

  it('takes over the lock of a run that is over, when told so, and no other', async () => {
    await acquire();
    expect((await acquire({ run: 'run-2', runStartedAt: 2000 })).fail?.type).toBe('LockHeld');
    const taken = await acquire({ run: 'run-2', runStartedAt: 2000, attempt: 2 }, 'run-1');
    expect(taken).toMatchObject({ code: 0, fail: null, notes: ['took over the lock of run run-1, which is over', 'took over the lock of run run-1, which is over'] });
    for (const path of PATHS) expect(runOfLock({ details: await shownByKamal(path), intendedBy: null })).toBe('run-2');
    expect((await acquire({ run: 'run-3', runStartedAt: 3000 }, 'run-1')).fail?.type).toBe('LockHeld');
  });
});

describe('releasing the deploy lock', () => {
  it('removes both, and says so once', async () => {
    await acquire();
    expect(await release()).toMatchObject({ code: 0, notes: PATHS.map((path) => `released ${path}`) });
    expect(PATHS.some((path) => host.has(path))).toBe(false);
    expect(await release({ attempt: 2 })).toMatchObject({ code: 0, notes: [], unchanged: true });
  });

  it.each(['', 'details.new'])('removes a lock that was left half made (with %j in it)', async (file) => {
    await host.step("journal 'lock .kamal/lock-shop'; mkdir .kamal/lock-shop", { seq: 10, journal: 'lock' });
    if (file !== '') writeFileSync(host.path('.kamal/lock-shop', file), 'TG9j');
    expect((await release()).code).toBe(0);
    expect(host.has('.kamal/lock-shop')).toBe(false);
  });

  it("leaves somebody else's, who took it after ours had gone", async () => {
    await acquire();
    await host.sh('rm -r .kamal/lock-shop .kamal/locks/shop');
    await lockedByKamal('.kamal/lock-shop', 'Locked by: Bob');
    expect((await release()).notes).toEqual(["the lock .kamal/lock-shop is somebody else's by now"]);
    expect(existsSync(host.path('.kamal/lock-shop/details'))).toBe(true);
  });
});

describe('runOfLock', () => {
  it('believes the journal only where there are no details', () => {
    expect(runOfLock({ details: null, intendedBy: 'run-1' })).toBe('run-1');
    expect(runOfLock({ details: 'Locked by: Bob', intendedBy: 'run-1' })).toBeNull();
  });

  it.each([
    [details('20261124-220559-3fa9'), '20261124-220559-3fa9'],
    ['Locked by: Bob\nMessage: Automatic deploy lock', null],
    [null, null],
  ])('reads %j', (text, run) => {
    expect(runOfLock({ details: text, intendedBy: null })).toBe(run);
  });
});
