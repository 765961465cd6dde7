import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { probeScript } from '../../../activities/script/probe.ts';
import { ACME_SCOPE } from '../../../src/plan/certificates.ts';
import { readFacts } from '../../../src/plan/read-facts.ts';
import { LocalHost } from './local-host.ts';

let host: LocalHost;
beforeEach(() => {
  host = new LocalHost();
  mkdirSync(host.path('bin'));
});
afterEach(() => {
  host.remove();
});

/** A program of that name, before all others on the PATH. */
function fakeDocker(text: string): void {
  writeFileSync(host.path('bin', 'docker'), `#!/bin/sh\n${text}\n`);
  chmodSync(host.path('bin', 'docker'), 0o755);
}

const probe = async () => {
  const { code, output } = await host.sh('PATH=$PWD/bin:$PATH sh -s 2>/dev/null', probeScript(['.kamal/lock-shop', ".kamal/it's $odd"], 'fence-shop'));
  expect(code).toBe(0);
  return readFacts('a', output);
};

it('reads what the host says, and leaves no trace', async () => {
  fakeDocker(`case "$1 $2" in
    'ps -aq') echo c1 ;;
    'inspect c1') echo '[{"Id":"c1","Name":"/web","Image":"sha256:1ab","State":{"Running":true,"Status":"running"}}, {"Id":"p1","Name": "/kamal-proxy","State":{"Running":true}}]' ;;
    'exec kamal-proxy') printf '\\033[1mService  Host  Path  Target  State  TLS\\033[0m\\nshop-web  *  /  c1:80,c2:80  running  no\\n' ;;
    'inspect -f') exit 1 ;;
    'image ls') printf 'sha256:1\\tshop:v1\\n' ;;
    'image inspect') printf '%s\\t["A=1"]\\n' "$5" ;;
    'network ls') echo bridge ;;
    'volume ls') echo data ;;
    'volume inspect') exit 1 ;;
    'info -f') printf '27.5.1\\t/\\n' ;;
  esac`);
  mkdirSync(host.path('.kamal/lock-shop'), { recursive: true });
  writeFileSync(host.path('.kamal/lock-shop/details'), Buffer.from('Locked by: Bob').toString('base64'));
  mkdirSync(host.path(".kamal/it's $odd"));
  for (const [run, journal, text] of [['run-1', 'app', 'file x'], ['run-2', 'app', 'file x\ncommitted'], ['run-3', 'accessories', 'container y']] as const) {
    mkdirSync(host.path('.kamal/bactrian', run), { recursive: true });
    writeFileSync(host.path('.kamal/bactrian', run, `${journal}.journal`), `${text}\n`);
    writeFileSync(host.path('.kamal/bactrian', run, 'of'), 'fence-shop\n');
  }
  // Another deployment's run on the same host is none of ours.
  mkdirSync(host.path('.kamal/bactrian/run-of-another'));
  writeFileSync(host.path('.kamal/bactrian/run-of-another/app.journal'), 'file x\n');
  writeFileSync(host.path('.kamal/bactrian/run-of-another/of'), 'fence-blog\n');
  const before = await host.sh('find . -type f | sort | xargs sha256sum');
  const facts = await probe();
  expect(facts).toMatchObject({
    dockerVersion: '27.5.1', missingTools: [], containers: [{ id: 'c1', name: 'web', running: true }, { name: 'kamal-proxy' }], images: [{ id: 'sha256:1', tags: ['shop:v1'] }],
    imageEnv: { 'sha256:1ab': { A: '1' } }, networks: ['bridge'], volumes: ['data'], certificates: { proxy: [], traefik: [] },
    locks: [{ path: '.kamal/lock-shop', details: 'Locked by: Bob' }, { path: ".kamal/it's $odd", details: null }],
    openRuns: { app: ['run-1'], accessories: ['run-3'] },
    journals: [{ run: 'run-1', journal: 'app', last: 'file x' }, { run: 'run-3', journal: 'accessories', last: 'container y' }],
    routes: [{ service: 'shop-web', targets: ['c1', 'c2'] }],
  });
  expect(facts.freeDiskMiB).toBeGreaterThan(0);
  for (const { changedAt } of facts.journals) expect(Math.abs(Date.now() - (changedAt ?? 0))).toBeLessThan(60_000);
  expect(await host.sh('find . -type f | sort | xargs sha256sum')).toEqual(before);
});

