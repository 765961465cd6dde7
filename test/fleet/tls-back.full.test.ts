import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { StreamSummary } from '../../lab/load-meter.ts';
import { must } from '../../lab/run.ts';
import { kamal1Tls, servedCertificate, serveTls, tlsHosts } from '../../lab/tls.ts';
import { ACME_SCOPE } from '../../src/plan/certificates.ts';
import { goBack, openBothWays } from './both-ways.ts';
import { formsOf, secretsIn } from './leaks.ts';
import { testFolder, type Shop } from './shop.ts';
import { lab } from './the-lab.ts';
import { startTlsLoad } from './tls.ts';

/** Traefik sends whoever asks for anything over HTTP to HTTPS; kamal-proxy knows its own names only. */
const accepted = ['by ip', 'unknown host'].flatMap((who) => [`http ${who} /up`, `http ${who} /`]).join(',');

/** A way that was gone under load. */
interface Way {
  said: string;
  streams: StreamSummary[];
  /** Of the certificates that are served afterwards, a name each. */
  serials: string[];
}

describe('TLS, there and back', () => {
  const [tls] = tlsHosts(lab);
  if (tls === undefined) throw new Error('this needs a web host');
  const { host, names } = tls;
  let shop: Shop;
  /** What clients trust: the authority that Traefik and kamal-proxy have got certificates from, and another one. */
  let authorities: string;
  let before: string[];
  let renewed: { serials: string[]; key: string };
  const ways: Way[] = [];

  beforeAll(async () => {
    await lab.restore();
    const authority = await serveTls(lab);
    const changes = { drain_timeout: 4, servers: { web: { hosts: [host.address] } }, proxy: { ssl: true, hosts: names } };
    shop = await openBothWays('tls-back', { changes, kamal1: kamal1Tls(lab, tls) });
    authorities = join(testFolder, 'authorities.pem');
    const other = await newAuthority();
    await writeFile(authorities, (await readFile(authority, 'utf8')) + (await readFile(other.certificate, 'utf8')));
    before = await serials();
    const up = () => shop.upgrade('-h', host.address, '--strategy', 'handover', '--accept-answers', accepted);
    const back = () => goBack(shop, '-h', host.address, '--strategy', 'handover');
    ways.push(await under(up), await under(back), await under(up));
    renewed = await renew(other);
    ways.push(await under(back));
  });
  afterAll(() => shop.close());

  const serials = () => Promise.all(names.map((name) => servedCertificate(host.address, name, authorities)));

  async function under(way: () => Promise<{ code: number; stderr: string }>): Promise<Way> {
    const load = await startTlsLoad({ host, names }, authorities);
    const ended = await way();
    const streams = await load.stop();
    expect(ended.code, ended.stderr).toBe(0);
    return { said: ended.stderr, streams, serials: await serials() };
  }

  async function newAuthority(): Promise<{ key: string; certificate: string }> {
    const [key, certificate] = [join(testFolder, 'other-key.pem'), join(testFolder, 'other.pem')];
    await must('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '9000', '-subj', '/CN=other', '-keyout', key, '-out', certificate]);
    return { key, certificate };
  }

  /** Certificates that end later than Traefik's, where kamal-proxy keeps what it renews. */
  async function renew(authority: { key: string; certificate: string }): Promise<{ serials: string[]; key: string }> {
    const [key, request, certificate, names0] = ['leaf-key.pem', 'leaf.csr', 'leaf.pem', 'leaf.ext'].map((file) => join(testFolder, file)) as [string, string, string, string];
    let pem = '';
    for (const name of names) {
      await writeFile(names0, `subjectAltName=DNS:${name}\n`);
      await must('openssl', ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', `/CN=${name}`, '-keyout', key, '-out', request]);
      await must('openssl', ['x509', '-req', '-in', request, '-CA', authority.certificate, '-CAkey', authority.key, '-CAcreateserial', '-days', '8000', '-extfile', names0, '-out', certificate]);
      pem = (await must('openssl', ['ec', '-in', key])) + (await readFile(certificate, 'utf8'));
      const written = await lab.exec(host.name, `f=$(docker volume inspect -f '{{.Mountpoint}}' kamal-proxy-config)/certs/${ACME_SCOPE}/${name}; [ -f "$f" ] && cat > "$f"`, { input: pem });
      if (written.code !== 0) throw new Error(`kamal-proxy keeps no certificate of ${name}`);
    }
    await lab.exec(host.name, 'docker restart kamal-proxy');
    return { serials: await serials(), key: pem.split('\n')[1] ?? '' };
  }

  it('clients that check certificates lose nothing, either way', () => {
    for (const { streams } of ways) {
      expect(streams.map(({ lost, reasons }) => ({ lost, reasons }))).toEqual(streams.map(() => ({ lost: 0, reasons: {} })));
      for (const { good } of streams) expect(good).toBeGreaterThan(40);
    }
  });

  it('Traefik serves what it had, from the first request on', () => {
    expect(ways.slice(0, 3).map((way) => way.serials)).toEqual([before, before, before]);
    expect(ways[1]?.said).toMatch(/certificate h1\.shop\.test  Traefik has it, ends \d{4}-/);
  });

  it('what kamal-proxy has renewed meanwhile is carried over to Traefik', () => {
    expect(renewed.serials).not.toEqual(before);
    expect(ways[3]?.serials).toEqual(renewed.serials);
    for (const name of names) expect(ways[3]?.said).toContain(`certificate ${name}  carried over from kamal-proxy, ends `);
  });

  it("Traefik's file keeps its account and its mode", async () => {
    const { stdout } = await lab.exec(host.name, 'stat -c %a letsencrypt/acme.json; cat letsencrypt/acme.json');
    const [mode, ...text] = stdout.split('\n');
    expect(mode).toBe('600');
    const { letsencrypt } = JSON.parse(text.join('\n')) as { letsencrypt: { Account: { Registration: { uri: string } }; Certificates: { domain: { main: string } }[] } };
    expect(letsencrypt.Account.Registration.uri).toContain('https://');
    expect(letsencrypt.Certificates.map(({ domain }) => domain.main).sort()).toEqual([...names].sort());
  });

  it('no key is in anything that was written down on this side', async () => {
    expect(renewed.key.length).toBeGreaterThan(40);
    expect(await secretsIn(shop.stateDir, formsOf([renewed.key]))).toEqual([]);
  });
});
