import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { kamal1 } from '../../../src/kamal/index.ts';
import { kamal1DeploymentFrom } from '../../../src/kamal/kamal1/deployment.ts';
import { readAcmeJson, withCertificates } from '../../../src/plan/acme-json.ts';
import { chooseBack } from '../../../src/plan/certificates-back.ts';
import type { CertificateFacts } from '../../../src/plan/facts.ts';
import { hash } from './fleet.ts';

const DAY = 24 * 3600_000;
const NOW = Date.parse('2026-06-01');

function deployment(traefik: string, rule = 'Host(`Shop.test`, `www.shop.test`) && PathPrefix(`/`)', label = 'tls.certresolver: le'): kamal1.Kamal1Deployment {
  const text = `
service: shop
image: acme/shop
registry: { username: bot, password: [ PW ] }
servers:
  web: { hosts: [ a ], labels: { traefik.http.routers.shop-web.rule: "${rule}", traefik.http.routers.shop-web.entrypoints: https, traefik.http.routers.shop-web.${label} } }
  jobs: { hosts: [ a ] }
traefik: ${traefik}
`;
  const raw = hash(parse(text, { mapAsMap: true }));
  const facts = { destination: null, version: { value: 'v2', source: 'option' as const, problem: null }, selection: { hosts: null, roles: null }, hooks: { path: '.kamal/hooks', present: [] } };
  if (!(raw instanceof Map)) throw new Error('no mapping');
  return kamal1DeploymentFrom(raw, facts);
}

describe("where Traefik's certificates are", () => {
  const names = ['shop.test', 'www.shop.test'];
  const stores = (...args: Parameters<typeof deployment>) => kamal1.certificateStores(deployment(...args), 'a');

  it.each([
    ['a folder of the host', '{ options: { volume: [ "/root/le:/le" ] }, args: { certificatesResolvers.LE.acme.storage: /le/acme.json } }', { kind: 'bind', source: '/root/le', file: 'acme.json' }],
    ['a file of the host', '{ options: { volume: "/root/acme.json:/le/acme.json" }, args: { certificatesResolvers.LE.acme.storage: /le/acme.json } }', { kind: 'bind', source: '/root/acme.json', file: '' }],
    ['a volume, and Traefik is told no file', '{ options: { volume: "le:/" }, args: { certificatesResolvers.LE.acme.email: a@b } }', { kind: 'volume', source: 'le', file: 'acme.json' }],
    ['nowhere but in the container', '{ options: { volume: "/x:/y" }, args: { certificatesResolvers.LE.acme.storage: /le/acme.json } }', null],
  ])('%s', (_, traefik, place) => {
    expect(stores(traefik)).toEqual([{ resolver: 'LE', names, place }]);
  });

  it('a resolver may be the entry point\'s; without one there is no store', () => {
    expect(stores('{ args: { entryPoints.https.http.tls.certresolver: LE } }', undefined, 'priority: 3')).toMatchObject([{ resolver: 'le', names }]);
    expect(stores('{}', undefined, 'tls: true')).toEqual([]);
  });
});

describe('which certificate Traefik serves after a way back', () => {
  const store = { resolver: 'le', names: ['shop.test'], place: { kind: 'volume', source: 'le', file: 'acme.json' } } as const;
  const ending = (days: number, key: CertificateFacts['key'] = 'ecdsa', names = ['shop.test']) => ({ names, key, notAfter: new Date(NOW + days * DAY).toISOString() });
  const choice = (held: CertificateFacts[], stored: CertificateFacts[], of: kamal1.CertificateStore = store) => chooseBack([of], held, stored, NOW).map(({ carried, stored: own }) => (carried ? 'carried over' : own ? 'its own' : 'none'));

  it.each<[string, CertificateFacts[], CertificateFacts[], string]>([
    ['the same on both sides', [ending(60)], [ending(60)], 'its own'],
    ['one that kamal-proxy has renewed', [ending(85)], [ending(25)], 'carried over'],
    ["Traefik's is over", [ending(85)], [ending(-1)], 'carried over'],
    ["kamal-proxy's is over", [ending(-1)], [], 'none'],
    ['only for clients that know nothing newer', [ending(85, 'rsa')], [], 'none'],
    ['a wildcard of Traefik\'s', [], [ending(9, 'rsa', ['*.test'])], 'its own'],
  ])('%s: %s', (_, held, stored, expected) => {
    expect(choice(held, stored)).toEqual([expected]);
  });

  it('none can be carried to where no file is', () => {
    expect(choice([ending(85)], [], { ...store, place: null })).toEqual(['none']);
  });
});

describe('an acme.json that gets certificates', () => {
  const added = (name: string) => ({ name, chain: 'chain', privateKey: 'key' });
  const resolvers = (text: string) => JSON.parse(text) as Record<string, { Account: unknown; Certificates: { domain: unknown; certificate: string; key: string; Store: string }[] }>;

  it('keeps its account, its other resolvers and what it has for other names', () => {
    const text = JSON.stringify({ le: { Account: { Email: 'a@b' }, Certificates: [{ domain: { main: 'x' }, certificate: 'eA==', key: 'eQ==' }] }, other: { Account: 1 } });
    const after = resolvers(withCertificates(text, 'le', [added('shop.test')]));
    expect(after.other).toEqual({ Account: 1 });
    expect(after.le?.Account).toEqual({ Email: 'a@b' });
    expect(after.le?.Certificates.map(({ domain }) => domain)).toEqual([{ main: 'x' }, { main: 'shop.test' }]);
    expect(after.le?.Certificates[1]).toEqual({ domain: { main: 'shop.test' }, certificate: 'Y2hhaW4=', key: 'a2V5', Store: 'default' });
  });

  it.each(['', '{}', 'no JSON', '{"le":null}'])('is made where there is none: %j', (text) => {
    expect(resolvers(withCertificates(text, 'le', [added('a')])).le).toEqual({ Account: null, Certificates: [{ domain: { main: 'a' }, certificate: 'Y2hhaW4=', key: 'a2V5', Store: 'default' }] });
    expect(readAcmeJson(withCertificates(text, 'le', [added('a')]))).toEqual([]);
  });
});
