import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { carryScript, CERTIFICATE_CACHE, fixedCertificateWords, type CarriedCertificate } from '../../../activities/script/certificates.ts';
import { putBackThisRun } from '../../../activities/script/put-back.ts';
import { LocalHost } from './local-host.ts';

const PEM = '-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n';
const carried: CarriedCertificate[] = [
  { files: [{ path: `${CERTIFICATE_CACHE}/shop.test`, content: PEM }], note: 'the certificate of shop.test is carried over', fixedFor: null },
  { files: [{ path: 'carried-over/shop-web/key.pem', content: PEM }], note: "it's an RSA one", fixedFor: 'shop-web' },
];

let host: LocalHost;
beforeEach(() => {
  host = new LocalHost();
  mkdirSync(host.path('bin'));
  mkdirSync(host.path('volume'));
  // A FakeDocker whose only container is kamal-proxy, and whose volume is a folder here: what it runs in there, runs here.
  writeFileSync(
    host.path('bin/docker'),
    `#!/bin/sh
case "$1 $2" in
  'version '*|'volume inspect'|'image inspect') ;;
  'inspect -f') echo sha256:proxy ;;
  'run --rm') cd "$HOME/volume" || exit 1
    while [ "$1" != --entrypoint ]; do shift; done
    program=$2; shift 3
    exec "$program" "$@" ;;
esac
`,
  );
  chmodSync(host.path('bin/docker'), 0o755);
});
afterEach(() => {
  host.remove();
});

/** The proxy's folder in its container is the volume's here. */
const here = (script: string) => `PATH=$PWD/bin:$PATH\n${script.replaceAll(/(?<=cd )\/home\/kamal-proxy\/\.config\/kamal-proxy/g, '.')}`;

it('certificates are written for their owner only, and noted before', async () => {
  const ran = await host.step(here(carryScript(carried)));
  expect(ran).toMatchObject({ code: 0, fail: null, notes: ['the certificate of shop.test is carried over', "it's an RSA one"] });
  expect(host.read('volume', CERTIFICATE_CACHE, 'shop.test')).toBe(PEM);
  expect(host.mode('volume', CERTIFICATE_CACHE, 'shop.test')).toBe('600');
  expect(host.mode('volume', CERTIFICATE_CACHE)).toBe('700');
  expect(host.read('.kamal/bactrian/run-1/app.journal')).toBe(`certificate sha256:proxy ${CERTIFICATE_CACHE}/shop.test\ncertificate sha256:proxy carried-over/shop-web/key.pem\n`);
  expect(ran.output).not.toContain('AAAA');
  expect((await host.sh('cat .kamal/bactrian/run-1/* | grep -c AAAA')).output.trim()).toBe('0');
});

it('kamal-proxy is told those that it gets as files, and of no others', async () => {
  await host.step(here(carryScript(carried)));
  const told = await host.step(`echo ${fixedCertificateWords('shop-web')}; echo none ${fixedCertificateWords('shop-api')}`, { seq: 2 });
  const folder = '/home/kamal-proxy/.config/kamal-proxy/carried-over/shop-web';
  expect(told.log).toBe(`--tls-certificate-path=${folder}/cert.pem --tls-private-key-path=${folder}/key.pem\nnone`);
});

it('a second attempt writes the same; putting back leaves what was there before', async () => {
  mkdirSync(host.path('volume', CERTIFICATE_CACHE), { recursive: true });
  writeFileSync(host.path('volume', CERTIFICATE_CACHE, 'other.test'), 'theirs');
  await host.step(here(carryScript(carried)));
  await host.step(here(carryScript(carried)), { attempt: 2 });
  expect(await host.step(here(putBackThisRun(5)), { seq: 2 })).toMatchObject({ code: 0, fail: null });
  expect((await host.sh('cd volume && find . -type f && ls')).output).toBe(`./${CERTIFICATE_CACHE}/other.test\ncerts\n`);
});

it('nothing is done where nothing is carried over', () => {
  expect(carryScript([])).toBe('');
});
