import { mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareAccessoryScript, settleAccessoryScript, swapAccessoryScript } from '../../../activities/script/accessory.ts';
import { putBackThisRun } from '../../../activities/script/put-back.ts';
import { FAKE_DOCKER } from './fake-docker.ts';
import { LocalHost } from './local-host.ts';

const NAMES = { container: 'shop-db', network: 'kamal' };

const prepare = prepareAccessoryScript({
  ...NAMES,
  image: 'db:1',
  pull: null,
  login: null,
  envFile: { path: 'db.env', directory: '.', content: '' },
  directories: [],
  files: [],
  create: 'docker create --name shop-db_next --network kamal --restart unless-stopped db:1',
  audits: { pulled: ':' },
});
const swap = (deploy: string | null = null) => swapAccessoryScript({ ...NAMES, replacedName: 'shop-db_replaced_beef', deploy, audits: { stopped: ':', booted: ':' } });
const settle = settleAccessoryScript(NAMES);

/** The FakeDocker, which notes after each call which containers Docker would start now if the host lost its power. */
const WITH_POWER_CUTS = `sh "$HOME/fake-docker" "$@"; code=$?
case $1 in run|start|stop|update|rm|rename)
  at_boot=
  for d in "$HOME"/docker/containers/*; do
    read -r running < "$d/running"; read -r policy < "$d/policy"; read -r health < "$d/health"; read -r name < "$d/name"
    case "$running $policy" in 'true no') ;; true*) at_boot="$at_boot $name" ;; 'false always') [ "$health" = created ] || at_boot="$at_boot $name" ;; esac
  done
  echo "$*:$at_boot" >> "$HOME/at-boot" ;;
esac
exit $code`;

let host: LocalHost;
beforeEach(async () => {
  host = new LocalHost();
  mkdirSync(host.path('docker/says'), { recursive: true });
  mkdirSync(host.path('docker/images'));
  writeFileSync(host.path('docker/images/db_1'), 'sha256:db');
  writeFileSync(host.path('fake-docker'), FAKE_DOCKER);
  host.docker(WITH_POWER_CUTS);
  expect((await host.sh('docker run --name shop-db --network bridge --restart unless-stopped db:1')).code).toBe(0);
});
afterEach(() => host.remove());

describe('a host that loses power while an accessory changes its container', () => {
  it('starts one of the two at boot, never both, whatever line it was at', async () => {
    for (const [seq, body] of [prepare, swap(), settle].entries()) expect(await steps(seq, body)).toBe(0);
    expect(powerCuts()).toEqual({ most: 1, none: ['update --restart no'] });
    expect(await policies()).toEqual(['shop-db unless-stopped', 'shop-db_replaced_beef no']);
  });

  it('keeps what the new one is to do at boot over a second attempt', async () => {
    await steps(1, prepare);
    writeFileSync(host.path('docker/says/broken'), 'shop-db\n');
    expect(await steps(2, swap())).toBe(1);
    writeFileSync(host.path('docker/says/broken'), '');
    expect(await steps(3, swap())).toBe(0);
    expect(powerCuts().most).toBe(1);
    expect(await policies()).toEqual(['shop-db unless-stopped', 'shop-db_replaced_beef no']);
  });

  it.each([
    ['does not start', 'shop-db\n', null],
    ['is not taken by kamal-proxy', '', 'false'],
  ])('starts the old one where the new one %s, and while it is put back', async (_, broken, deploy) => {
    await steps(1, prepare);
    writeFileSync(host.path('docker/says/broken'), broken);
    expect(await steps(2, swap(deploy))).toBe(1);
    expect(host.read('at-boot').trim().split('\n').at(-1)).toMatch(/: shop-db_replaced_beef$/);
    writeFileSync(host.path('docker/says/broken'), '');
    expect(await steps(3, putBackThisRun(1))).toBe(0);
    expect(powerCuts().most).toBe(1);
    expect(await policies()).toEqual(['shop-db unless-stopped']);
  });

  it('starts the old one while one that had come up is put back', async () => {
    for (const [seq, body] of [prepare, swap(), putBackThisRun(1)].entries()) expect(await steps(seq, body)).toBe(0);
    expect(powerCuts()).toEqual({ most: 1, none: ['update --restart no', 'update --restart no'] });
    expect(await policies()).toEqual(['shop-db unless-stopped']);
  });
});

async function steps(seq: number, body: string): Promise<number | null> {
  return (await host.step(body, { seq, journal: 'accessories' })).code;
}

/** How many containers would have been started at boot at most, and after which calls none would have been. */
function powerCuts(): { most: number; none: string[] } {
  const lines = host.read('at-boot').trim().split('\n').map((line) => line.split(':').map((part) => part.trim()));
  const started = lines.map(([call = '', ...names]) => ({ call, names: names.join('').split(' ').filter(Boolean) }));
  return { most: Math.max(...started.map(({ names }) => names.length)), none: started.filter(({ names }) => names.length === 0).map(({ call }) => call.replace(/ [0-9a-f]+$/, '')) };
}

async function policies(): Promise<string[]> {
  const { output } = await host.sh('for d in docker/containers/*; do echo "$(cat $d/name) $(cat $d/policy)"; done');
  return output.trim().split('\n').sort();
}