it('keeps what Docker says when it does not answer', async () => {
  fakeDocker('echo "Cannot connect to the Docker daemon at unix:///var/run/docker.sock." >&2; exit 1');
  expect(await probe()).toMatchObject({ dockerVersion: null, dockerError: 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.', containers: [], locks: [] });
});

describe('the certificates of both proxies', () => {
  const made = () => {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '9', '-subj', '/CN=x', '-addext', 'subjectAltName=DNS:shop.test', '-keyout', host.path('key'), '-out', host.path('cert')], { stdio: 'ignore' });
    return { certificate: host.read('cert'), key: host.read('key') };
  };
  const base64 = (text: string) => Buffer.from(text).toString('base64');

  it.each([
    ['as named by its argument, in any case of letters', ['--providers.docker', '--CertificatesResolvers.le.ACME.Storage=/le/acme.json', '--certificatesresolvers.le.acme.email=a@b'], '/le/acme.json'],
    ['by default', ['--certificatesResolvers.le.acme.tlsChallenge=true'], '/acme.json'],
    ['by a relative path', ['--certificatesresolvers.le.acme.storage=le/acme.json'], '/le/acme.json'],
  ])('are found where Traefik keeps them, %s, and no key of theirs leaves the host', async (_, args, path) => {
    const { certificate, key } = made();
    const acme = { le: { Account: { PrivateKey: base64('account') }, Certificates: [{ domain: { main: 'shop.test' }, certificate: base64(certificate), key: base64(key) }] } };
    mkdirSync(host.path('tar'));
    writeFileSync(host.path('tar/acme.json'), JSON.stringify(acme, null, 2));
    mkdirSync(host.path('volume/certs', ACME_SCOPE), { recursive: true });
    writeFileSync(host.path('volume/certs', ACME_SCOPE, 'www.shop.test'), key + certificate);
    // What a run that was cut off has put there goes again with it.
    writeFileSync(host.path('volume/certs', ACME_SCOPE, 'carried.shop.test'), key + certificate);
    for (const [run, end] of [['run-1', ''], ['run-2', 'committed\n']] as const) {
      mkdirSync(host.path('.kamal/bactrian', run), { recursive: true });
      writeFileSync(host.path('.kamal/bactrian', run, 'app.journal'), `certificate sha256:1 certs/${ACME_SCOPE}/${run === 'run-1' ? 'carried' : 'www'}.shop.test\n${end}`);
    }
    fakeDocker(`case "$1 $2 $3" in
      'info -f '*) printf '27.5.1\\t/\\n' ;;
      "inspect -f {{range .Config.Cmd}}"*) [ "$4" = traefik ] && printf '%s\\n' ${args.map((word) => `'${word}'`).join(' ')} ;;
      'cp -L traefik:${path}') tar -C tar -cf - acme.json ;;
      'volume inspect -f') echo "$PWD/volume" ;;
    esac`);
    const { output } = await host.sh('PATH=$PWD/bin:$PATH sh -s 2>/dev/null', probeScript([], 'fence-shop'));
    const { certificates } = readFacts('a', output);
    expect(certificates.traefik).toMatchObject([{ names: ['shop.test'], key: 'ecdsa' }]);
    expect(certificates.proxy).toMatchObject([{ names: ['www.shop.test'], key: 'ecdsa' }]);
    const spelled = output + (output.match(/[A-Za-z0-9+/=]{40,}/g) ?? []).map((word) => Buffer.from(word, 'base64').toString()).join('\n');
    expect(spelled).toContain(base64(certificate));
    for (const secret of [key, base64(key), base64('account'), key.split('\n')[1] ?? '']) expect(spelled).not.toContain(secret);
  });
});
