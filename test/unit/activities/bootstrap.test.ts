import { writeFileSync, mkdirSync, chmodSync, readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootstrap, EXIT, terminate } from '../../../activities/script/bootstrap.ts';
import { putBackOtherRuns, putBackThisRun } from '../../../activities/script/put-back.ts';
import { fromBase64 } from '../../../activities/script/words.ts';
import { LocalHost } from './local-host.ts';

let host: LocalHost;
beforeEach(() => {
  host = new LocalHost();
});
afterEach(() => {
  host.remove();
});

describe('a script on a host', () => {
  it('runs, and gives back what it said and its exit code', async () => {
    const ran = await host.step("note 'a word'; changed 'something'; echo a line; exit 3");
    expect(ran).toMatchObject({ code: 3, notes: ['a word', 'something'], unchanged: false, fail: null, log: 'a line' });
  });

  it('removes its own file before it does anything, since secrets may be in it', async () => {
    const ran = await host.step('ls "$D"; echo "left: $0"; ls "$0" 2>&1 | head -n 1');
    expect(ran.log.split('\n')[0]).toBe('1.1.out');
    expect(ran.log).toContain('No such file');
  });

  it('keeps its output on the host, for its owner only, in a folder for its owner only', async () => {
    await host.step('echo here I am; echo and on stderr >&2');
    expect(host.read('.kamal/bactrian/run-1/1.1.out')).toBe('here I am\nand on stderr\n');
    expect(host.mode('.kamal/bactrian/run-1/1.1.out')).toBe('600');
    expect(host.mode('.kamal/bactrian/run-1')).toBe('700');
    expect(host.mode('.kamal/bactrian')).toBe('700');
    expect(host.mode('.kamal')).toBe('755');
    expect(host.has('.kamal/bactrian/run-1/1.1.pid')).toBe(false);
  });

  it('is not run when it did not arrive whole', async () => {
    const text = host.script('touch ran');
    for (const length of [0, 1, Math.floor(text.length / 2), text.length - 1]) {
      const { code, output } = await host.sh(bootstrap(host.token()), text.slice(0, length));
      expect(code).toBe(EXIT.failed);
      // Passes by itself: the connection was lost.
      expect(output).toBe('@fail HostUnreachable the script did not arrive whole\n');
    }
    expect(host.has('ran')).toBe(false);
    expect(readdirSync(host.path('.kamal/bactrian/run-1'))).toEqual([]);
  });

  it('goes on when the connection is gone', async () => {
    const connection = host.start(bootstrap(host.token()), host.script('sleep 0.5; touch ran'));
    await host.until(() => host.has('.kamal/bactrian/run-1/1.1.pid'));
    connection.kill('SIGKILL');
    await host.until(() => host.has('ran'));
  });

  it('is ended with all it started when its attempt is cancelled', async () => {
    const running = host.sh(bootstrap(host.token()), host.script('(sleep 30; touch child) & sleep 30; touch ran'));
    await host.until(() => host.has('.kamal/bactrian/holder'));
    await host.sh(terminate(host.token()));
    expect((await running).code).toBe(143);
    const left = await host.step('echo free', { attempt: 2, joinSeconds: 1 });
    expect(left.log).toBe('free');
    expect(host.has('ran') || host.has('child')).toBe(false);
  });
});

describe('the fence', () => {
  it.each([
    ['an earlier step', { seq: 4 }],
    ['an earlier attempt', { attempt: 1 }],
    ['an earlier run, whatever its numbers', { runStartedAt: 999, seq: 99, attempt: 99, run: 'run-0' }],
  ])('keeps out %s', async (_, older) => {
    await host.step('true', { seq: 5, attempt: 2 });
    const ran = await host.step('touch ran', { seq: 5, attempt: 2, ...older });
    expect(ran).toMatchObject({ code: EXIT.fenced, fail: { type: 'Fenced' } });
    expect(host.has('ran')).toBe(false);
  });

  it.each([
    ['the next step', { seq: 6, attempt: 1 }],
    ['the next attempt', { attempt: 3 }],
    ['the same attempt again', {}],
    ['a later run', { runStartedAt: 1001, seq: 1, attempt: 1, run: 'run-2' }],
    ['a step with more digits', { seq: 10, attempt: 1 }],
  ])('lets in %s', async (_, newer) => {
    await host.step('true', { seq: 5, attempt: 2 });
    expect(await host.step('touch ran', { seq: 5, attempt: 2, ...newer })).toMatchObject({ code: 0, fail: null });
    expect(host.has('ran')).toBe(true);
  });
});

