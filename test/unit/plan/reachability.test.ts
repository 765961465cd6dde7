import { describe, expect, it } from 'vitest';
import { reachabilityScript } from '../../../activities/script/reachability.ts';
import { line } from '../../../src/kamal/index.ts';
import { readFacts } from '../../../src/plan/read-facts.ts';
import { planUpgrade } from '../../../src/plan/plan.ts';
import { accessoriesToJoin, beforeJoining, hintFor, namingArgs, notAcceptedPlaces, placeInWords, wantedAddresses, type Unreachable } from '../../../src/plan/reachability.ts';
import { app, deployment, host, probeOutput, SECRETS, type ContainerWish } from './fleet.ts';

const TEXT = `
servers: { web: [ c ] }
env: { clear: { REDIS_URL: "redis://shop-redis:6379/0", DB_HOST: c, LOG: "redis://u:s3cret@log.example" }, secret: [ KEY ] }
accessories:
  redis: { image: "redis:7", host: c }
  db: { image: "postgres:16", host: c, port: "5433:5432" }
`;
const { deployment: shop, snapshot } = deployment(TEXT);
const redis = (more: Partial<ContainerWish> = {}): ContainerWish => ({ name: 'shop-redis', image: 'sha256:redis', ...more });
const sorted = (wish: Partial<ContainerWish>, moved = ['redis', 'db']) => {
  const { tried, joined, cut } = beforeJoining(wantedAddresses(shop, 'c', SECRETS), shop, host('c', [app('web'), redis(wish)]), moved);
  return { tried: tried.map(({ host: name }) => name), joined: joined.map(({ host: name }) => name), cut: cut.map(({ host: name }) => name) };
};
const OTHERS = ['c', 'c', 'log.example'];

describe('what is tried', () => {
  it('every place that a role names, with the ports that the deployment knows', () => {
    expect(wantedAddresses(shop, 'c', SECRETS).map(placeInWords)).toEqual(['REDIS_URL (shop-redis:6379)', 'DB_HOST (c:5433)', 'DB_HOST (c:5432)', 'LOG (log.example:6379)']);
  });
  it('not an accessory that is about to join', () => {
    expect(sorted({})).toEqual({ tried: OTHERS, joined: ['shop-redis'], cut: [] });
  });
  it('one that is there already', () => {
    expect(sorted({ networks: ['bridge', 'kamal'] })).toEqual({ tried: ['shop-redis', ...OTHERS], joined: [], cut: [] });
  });
  it('one that is left alone', () => {
    expect(sorted({}, [])).toEqual({ tried: ['shop-redis', ...OTHERS], joined: [], cut: [] });
    expect(accessoriesToJoin(wantedAddresses(shop, 'c', SECRETS), shop, 'c', [])).toEqual([]);
  });
  it.each<[string, Partial<ContainerWish>]>([
    ['in a network of its own', { networks: ['private'] }],
    ['that Traefik would route anew', { labels: { 'traefik.http.routers.r.rule': 'Host(`r`)' } }],
  ])('none is joined %s', (_, wish) => {
    expect(sorted(wish)).toEqual({ tried: OTHERS, joined: [], cut: ['shop-redis'] });
  });
});

describe('who looks in the app\'s stead', () => {
  it('knows the names that the app is given by options, and has none of its other options', () => {
    const { deployment: own } = deployment('servers:\n  web:\n    hosts: [ c ]\n    options: { add-host: "host.docker.internal:host-gateway", memory: 1g, dns: [ 10.0.0.2, 10.0.0.3 ] }\nproxy: { app_port: 3000 }');
    const naming = line(namingArgs(own, 'c'));
    expect(naming).toBe('--add-host "host.docker.internal:host-gateway" --dns "10.0.0.2" --dns "10.0.0.3"');
    const look = (within: string | null) => reachabilityScript({ name: 'look', places: [], images: ['i'], naming, within });
    expect(look(null)).toContain(`--network "$net" ${naming} `);
    // Docker refuses them there, and it has the container's own.
    expect(look('container')).not.toContain('--add-host');
  });
});

describe('what is said', () => {
  const place: Unreachable = { variables: ['DATABASE_URL', 'CACHE'], host: '172.17.0.1', port: 5432, now: 'silent', hint: 'h' };
  it('the usual cause', () => {
    expect(hintFor(place, 'silent', { subnet: '172.18.0.0/16', accessory: null })).toMatch(/gateway.*172\.18\.0\.0\/16/);
    expect(hintFor({ ...place, host: 'db' }, 'unresolved', { subnet: '', accessory: null })).toContain('name');
    expect(hintFor({ ...place, host: '10.0.0.5' }, 'refused', { subnet: '', accessory: null })).toContain('pg_hba.conf');
    expect(hintFor({ ...place, host: '10.0.0.5' }, 'refused', { subnet: '', accessory: 'redis' })).toContain('the accessory redis');
  });
  it('is accepted by any of its variables', () => {
    const reach = { looked: true, unreachable: [place], notes: [] };
    expect(notAcceptedPlaces(reach, ['OTHER'])).toHaveLength(1);
    expect(notAcceptedPlaces(reach, ['CACHE'])).toEqual([]);
  });
  it('before the first change, unless accepted', () => {
    const facts = { ...readFacts('c', probeOutput([app('web'), redis()])), reach: { looked: true, unreachable: [place], notes: ['seen'] } };
    const options = { strategy: 'auto', accessories: 'reboot', pullAccessories: false, allowIssuance: false, importCertificates: true, keepTraefik: false, now: 0, waitForLock: false, acceptAnswers: [] } as const;
    const refused = planUpgrade(snapshot, shop, SECRETS, [facts], { ...options, acceptUnreachable: [] });
    expect(refused.refusals.map(({ reason }) => reason).filter((reason) => reason.includes('DATABASE_URL, CACHE (172.17.0.1:5432)'))).toHaveLength(1);
    expect(refused.notes).toContain('c: seen');
    expect(planUpgrade(snapshot, shop, SECRETS, [facts], { ...options, acceptUnreachable: ['DATABASE_URL'] }).refusals.map(({ reason }) => reason).join()).not.toContain('172.17.0.1');
  });
});
