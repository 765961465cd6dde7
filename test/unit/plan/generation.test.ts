import { describe, expect, it } from 'vitest';
import { accessoryIsThere, appGeneration, fingerprint } from '../../../src/plan/generation.ts';
import { containersOf, runningContainer, versionOf } from '../../../src/plan/running.ts';
import { primaryHostOf, workflowIdOf } from '../../../src/plan/workflow-id.ts';
import { app, deployment, host, PROXY, TRAEFIK, type ContainerWish } from './fleet.ts';

const { deployment: shop } = deployment();
const NEW: Partial<ContainerWish> = { networks: ['kamal'] };
const STOPPED: Partial<ContainerWish> = { running: false };

describe('the generation of a host', () => {
  it.each<[string, string, ContainerWish[], Record<string, string>, string]>([
    ['the app behind Traefik', 'a', [app('web'), TRAEFIK], {}, 'kamal1'],
    ['a role without a proxy, on the old network', 'c', [app('jobs')], {}, 'kamal1'],
    ['the app in the new network behind kamal-proxy', 'a', [app('web', NEW), PROXY], {}, 'kamal2'],
    ['a role without a proxy, in the new network', 'c', [app('jobs', NEW)], {}, 'kamal2'],
    ['stopped containers of the old generation left', 'c', [app('jobs', NEW), app('jobs', { ...STOPPED, name: 'shop-jobs-v0' })], {}, 'kamal2'],
    ['nothing at all', 'a', [], {}, 'empty'],
    ['nothing that runs', 'a', [app('web', STOPPED), { ...TRAEFIK, running: false }], {}, 'empty'],
    ['the app of another service', 'a', [app('web', { labels: { service: 'blog', role: 'web', destination: '' } })], {}, 'empty'],
    ['both generations of the app', 'a', [app('web', NEW), app('web', { name: 'shop-web-v1_replaced_x' }), TRAEFIK, PROXY], {}, 'mixed'],
    ['the app booted, the proxies not yet changed', 'a', [app('web', NEW), TRAEFIK], {}, 'mixed'],
    ['kamal-proxy created beside Traefik', 'a', [app('web'), TRAEFIK, { ...PROXY, running: false }], {}, 'mixed'],
    ['all there but Traefik still left, stopped', 'a', [app('web', NEW), PROXY, { ...TRAEFIK, running: false }], {}, 'mixed'],
    ['all there, but kamal-proxy down', 'a', [app('web', NEW), { ...PROXY, running: false }], {}, 'mixed'],
    ['Traefik gone, the old app still there', 'a', [app('web')], {}, 'mixed'],
    ['all there, and kamal-proxy routes to it', 'a', [app('web', NEW), PROXY], { routes: 'Service\nshop-web * / id-shop-web-:80 running no' }, 'kamal2'],
    ['all there, but kamal-proxy does not know it', 'a', [app('web', NEW), PROXY], { routes: 'Service' }, 'mixed'],
    ['the container put aside, and none in its place', 'c', [app('jobs', { ...NEW, name: 'shop-jobs-v1_replaced_0123456789abcdef' })], {}, 'mixed'],
    ['all as before, but a run was cut off here', 'a', [app('web'), TRAEFIK], { runs: 'app\trun-1' }, 'mixed'],
    ['all there, but a run was cut off before its end', 'a', [app('web', NEW), PROXY], { runs: 'app\trun-1' }, 'mixed'],
  ])('%s', (_, name, containers, sections, generation) => {
    expect(appGeneration(host(name, containers, sections), shop)).toBe(generation);
  });

  it('needs all roles of the host', () => {
    const { deployment: both } = deployment('servers:\n  web: [ a ]\n  jobs: { hosts: [ a ] }\n');
    expect(appGeneration(host('a', [app('web', NEW), app('jobs', NEW), PROXY]), both)).toBe('kamal2');
    expect(appGeneration(host('a', [app('web', NEW), app('jobs'), PROXY]), both)).toBe('mixed');
    expect(appGeneration(host('a', [app('web', NEW), PROXY]), both)).toBe('mixed');
  });
});

describe('an accessory is there', () => {
  const redis = (wish: Partial<ContainerWish>): ContainerWish => ({ name: 'shop-redis', image: 'sha256:redis', ...wish });
  it.each([
    ['when it runs in the new network', [redis(NEW)], {}, true],
    ['not on the old one', [redis({})], {}, false],
    ['not while it is stopped', [redis({ ...NEW, running: false })], {}, false],
    ['not without a container', [], {}, false],
    ['not while a cut-off run has left something', [redis(NEW)], { runs: 'accessories\trun-1' }, false],
  ])('%s', (_, containers, sections, there) => {
    expect(accessoryIsThere(host('c', containers, sections), shop, 'redis')).toBe(there);
  });

  it('in the network that it names itself', () => {
    const { deployment: own } = deployment('servers: [ a ]\naccessories:\n  redis: { image: "redis:7", host: a, network: data }\n');
    expect(accessoryIsThere(host('a', [redis({ networks: ['data'] })]), own, 'redis')).toBe(true);
    expect(accessoryIsThere(host('a', [redis(NEW)]), own, 'redis')).toBe(false);
  });
});