describe('two attempts at once', () => {
  it('never act at once: the newer waits for what the older still does', async () => {
    const body = (name: string) => `echo ${name} begins >> log; sleep 0.4; echo ${name} ends >> log`;
    const older = host.step(body('older'));
    await host.until(() => host.has('log'));
    const newer = await host.step(body('newer'), { attempt: 2 });
    expect((await older).code).toBe(0);
    expect(newer.code).toBe(0);
    expect(host.read('log')).toBe('older begins\nolder ends\nnewer begins\nnewer ends\n');
  });

  it('of which the older does not come to an end: it is ended, with all it started', async () => {
    const older = host.step('(sleep 30; touch child) & sleep 30; touch ran');
    await host.until(() => host.has('.kamal/bactrian/holder'));
    const newer = await host.step('echo mine', { attempt: 2, joinSeconds: 1 });
    expect(newer).toMatchObject({ code: 0, log: 'mine' });
    expect((await older).code).toBe(143);
    expect(host.has('ran') || host.has('child')).toBe(false);
  });

  it('of which the older waited so long that the newer has run: it does nothing', async () => {
    const holder = host.step('sleep 0.8', { seq: 1 });
    await host.until(() => host.has('.kamal/bactrian/holder'));
    await host.sh('echo 1000 3 1 > .kamal/bactrian/fence-shop');
    expect((await host.step('touch ran', { seq: 2 })).fail?.type).toBe('Fenced');
    await holder;
    expect(host.has('ran')).toBe(false);
  });
});

describe('what a script changes on disk', () => {
  const write = (path: string, content: string, mode = '0600') => fromBase64(content, `| file '${path}' ${mode}`);

  it('is written whole, with its mode, and noted before it is done', async () => {
    await host.step(`directory .kamal/apps/shop/env\n${write('.kamal/apps/shop/env/web.env', 'A=$1 `b` "c"\n')}`);
    expect(host.read('.kamal/apps/shop/env/web.env')).toBe('A=$1 `b` "c"\n');
    expect(host.mode('.kamal/apps/shop/env/web.env')).toBe('600');
    expect(host.mode('.kamal/apps/shop/env')).toBe('755');
    expect(host.read('.kamal/bactrian/run-1/app.journal')).toBe(
      'directory .kamal/apps\ndirectory .kamal/apps/shop\ndirectory .kamal/apps/shop/env\nfile .kamal/apps/shop/env/web.env\n',
    );
    expect(readdirSync(host.path('.kamal/apps/shop/env'))).toEqual(['web.env']);
  });

  it('is undone: new files and folders go, replaced ones come back as they were', async () => {
    mkdirSync(host.path('.kamal/env'), { recursive: true });
    writeFileSync(host.path('.kamal/env/web.env'), 'OLD=1\n');
    chmodSync(host.path('.kamal/env/web.env'), 0o640);
    writeFileSync(host.path('.kamal/env/notes with  spaces.txt'), 'old\n');
    const before = await host.sh('find . -path ./.kamal/bactrian -prune -o -printf "%p %m\\n" | sort; cat .kamal/env/web.env .kamal/env/note*');
    await host.step([
      'directory .kamal/new/deep', write('.kamal/new/deep/x', 'x'), write('.kamal/env/web.env', 'NEW=1\n'), write('.kamal/env/web.env', 'NEWER=1\n'),
      write('.kamal/env/notes with  spaces.txt', 'new\n'), write('.kamal/env/new  file with spaces', 'new'),
    ].join('\n'));
    expect(host.read('.kamal/env/web.env')).toBe('NEWER=1\n');
    expect(host.read('.kamal/env/notes with  spaces.txt')).toBe('new\n');
    const undone = await host.step(putBackThisRun(5), { seq: 2 });
    expect(undone).toMatchObject({ code: 0, fail: null });
    expect(await host.sh('find . -path ./.kamal/bactrian -prune -o -printf "%p %m\\n" | sort; cat .kamal/env/web.env .kamal/env/note*')).toEqual(before);
    expect(host.has('.kamal/bactrian/run-1/app.journal')).toBe(false);
    expect(host.has('.kamal/bactrian/run-1/kept')).toBe(false);
  });

  it('is undone to the end by a second attempt where the first died on the way', async () => {
    await host.step(`directory a\n${write('a/1', '1')}\n${write('a/2', '2')}`);
    await host.sh('rm a/2');
    expect((await host.step(putBackThisRun(5), { seq: 2 })).code).toBe(0);
    expect(host.has('a')).toBe(false);
    expect(await host.step(putBackThisRun(5), { seq: 3 })).toMatchObject({ code: 0, unchanged: true });
  });

  it('leaves a folder that somebody else has put something into', async () => {
    await host.step('directory a');
    writeFileSync(host.path('a/theirs'), 'x');
    expect((await host.step(putBackThisRun(5), { seq: 2 })).code).toBe(0);
    expect(host.has('a/theirs')).toBe(true);
  });

  it('is not noted, nor undone, where it is as wanted', async () => {
    writeFileSync(host.path('x'), 'same');
    await host.step(write('x', 'same'));
    expect(host.has('.kamal/bactrian/run-1/app.journal')).toBe(false);
    await host.step(putBackThisRun(5), { seq: 2 });
    expect(host.read('x')).toBe('same');
  });

  it('stays once it is committed', async () => {
    await host.step(`${write('x', '1')}\njournal committed`);
    await host.step(putBackThisRun(5), { seq: 2 });
    expect(host.read('x')).toBe('1');
  });

  it('of a run that nobody remembers is undone by the next run, which says so', async () => {
    await host.step(write('x', '1'));
    await host.step(`${write('y', '1')}\njournal committed`, { run: 'run-2', runStartedAt: 2000 });
    const ran = await host.step(putBackOtherRuns(5), { run: 'run-3', runStartedAt: 3000 });
    expect(ran.notes).toEqual(['put back what run run-1 had left here']);
    expect([host.has('x'), host.has('y')]).toEqual([false, true]);
  });
});
