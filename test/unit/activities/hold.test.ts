import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootstrap } from '../../../activities/script/bootstrap.ts';
import { holdScript, LET_THROUGH, LET_THROUGH_OF_OTHER_RUNS } from '../../../activities/script/hold.ts';
import { LocalHost } from './local-host.ts';

/**
 * A Docker with a FakeKamalProxy in it, as 0.9.2 behaves: what it holds is in `memory/SERVICE`, what it reads at its next
 * start on `disk.state`; a pause that it read there crashes it on `resume`, and stays.
 */
const FAKE_PROXY = String.raw`
cd "$HOME"
disk() { { printf '['; c=; for f in memory/*; do case $(cat $f) in paused) n=1 ;; stopped) n=2 ;; *) n=0 ;; esac
  printf '%s{"name":"%s","options":{"hosts":["a"]},"pause_controller":{"state":%s,"stop_message":""},"x":null}' "$c" "$(basename $f)" $n; c=,; done; printf ']\n'; } > disk.state; }
case "$*" in
  version) ;;
  *State.Running*) echo true ;;
  *State.StartedAt*) cat started ;;
  *'kamal-proxy list') printf 'Service  Host  Path  Target  State  TLS\n'; for f in memory/*; do printf '\033[1;34m%s\033[0m  *  /  abc:3000  %s  no\n' "$(basename $f)" "$(cat $f)"; done ;;
  *'kamal-proxy pause '*) echo "pause $5" >> calls; [ ! -f slow ] || sleep "$(cat slow)"; echo paused > memory/$5; disk ;;
  *'kamal-proxy resume '*) echo "resume $5" >> calls; [ ! -f read-back ] || exit 137; echo running > memory/$5; disk ;;
  'exec -i kamal-proxy sh -s '*) sed "s#/home/kamal-proxy/.config/kamal-proxy/kamal-proxy.state#$HOME/disk.state#" | sh -s $(shift 5; echo "$@") ;;
  *status=running*) [ -f frozen ] || cat warm 2> /dev/null ;;
  *status=paused*) [ ! -f frozen ] || cat warm ;;
  pause*) echo "freeze $2" >> calls; : > frozen ;;
  unpause*) echo "thaw $2" >> calls; rm frozen ;;
  logs*) cat log 2> /dev/null ;;
  restart*) echo restart >> calls; rm -f read-back; date +%N > started
    for f in memory/*; do if grep -q "\"$(basename $f)\"[^}]*}[^}]*\"state\":1" disk.state; then echo paused > $f; : > read-back; else echo running > $f; fi; done ;;
esac`;

let host: LocalHost;
beforeEach(async () => {
  host = new LocalHost();
  host.docker(FAKE_PROXY);
  await host.sh('mkdir memory; echo running > memory/shop-web; echo running > memory/shop-admin; echo paused > memory/other-web; echo first > started; : > calls');
});
afterEach(async () => {
  await host.sh('for pid in .kamal/bactrian/*/hold.pid; do kill -KILL "$(cat "$pid")"; done');
  // What was begun in the background may still write there.
  await host.until(() => {
    try {
      host.remove();
      return true;
    } catch {
      return false;
    }
  });
});

const hold = (seconds = 30, number = 7) => holdScript({ services: ['shop-web', 'shop-admin'], hold: number, seconds });
const states = () => ['shop-web', 'shop-admin', 'other-web'].map((name) => host.read('memory', name).trim());
const onDisk = () => [...host.read('disk.state').matchAll(/"name":"([\w-]+)".*?"state":(\d)/g)].map(([, name, state]) => `${name} ${state}`);
const calls = () => host.read('calls').split('\n').filter(Boolean);

