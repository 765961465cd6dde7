import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readAnswer } from '../../../activities/script/answer.ts';
import { cleanupScript } from '../../../activities/script/cleanup.ts';
import { LocalHost } from './local-host.ts';

let host: LocalHost;
beforeEach(() => {
  host = new LocalHost();
  mkdirSync(host.path('bin'));
  // A packet filter of its own: the rules that are there, and what somebody wanted to have changed.
  writeFileSync(host.path('bin/iptables'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(host.path('bin/iptables-save'), '#!/bin/sh\n[ "$2" != nat ] || cat rules\n', { mode: 0o755 });
  writeFileSync(host.path('bin/iptables-restore'), '#!/bin/sh\ncat >> restored\n', { mode: 0o755 });
  for (const name of ['ip6tables', 'ip6tables-save', 'ip6tables-restore']) writeFileSync(host.path('bin', name), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  writeFileSync(host.path('rules'), ['run-over', 'run-open', 'run-of-blog', 'run-lost'].map((run) => `-A PREROUTING -m comment --comment "bactrian ${run} steer until 7" -j DNAT\n`).join(''));
  // An engine on which kamal-proxy runs.
  writeFileSync(host.path('bin/docker'), '#!/bin/sh\ncase "$*" in "inspect -f "*" kamal-proxy"|version*) echo true ;; "ps -a --format "*) echo traefik-warm-run-back ;; "ps -aq "*traefik-warm-run-back*) echo 77 ;; "rm -f 77") echo "$*" >> removed ;; *) exit 1 ;; esac\n', { mode: 0o755 });
  for (const [run, of, journal] of [
    ['run-over', 'fence-shop', 'file x\ncommitted'],
    ['run-open', 'fence-shop', 'file x'],
    ['run-cut-off', 'fence-shop', 'file x'],
    ['run-of-blog', 'fence-blog', 'file x\ncommitted'],
  ] as const) {
    mkdirSync(host.path('.kamal/bactrian', run), { recursive: true });
    writeFileSync(host.path('.kamal/bactrian', run, 'of'), `${of}\n`);
    writeFileSync(host.path('.kamal/bactrian', run, 'app.journal'), `${journal}\n`);
  }
});
afterEach(() => {
  host.remove();
});

async function cleanup(dryRun: boolean) {
  const { code, output } = await host.sh('PATH=$PWD/bin:$PATH sh -s', cleanupScript({ fence: "'fence-shop'", deployment: 'shop', open: ['run-open'], dryRun }));
  expect(code, output).toBe(0);
  return readAnswer(output).notes;
}
const folders = async () => (await host.sh('ls .kamal/bactrian')).output.split('\n').filter((name) => name.startsWith('run-'));

it('takes away what runs that are over left, and nothing of an open one, of one that was cut off, or of another deployment', async () => {
  expect(await cleanup(false)).toEqual([
    'removed the warm proxy of run run-back',
    'run run-cut-off was cut off here: its journal stays, and the next upgrade puts back by it',
    'removed 1 rule of run run-lost',
    'run run-open is open: left alone',
    'removed 1 rule of run run-over',
    'removed the folder of run run-over',
  ]);
  expect(await folders()).toEqual(['run-cut-off', 'run-of-blog', 'run-open']);
  expect(readFileSync(host.path('removed'), 'utf8')).toBe('rm -f 77\n');
  const restored = readFileSync(host.path('restored'), 'utf8');
  expect(restored.match(/^-D .*bactrian \S+/gm)?.map((rule) => rule.split(' ').at(-1)).sort()).toEqual(['run-lost', 'run-over']);
});

describe('a run whose folder is in the home of another SSH user', () => {
  beforeEach(async () => {
    await host.sh('rm -rf .kamal/bactrian/*');
    writeFileSync(host.path('rules'), ['run-7', 'run-8'].map((run) => `-A INPUT -m comment --comment "bactrian ${run} keep until 7" -j ACCEPT\n`).join(''));
  });
  /** An engine with the second proxy of run-7. */
  const warmOf = (label: string) =>
    writeFileSync(host.path('bin/docker'), `#!/bin/sh\ncase "$*" in version*|"inspect -f "*" kamal-proxy") echo true ;; "ps -a --format "*) echo kamal-proxy-warm-run-7 ;; "ps -aq "*proxy-warm-run-7*) echo 77 ;; "inspect -f "*bactrian*" 77") echo "${label}" ;; "rm -f 77") echo "$*" >> removed ;; *) exit 1 ;; esac\n`, { mode: 0o755 });

  it("is not touched where its second proxy says that it is another deployment's", async () => {
    warmOf('blog');
    expect(await cleanup(false)).toEqual(['removed 1 rule of run run-8']);
    expect(host.has('removed')).toBe(false);
  });

  it('is cleaned up where it is over and of this deployment', async () => {
    warmOf('shop');
    expect(await cleanup(false)).toEqual(['removed 1 rule and the warm proxy of run run-7', 'removed 1 rule of run run-8']);
  });

  it('is not touched while a step of it is at work', async () => {
    warmOf('');
    const step = host.start('exec sh -c "while :; do sleep 1; done" bactrian run-7 1000 2 1');
    await host.until(() => readFileSync(`/proc/${step.pid}/cmdline`, 'utf8').includes('\0run-7\0'));
    expect(await cleanup(false)).toEqual(['a step of run run-7 is at work here: left alone', 'removed 1 rule of run run-8']);
    expect(host.has('removed')).toBe(false);
  });
});

it('only says so when it is asked to', async () => {
  expect(await cleanup(true)).toEqual([
    'would be removed: the warm proxy of run run-back',
    'run run-cut-off was cut off here: its journal stays, and the next upgrade puts back by it',
    'would be removed: 1 rule of run run-lost',
    'run run-open is open: left alone',
    'would be removed: 1 rule of run run-over',
    'would be removed: the folder of run run-over',
  ]);
  expect(await folders()).toEqual(['run-cut-off', 'run-of-blog', 'run-open', 'run-over']);
  expect([host.has('restored'), host.has('removed')]).toEqual([false, false]);
});