describe('the fingerprint', () => {
  const seen = (containers: ContainerWish[]) => fingerprint(host('c', containers), shop);
  const redis: ContainerWish = { name: 'shop-redis', image: 'sha256:redis' };
  const before = seen([app('jobs'), redis]);

  it('is the same for the same, in whatever order Docker lists it', () => {
    expect(seen([redis, app('jobs')])).toBe(before);
    expect(before).toMatch(/^[0-9a-f]{16}$/);
  });

  it.each<[string, ContainerWish[]]>([
    ['another version', [app('jobs', { name: 'shop-jobs-v2' }), redis]],
    ['another image under the same name', [app('jobs', { image: 'sha256:v2' }), redis]],
    ['a second container of the role', [app('jobs'), app('jobs', { name: 'shop-jobs-v0' }), redis]],
    ['another network', [app('jobs', NEW), redis]],
    ['a proxy', [app('jobs'), redis, PROXY]],
    ['an accessory that was stopped', [app('jobs'), { ...redis, running: false }]],
    ['nothing left', []],
  ])('tells %s', (_, containers) => {
    expect(seen(containers)).not.toBe(before);
  });

  it('does not care for other services, nor for stopped containers of the app', () => {
    const others = [app('jobs', { name: 'shop-jobs-v0', running: false }), app('web', { name: 'blog', labels: { service: 'blog', role: 'web' } })];
    expect(seen([app('jobs'), redis, ...others])).toBe(before);
  });
});

describe('the container that a role runs on', () => {
  const [web] = shop.roles;
  if (!web) throw new Error('the deployment has no role');
  const named = (containers: ContainerWish[], d = shop) => runningContainer(host('a', containers), d, web)?.name;

  it("is the one of the image tagged latest, as Kamal's current version is", () => {
    const other = app('web', { name: 'shop-web-v0', image: 'sha256:v0' });
    expect(named([other, app('web')])).toBe('shop-web-v1');
    expect(named([other])).toBe('shop-web-v0');
  });

  it('is the one in the new network while both generations run', () => {
    expect(named([app('web'), app('web', { name: 'shop-web-v0', image: 'sha256:v0', networks: ['kamal'] })])).toBe('shop-web-v0');
  });

  const both = (sections: Record<string, string>, more: ContainerWish[]) => runningContainer(host('a', [app('web', { name: 'shop-web-v2', image: 'sha256:v2', networks: ['kamal'] }), app('web'), ...more], sections), shop, web)?.name;
  it('is the old one while a proxy runs that does not route to the new one: something was cut off', () => {
    expect(both({ routes: 'Service' }, [PROXY])).toBe('shop-web-v1');
    expect(both({}, [TRAEFIK])).toBe('shop-web-v1');
    expect(both({ routes: 'Service\nshop-web * / id-shop-web-:80 running no' }, [PROXY])).toBe('shop-web-v2');
  });

  it('is none when all are stopped', () => {
    expect(named([app('web', STOPPED)])).toBeUndefined();
  });

  it('is of this destination', () => {
    const { deployment: staging } = deployment(undefined, 'staging');
    const [role] = staging.roles;
    if (!role) throw new Error('the deployment has no role');
    const facts = host('a', [app('web'), app('web', { name: 'shop-web-staging-v9', labels: { service: 'shop', role: 'web', destination: 'staging' } })]);
    expect(containersOf(facts, staging, role).map(({ name }) => name)).toEqual(['shop-web-staging-v9']);
    expect(containersOf(facts, shop, web).map(({ name }) => name)).toEqual(['shop-web-v1']);
  });

  it.each([
    ['shop-web-v1', 'v1'],
    ['shop-web-8a2fa2440acd_uncommitted_0123', '8a2fa2440acd_uncommitted_0123'],
    ['shop-web-v1_replaced_0123456789abcdef', 'v1'],
    ['shop-web-v1_replaced_by_hand', 'v1_replaced_by_hand'],
    ['shop-worker-v1', null],
    ['shop-web', null],
  ])('%s has the version %s', (name, version) => {
    const [container] = host('a', [app('web', { name })]).containers;
    expect(container && versionOf(container, web)).toBe(version);
  });
});

describe('the id of a deployment\'s runs', () => {
  it('is the same whatever part of it is worked on, and another for another primary host', () => {
    const part = deployment('servers: [ a, b ]\n').deployment;
    expect(workflowIdOf(part)).toBe(workflowIdOf(deployment('servers: [ a, b, c ]\n').deployment));
    expect(workflowIdOf(part)).toMatch(/^bactrian\/shop\/[0-9a-f]{8}$/);
    expect(workflowIdOf(deployment('servers: [ b, a ]\n').deployment)).not.toBe(workflowIdOf(part));
    expect(workflowIdOf(deployment('servers: [ a ]\n', 'staging').deployment)).toContain('bactrian/shop-staging/');
    expect(primaryHostOf(part)).toBe('a');
  });
});
