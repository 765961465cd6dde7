import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readAcmeJson, withCertificates } from '../../../src/plan/acme-json.ts';
import { ACME_SCOPE, chooseCertificates, servedNames } from '../../../src/plan/certificates.ts';
import type { CertificateFacts } from '../../../src/plan/facts.ts';
import { planUpgrade } from '../../../src/plan/plan.ts';
import { app, deployment, host, SECRETS, TRAEFIK } from './fleet.ts';

const folder = mkdtempSync(join(tmpdir(), 'bactrian-certificates-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A certificate made by OpenSSL, as PEM. */
function made(kind: 'ec' | 'rsa', names: string[], days = 60): { certificate: string; key: string } {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const how = kind === 'ec' ? ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'] : ['-newkey', 'rsa:2048'];
  const sans = names.map((name) => `DNS:${name}`).join(',');
  execFileSync('openssl', ['req', '-x509', ...how, '-nodes', '-days', String(days), '-subj', '/CN=x', '-addext', `subjectAltName=${sans}`, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
}

/** The file in which Traefik 2 keeps them. */
function acmeJson(...certificates: { certificate: string; key: string }[]): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const list = certificates.map(({ certificate, key }) => ({ domain: { main: 'x' }, certificate: base64(certificate), key: base64(key), Store: 'default' }));
  return JSON.stringify({ letsencrypt: { Account: { PrivateKey: 'c2VjcmV0' }, Certificates: list }, empty: { Account: null, Certificates: null } }, null, 2);
}

describe("Traefik's acme.json", () => {
  const ec = made('ec', ['shop.example.com', '*.Shop.example.com']);

  it('gives certificates with their names, ends and keys', () => {
    const [first, second, ...rest] = readAcmeJson(acmeJson(ec, made('rsa', ['old.example.com'])));
    expect(rest).toEqual([]);
    expect(first).toMatchObject({ names: ['shop.example.com', '*.shop.example.com'], key: 'ecdsa', chain: ec.certificate, privateKey: ec.key });
    expect(Date.parse(first?.notAfter ?? '') - Date.now()).toBeGreaterThan(59 * 24 * 3600_000);
    expect(second).toMatchObject({ names: ['old.example.com'], key: 'rsa' });
  });

  it('gives a chain in which nothing stands beside its blocks: kamal-proxy would not read it', () => {
    const issuer = made('ec', ['ca']).certificate;
    const [only] = readAcmeJson(acmeJson({ certificate: `Bag Attributes\n${ec.certificate.replaceAll('\n', '\r\n')}\n\n${issuer}\n \n`, key: ec.key }));
    expect(only?.chain).toBe(ec.certificate + issuer);
  });

  it('lets go of one whose names all get a newer one, and of no other', () => {
    const both = made('ec', ['shop.test', 'www.shop.test']);
    const newer = (name: string) => ({ name, chain: made('ec', [name]).certificate, privateKey: 'k' });
    const names = (text: string) => readAcmeJson(text).map((each) => each.names.join());
    expect(names(withCertificates(acmeJson(ec, both), 'letsencrypt', [newer('shop.test'), newer('www.shop.test')]))).toEqual(['shop.example.com,*.shop.example.com', 'shop.test', 'www.shop.test']);
    expect(names(withCertificates(acmeJson(both), 'letsencrypt', [newer('shop.test')]))).toEqual(['shop.test,www.shop.test', 'shop.test']);
  });

  it('holds none where it is no such file, or half written', () => {
    expect(['', '{}', '[]', '"x"', '{"a":{"Certificates":[{}, 1, {"certificate":"eA=="}]}}', acmeJson(ec).slice(0, 900)].flatMap(readAcmeJson)).toEqual([]);
  });
});

describe('the certificate for a name', () => {
  const NOW = Date.parse('2026-11-25');
  const offer = (names: string[], more: Partial<CertificateFacts> = {}): CertificateFacts => ({ names, notAfter: '2027-01-20T00:00:00.000Z', key: 'ecdsa', ...more });
  const chosen = (hosts: string[], offered: CertificateFacts[], held: CertificateFacts[] = []) => {
    const { cached, fixed, missing } = chooseCertificates(hosts, held, offered, NOW);
    return { cached: Object.fromEntries([...cached].map(([name, certificate]) => [name, offered.indexOf(certificate)])), fixed: fixed && offered.indexOf(fixed), missing };
  };

  it('is one that has it, by a wildcard for one label too; the one that lasts longest', () => {
    const offered = [offer(['a.example.com']), offer(['*.example.com'], { notAfter: '2027-02-01T00:00:00.000Z' }), offer(['example.com', 'b.example.com'])];
    expect(chosen(['a.example.com', 'EXAMPLE.com'], offered)).toEqual({ cached: { 'a.example.com': 1, 'example.com': 2 }, fixed: null, missing: [] });
    expect(chosen(['x.y.example.com'], offered).missing).toEqual([{ name: 'x.y.example.com', why: null }]);
  });

  it('is filed under the name as DNS has it', () => {
    expect(chosen(['bücher.example'], [offer(['xn--bcher-kva.example'])]).cached).toEqual({ 'xn--bcher-kva.example': 0 });
  });

  it('is not carried over where kamal-proxy has one that is valid', () => {
    expect(chosen(['a.com'], [offer(['a.com'])], [offer(['a.com'])])).toEqual({ cached: {}, fixed: null, missing: [] });
    expect(chosen(['a.com'], [offer(['a.com'])], [offer(['a.com'], { notAfter: '2026-11-01T00:00:00.000Z' })]).cached).toEqual({ 'a.com': 0 });
    expect(chosen(['a.com'], [offer(['a.com'])], [offer(['a.com'], { key: 'rsa' })]).cached).toEqual({ 'a.com': 0 });
  });

  it('may be an RSA one, as a file, if it has all names of the role and lasts for a week', () => {
    const rsa = (names: string[], notAfter = '2027-01-20T00:00:00.000Z') => offer(names, { key: 'rsa', notAfter });
    expect(chosen(['a.com', 'b.com'], [rsa(['a.com', 'b.com'])])).toEqual({ cached: {}, fixed: 0, missing: [] });
    expect(chosen(['a.com', 'b.com'], [rsa(['a.com', 'b.com']), offer(['a.com'])])).toEqual({ cached: { 'a.com': 1 }, fixed: 0, missing: [] });
    expect(chosen(['a.com', 'b.com'], [rsa(['a.com']), rsa(['b.com'])]).missing.map(({ name, why }) => `${name}: ${why}`)).toEqual([expect.stringMatching(/^a\.com: .*RSA/), expect.stringMatching(/^b\.com: .*RSA/)]);
    expect(chosen(['a.com'], [rsa(['a.com'], '2026-11-28T00:00:00.000Z')]).missing).toEqual([{ name: 'a.com', why: "Traefik's ends on 2026-11-28" }]);
  });

  it('is none that has ended', () => {
    expect(chosen(['a.com'], [offer(['a.com'], { notAfter: '2026-11-20T00:00:00.000Z' })]).missing).toEqual([{ name: 'a.com', why: "Traefik's ended on 2026-11-20" }]);
  });
});

describe('the plan', () => {
  const text = 'servers: [ a ]\nproxy: { ssl: true, hosts: [ shop.example.com, www.shop.example.com ] }\n';
  const ec = made('ec', ['shop.example.com']);
  const line = (pem: string) => Buffer.from(pem).toString('base64');
  const look = (sections: Record<string, string>) => host('a', [app('web'), TRAEFIK], sections);
  const options = { strategy: 'auto', accessories: 'reboot', pullAccessories: false, allowIssuance: false, importCertificates: true, keepTraefik: false, now: Date.now(), waitForLock: false, acceptAnswers: [], acceptUnreachable: [] } as const;
  const planOf = (facts: ReturnType<typeof look>, more: Partial<typeof options> | { importCertificates: false } = {}) => {
    const { deployment: d, snapshot } = deployment(text);
    return planUpgrade(snapshot, d, SECRETS, [facts], { ...options, ...more });
  };

  it('says of each name who has its certificate, and is refused only for those that nobody has', () => {
    const facts = look({ 'traefik-certificates': line(acmeJson(ec)), certificates: `${ACME_SCOPE}/www.shop.example.com\t${line(made('ec', ['www.shop.example.com']).certificate)}` });
    const plan = planOf(facts);
    expect(plan.refusals).toEqual([]);
    expect(plan.hosts[0]?.certificates.map(({ name, from }) => `${name} ${from}`)).toEqual(['shop.example.com Traefik', 'www.shop.example.com kamal-proxy']);
    expect(planOf(facts, { importCertificates: false }).refusals.map(({ reason }) => reason)).toEqual([expect.stringMatching(/no certificate for shop\.example\.com that/)]);
  });

  it('takes nothing from another ACME directory, and no RSA certificate in the cache', () => {
    const elsewhere = look({ certificates: `${'0'.repeat(64)}/shop.example.com\t${line(ec.certificate)}` });
    expect(elsewhere.certificates.proxy).toEqual([]);
    const rsa = look({ certificates: `${ACME_SCOPE}/shop.example.com+rsa\t${line(made('rsa', ['shop.example.com']).certificate)}` });
    expect(servedNames(rsa, deployment(text).deployment, true, Date.now())[0]).toMatchObject({ from: 'nobody' });
  });

  it('has no keys in its facts', () => {
    expect(Object.keys(look({ 'traefik-certificates': line(acmeJson(ec)) }).certificates.traefik[0] ?? {}).sort()).toEqual(['key', 'names', 'notAfter']);
  });
});