describe('requests that are held', () => {
  it('wait until they are let through, and how long is said; what somebody else paused stays paused', async () => {
    const held = await host.step(hold(), { seq: 7 });
    expect(held).toMatchObject({ code: 0, unchanged: false, notes: ['holds requests to shop-web', 'holds requests to shop-admin'] });
    expect(states()).toEqual(['paused', 'paused', 'paused']);
    // Once corrected, a kamal-proxy or a host that starts again serves; another deployment's pause is none of ours.
    await host.until(() => onDisk().join() === 'other-web 1,shop-admin 0,shop-web 0');
    expect(() => JSON.parse(host.read('disk.state')) as unknown).not.toThrow();

    const let_ = await host.step(LET_THROUGH, { seq: 8 });
    expect(let_.notes).toEqual([expect.stringMatching(/^held requests to shop-web shop-admin for \d+ ms$/)]);
    expect(states()).toEqual(['running', 'running', 'paused']);
    expect(calls().sort()).toEqual(['pause shop-admin', 'pause shop-web', 'resume shop-admin', 'resume shop-web']);
  });

  it('of clients that are still connected to the second proxy wait there, without a word of its own on the disk that both have', async () => {
    writeFileSync(host.path('warm'), 'kamal-proxy-warm-run-1\n');
    await host.step(hold(), { seq: 7 });
    expect(calls().slice(-1)).toEqual(['freeze kamal-proxy-warm-run-1']);
    await host.step(LET_THROUGH, { seq: 8 });
    expect(calls().slice(-1)).toEqual(['thaw kamal-proxy-warm-run-1']);
  });

  it('of clients that are still connected to the second proxy go on when the host ends it by itself', async () => {
    writeFileSync(host.path('warm'), 'kamal-proxy-warm-run-1\n');
    await host.step(hold(1), { seq: 7 });
    await host.until(() => calls().includes('thaw kamal-proxy-warm-run-1'));
  });

  it('are let through by the host itself where the script was killed and nobody comes', async () => {
    const child = host.start(bootstrap(host.token({ seq: 7 })), host.script(hold(2)));
    await host.until(() => states()[0] === 'paused' && states()[1] === 'paused');
    child.kill('SIGKILL');
    await host.sh('kill -KILL -"$(cat .kamal/bactrian/run-1/7.1.pid)"');
    await host.until(() => states()[0] === 'running' && states()[1] === 'running');
    const late = await host.step(LET_THROUGH, { seq: 8 });
    expect(late.notes).toEqual(['the host let requests to shop-web shop-admin through by itself: they were held for as long as they may be']);
    expect(states()).toEqual(['running', 'running', 'paused']);
  });

  it('are not held longer by a second attempt, and not again once the host has ended it', async () => {
    await host.step(hold(2), { seq: 7 });
    const second = await host.step(hold(2), { seq: 7, attempt: 2 });
    expect(second.notes).toEqual(['holds requests to shop-web', 'holds requests to shop-admin']);
    expect(calls()).toHaveLength(2);
    await host.until(() => states()[0] === 'running' && states()[1] === 'running');
    const third = await host.step(hold(2), { seq: 7, attempt: 3 });
    expect(third).toMatchObject({ unchanged: true, notes: ['the host has let requests through by itself already'] });
    expect((await host.step(hold(30, 9), { seq: 9 })).notes).toHaveLength(2);
    expect(states()).toEqual(['paused', 'paused', 'paused']);
  });

  it('go on when what was under way takes longer, and that is said', async () => {
    writeFileSync(host.path('slow'), '20');
    await host.sh('(sleep 1; echo paused > memory/shop-web; echo paused > memory/shop-admin) > /dev/null 2>&1 &');
    const held = await host.step(hold(), { seq: 7 });
    expect(held.notes).toEqual(['shop-web', 'shop-admin'].map((name) => `holds requests to ${name}; some that came before are still under way after 5 s`));
  });

  it('leave a service alone that its owner has stopped, and one that kamal-proxy does not know', async () => {
    await host.sh('echo stopped > memory/shop-web; rm memory/shop-admin');
    const held = await host.step(hold(), { seq: 7 });
    expect(held).toMatchObject({ unchanged: true, notes: ['shop-web was stopped before: it is left so', 'kamal-proxy does not know shop-admin: it is not held'] });
    expect((await host.step(LET_THROUGH, { seq: 8 })).notes).toEqual(['nothing is held']);
    expect(calls()).toEqual([]);
  });
});

describe('letting requests through', () => {
  it('waits until the app, whose health needs the accessory, is found healthy', async () => {
    await host.step(hold(), { seq: 7 });
    const news = (state: string) => `{"level":"INFO","msg":"Target health updated","target":"abc:3000","state":"${state}","was":"?"}\n`;
    writeFileSync(host.path('log'), news('unhealthy'));
    const letting = host.step(LET_THROUGH, { seq: 8 });
    await sleep(700);
    expect(states()[0]).toBe('paused');
    writeFileSync(host.path('log'), news('unhealthy') + news('healthy'));
    expect((await letting).code).toBe(0);
    expect(states()).toEqual(['running', 'running', 'paused']);
  });

  it('never asks a kamal-proxy to resume what it read from its disk: it would crash, again and again', async () => {
    await host.step(hold(), { seq: 7 });
    await host.until(() => onDisk().join() === 'other-web 1,shop-admin 0,shop-web 0');
    // Power was cut before it was corrected.
    await host.sh(`sed -i 's/"state":0/"state":1/g' disk.state; docker restart -t 0 kamal-proxy`);
    expect(states()).toEqual(['paused', 'paused', 'paused']);
    const let_ = await host.step(LET_THROUGH, { seq: 8 });
    expect(let_.code, let_.output).toBe(0);
    expect(states()).toEqual(['running', 'running', 'paused']);
    expect(calls().filter((call) => call.startsWith('resume'))).toEqual([]);
  });

  it('is done for a run that is over, and for no other deployment', async () => {
    await host.step(hold(), { seq: 7, run: 'run-0' });
    const let_ = await host.step(LET_THROUGH_OF_OTHER_RUNS, { seq: 1, run: 'run-1', runStartedAt: 2000 });
    expect(let_.notes).toEqual(['let requests through that run run-0 held']);
    expect(states()).toEqual(['running', 'running', 'paused']);
    expect((await host.step(LET_THROUGH_OF_OTHER_RUNS, { seq: 2, run: 'run-1', runStartedAt: 2000 })).unchanged).toBe(true);
  });
});
