import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CERTIFICATE_CACHE } from '../../../activities/script/certificates.ts';
import { lookIntoStores, writeStoresScript, type NewStore } from '../../../activities/script/kamal1/stores.ts';
import { putBackThisRun } from '../../../activities/script/put-back.ts';
import { LocalHost } from './local-host.ts';

const place = { kind: 'volume', source: 'letsencrypt', file: 'acme.json' } as const;
const STORES = [{ resolver: 'le', names: ['shop.test', 'www.shop.test'], place }];
const NEW: NewStore[] = [{ at: 0, place, text: '{"le":"new, it\'s $HOME"}\n', notes: ['the certificate of shop.test is carried over'] }];

let host: LocalHost;
beforeEach(() => {
  host = new LocalHost();
  mkdirSync(host.path('bin'));
  for (const volume of ['letsencrypt', 'kamal-proxy-config']) mkdirSync(host.path(volume));
  // A FakeDocker whose only container is kamal-proxy, and whose volumes are folders here: what it runs in there, runs here.
  writeFileSync(
    host.path('bin/docker'),
    `#!/bin/sh
case "$1 $2" in
  'version '*) ;;
  'volume inspect') [ -d "$HOME/$3" ] ;;
  'inspect -f') case $3 in *Running*) echo false ;; *Image*) echo sha256:proxy ;; esac ;;
  'run --rm')
    while [ "$1" != --entrypoint ]; do case $1 in type=*) v=\${1#*source=}; v=\${v%,*} ;; esac; shift; done
    shift 3
    exec sh "$1" "$2" "$HOME/$v\${3#/store}" ;;
esac
`,
  );
  chmodSync(host.path('bin/docker'), 0o755);
});
afterEach(() => {
  host.remove();
});

const here = (script: string) => `PATH=$PWD/bin:$PATH\n${script}`;
const lines = (output: string) => output.trim().split('\n').map((line) => line.replace(/ (\S+)$/, (_, text: string) => ` ${Buffer.from(text, 'base64').toString()}`));

it("a look tells what is in Traefik's store, and what kamal-proxy has for its names; keys only to whom they are for", async () => {
  writeFileSync(host.path('letsencrypt/acme.json'), '{"le":{"Certificates":[{"certificate":"abcd","key":"c2VjcmV0"}]}}');
  mkdirSync(host.path('kamal-proxy-config', CERTIFICATE_CACHE), { recursive: true });
  writeFileSync(host.path('kamal-proxy-config', CERTIFICATE_CACHE, 'shop.test'), '-----BEGIN EC PRIVATE KEY-----\nsecret\n-----END EC PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nabcd\n-----END CERTIFICATE-----\n');
  const all = (await host.sh('sh -s', here(lookIntoStores(STORES, 'run-1', true)))).output;
  expect(lines(all).join('\n')).toContain('0 {"le":{"Certificates":[{"certificate":"abcd","key":"c2VjcmV0"}]}}');
  expect(lines(all).join('\n')).toContain('shop.test -----BEGIN EC PRIVATE KEY-----\nsecret\n');
  const some = lines((await host.sh('sh -s', here(lookIntoStores(STORES, null, false)))).output).join('\n');
  expect(some).toContain('0 {"le":{"Certificates":[{"certificate":"abcd","key":""}]}}');
  expect(some).toContain('shop.test -----BEGIN CERTIFICATE-----\nabcd\n');
  expect(some).not.toContain('secret');
});

it('a store that is not there yet is empty, one that cannot be read is left out', async () => {
  expect(lines((await host.sh('sh -s', here(lookIntoStores(STORES, 'run-1', true)))).output)).toEqual(['@@stores', '0 ', '@@cache', '@@end']);
  const gone = [{ ...STORES[0], resolver: 'le', names: [], place: { ...place, source: 'elsewhere' } }];
  expect(lines((await host.sh('sh -s', here(lookIntoStores(gone, 'run-1', true)))).output)).toEqual(['@@stores', '@@cache', '@@end']);
});

it.each([['that was there', '{"le":"old"}\n'], ['that was not', null]])('a store %s is written, twice as once, found by the next look as it was, and put back', async (_, before) => {
  if (before !== null) writeFileSync(host.path('letsencrypt/acme.json'), before, { mode: 0o640 });
  for (const attempt of [1, 2]) {
    const ran = await host.step(here(writeStoresScript(NEW, 'traefik-warm-run-1')), { attempt });
    expect(ran).toMatchObject({ code: 0, fail: null, notes: ['the certificate of shop.test is carried over'] });
    expect(ran.output).not.toContain('new, it');
  }
  expect(host.read('letsencrypt/acme.json')).toBe(NEW[0]?.text);
  expect(host.mode('letsencrypt/acme.json')).toBe(before === null ? '600' : '640');
  expect(host.mode('.kamal/bactrian/run-1/kept/acme.0')).toBe('600');
  expect(lines((await host.sh('sh -s', here(lookIntoStores(STORES, 'run-1', true)))).output)[1]).toBe(`0 ${before ?? ''}`);
  expect(await host.step(here(putBackThisRun(5)), { seq: 2 })).toMatchObject({ code: 0, fail: null });
  if (before === null) expect(host.has('letsencrypt/acme.json')).toBe(false);
  else expect([host.read('letsencrypt/acme.json'), host.mode('letsencrypt/acme.json')]).toEqual([before, '640']);
  expect((await host.sh('ls .kamal/bactrian/run-1')).output).not.toMatch(/kept|acme/);
});

it('nothing is done where nothing is carried over', () => {
  expect(writeStoresScript([], 'x')).toBe('');
});
