import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { realKamal } from '../../lab/kamal.ts';
import type { StreamSummary } from '../../lab/load-meter.ts';
import { must } from '../../lab/run.ts';
import { serveTls, servedCertificate, tlsHosts } from '../../lab/tls.ts';
import { ACME_SCOPE } from '../../src/plan/certificates.ts';
import type { FleetResult } from '../../workflows/types.ts';
import { formsOf, secretsIn } from './leaks.ts';
import { Shop } from './shop.ts';
import { lab } from './the-lab.ts';
import { ACCEPTED_WITH_TLS, startTlsLoad } from './tls.ts';

/** What Traefik keeps its certificates in, with their keys. */
interface AcmeJson {
  letsencrypt: { Account: { PrivateKey: string }; Certificates: { key: string }[] };
}

/** Of a host, before and after its upgrade. */
interface Upgraded {
  names: string[];
  code: number;
  said: string;
  result: FleetResult | null;
  serials: { before: string[]; after: string[] };
  streams: StreamSummary[];
}

describe('TLS: what Traefik held, kamal-proxy serves', () => {
  const [elliptic, rsa] = tlsHosts(lab);
  if (elliptic === undefined || rsa === undefined) throw new Error('this needs two web hosts');
  let authority: string;
  let shop: Shop;
  let keys: string[];
  let refused: Awaited<ReturnType<Shop['upgrade']>>;
  let [first, second] = [] as unknown as [Upgraded, Upgraded];

  beforeAll(async () => {
    authority = await serveTls(lab);
    shop = await Shop.open('tls');
    keys = (await Promise.all([elliptic, rsa].map(keysOf))).flat();
    await configureFor(elliptic);
    refused = await shop.upgrade('--no-import-certificates', '-h', elliptic.host.address);
    first = await upgrade(elliptic);
    await configureFor(rsa);
    second = await upgrade(rsa);
  });
  afterAll(() => shop.close());

  /** Kamal allows automatic TLS to roles with one host only. */
  async function configureFor({ host, names }: typeof elliptic & {}): Promise<void> {
    await shop.configure({ changes: { drain_timeout: 4, servers: { web: { hosts: [host.address] } }, proxy: { ssl: true, hosts: names } } });
  }

  async function upgrade(tls: typeof elliptic & {}): Promise<Upgraded> {
    const { host, names } = tls;
    const serials = () => Promise.all(names.map((name) => servedCertificate(host.address, name, authority)));
    const before = await serials();
    const running = await startTlsLoad(tls, authority);
    const ended = await shop.upgrade('-h', host.address, '--accept-answers', ACCEPTED_WITH_TLS);
    const streams = await running.stop();
    return { names, code: ended.code, said: ended.stderr, result: ended.result, serials: { before, after: ended.code === 0 ? await serials() : [] }, streams };
  }

  async function keysOf({ host }: typeof elliptic & {}): Promise<string[]> {
    const { stdout } = await lab.exec(host.name, 'docker cp -L traefik:/letsencrypt/acme.json - | tar -xOf -');
    const { Account, Certificates } = (JSON.parse(stdout) as AcmeJson).letsencrypt;
    const [line = ''] = Certificates.map(({ key }) => Buffer.from(key, 'base64').toString().split('\n')[1] ?? '');
    expect(line.length).toBeGreaterThan(40);
    return [line, Account.PrivateKey.slice(0, 60), (Certificates[0]?.key ?? '').slice(40, 100)];
  }

  it('a name is served with the certificate it had, from the first request on', () => {
    for (const { code, said, serials, result } of [first, second]) {
      expect(code, said).toBe(0);
      expect(result?.outcome).toBe('done');
      expect(serials.after).toEqual(serials.before);
    }
  });

  it('clients that check certificates lose nothing', () => {
    for (const { names, streams } of [first, second]) {
      expect(streams.map(({ name }) => name)).toEqual(names.flatMap((name) => [`${name}, new`, `${name}, kept`]));
      expect(streams.map(({ lost, reasons }) => ({ lost, reasons }))).toEqual(streams.map(() => ({ lost: 0, reasons: {} })));
      for (const { good } of streams) expect(good).toBeGreaterThan(40);
    }
  });

  it('the plan says which certificates are carried over, and until when they last', () => {
    for (const { names, said } of [first, second]) for (const name of names) expect(said).toMatch(new RegExp(`certificate ${name}  carried over from Traefik, ends \\d{4}-\\d\\d-\\d\\d`));
    expect(first.said).not.toContain('RSA');
    expect(second.said).toContain('RSA');
  });

  it('a run that is to leave them is refused before anything changes', () => {
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/no certificate for h1\.shop\.test, www\.h1\.shop\.test .*--allow-issuance/s);
  });

  it("they are the proxy's own, and nobody else can read the keys", async () => {
    const { stdout } = await lab.exec('h1', 'cd "$(docker volume inspect -f "{{.Mountpoint}}" kamal-proxy-config)" && find certs -printf "%M %U %f\\n" | sort');
    const files = stdout.trim().split('\n');
    expect(files.sort()).toEqual(['-rw------- 1001 h1.shop.test', '-rw------- 1001 www.h1.shop.test', 'drwx------ 1001 certs', `drwx------ 1001 ${ACME_SCOPE}`].sort());
  });

  it('real Kamal deploys on, with that certificate', async () => {
    await configureFor(elliptic);
    const running = await startTlsLoad(elliptic, authority);
    await must(realKamal(), ['deploy', '-P', '--version', 'v2', '-h', elliptic.host.address], { cwd: shop.dir, env: shop.env });
    const streams = await running.stop();
    expect(streams.map(({ lost, reasons }) => ({ lost, reasons }))).toEqual(streams.map(() => ({ lost: 0, reasons: {} })));
    expect(await Promise.all(elliptic.names.map((name) => servedCertificate(elliptic.host.address, name, authority)))).toEqual(first.serials.before);
  });

  it('no key is in anything that was written down on this side', async () => {
    expect(await secretsIn(shop.stateDir, formsOf(keys))).toEqual([]);
  });
});
