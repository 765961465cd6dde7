import { describe, expect, it } from 'vitest';
import { appGeneration } from '../../../src/plan/generation.ts';
import { planUpgrade } from '../../../src/plan/plan.ts';
import { predictedDifferences } from '../../../src/plan/predicted-answers.ts';
import type { RefusalOptions } from '../../../src/plan/refusals.ts';
import { behindTraefik, entryPointsOf, leftBehind, sharedTraefik } from '../../../src/plan/shared-traefik.ts';
import { app, deployment, host, PROXY, SECRETS, TRAEFIK, type ContainerWish } from './fleet.ts';

const TEXT = 'servers: [ a ]\nproxy: { host: shop.example }\nenv: { secret: [ KEY ] }\n';
const OPTIONS: RefusalOptions = { strategy: 'auto', accessories: 'reboot', pullAccessories: false, allowIssuance: false, importCertificates: true, keepTraefik: true, now: 0, waitForLock: false, acceptAnswers: [], acceptUnreachable: [] };

const WIKI: ContainerWish = { name: 'wiki-web-v3', image: 'sha256:wiki', labels: { service: 'wiki', 'traefik.http.routers.wiki.rule': 'Host(`wiki.example`)', 'traefik.http.routers.wiki.entrypoints': 'http' } };
const FRONT: ContainerWish = { ...PROXY, image: 'sha256:proxy' };
const BEHIND: ContainerWish = { ...TRAEFIK, networks: ['bridge', 'kamal'], ports: {}, labels: { ...TRAEFIK.labels, 'bactrian.behind': '80' } };
const NEW = app('web', { networks: ['kamal'] });
const wiki = (labels: Record<string, string>) => ({ ...WIKI, labels: { ...WIKI.labels, ...labels } });
const traefik = (...args: string[]) => ({ ...TRAEFIK, cmd: [...(TRAEFIK.cmd ?? []), ...args] });
const plan = (containers: ContainerWish[], options: Partial<RefusalOptions> = {}, text = TEXT) => {
  const project = deployment(text);
  return planUpgrade(project.snapshot, project.deployment, SECRETS, [host('a', containers)], { ...OPTIONS, ...options });
};
const reasons = (...args: Parameters<typeof plan>) => plan(...args).refusals.map(({ reason }) => reason);

describe('a Traefik that serves others, too', () => {
  it('is refused, and says what would keep it', () => {
    const { refusals } = plan([app('web'), TRAEFIK, WIKI], { keepTraefik: false });
    expect(refusals.map(({ reason, hint }) => [reason, hint])).toEqual([[expect.stringContaining('also routes to wiki-web-v3'), expect.stringContaining('--keep-traefik')]]);
  });

  it('moves behind kamal-proxy with --keep-traefik, and the plan says for whom', () => {
    const { refusals, hosts } = plan([app('web'), TRAEFIK, WIKI]);
    expect(refusals).toEqual([]);
    expect(hosts[0]).toMatchObject({ generation: 'kamal1', strategy: 'swap', shared: { becomes: 'moves', others: ['wiki-web-v3'] } });
  });

  it('is asked for in vain where it serves nobody else', () => {
    expect(plan([app('web'), TRAEFIK]).hosts[0]?.shared).toBeNull();
  });

  it('is still theirs when a run that was cut off has stopped it', () => {
    const facts = host('a', [app('web'), { ...TRAEFIK, running: false }, WIKI], { runs: 'app\t20261124-220559-3fa9' });
    expect(sharedTraefik(facts, deployment(TEXT).deployment, true)).toEqual({ becomes: 'moves', others: ['wiki-web-v3'] });
  });

  it.each<[string, ContainerWish[], string, RegExp]>([
    ['for a service without a name', [TRAEFIK, WIKI], 'servers: [ a ]\n', /^role web has no `proxy: host`/],
    ["for one that would take another's name", [TRAEFIK, WIKI], 'servers: [ a ]\nproxy: { hosts: [ shop.example, wiki.example ] }\n', /^wiki-web-v3 is asked for as wiki\.example/],
    ["for a pattern that would take another's name", [TRAEFIK, WIKI], 'servers: [ a ]\nproxy: { host: "*.example" }\n', /^wiki-web-v3 is asked for as wiki\.example/],
    ['for others with TLS', [TRAEFIK, wiki({ 'traefik.http.routers.wiki.tls.certresolver': 'le' })], TEXT, /wiki-web-v3 has the router wiki with TLS/],
    ['for others on another entry point', [TRAEFIK, wiki({ 'traefik.http.routers.wiki.entrypoints': 'websecure' })], TEXT, /router wiki on the entry point websecure only/],
    ['for others with TCP', [TRAEFIK, wiki({ 'traefik.tcp.routers.db.rule': 'HostSNI(`*`)' })], TEXT, /wiki-web-v3 has a TCP or UDP route/],
    ['for others with a path of every host', [TRAEFIK, wiki({ 'traefik.http.routers.wiki.rule': 'PathPrefix(`/wiki`)' })], TEXT, /router wiki for a path of every host/],
    ['where everything is led to HTTPS', [traefik('--entryPoints.http.address=:80', '--entryPoints.http.http.redirections.entryPoint.to=websecure'), WIKI], TEXT, /entry point http has TLS or redirects for all/],
    ['where Traefik answers on further ports', [{ ...traefik('--entryPoints.http.address=:80', '--entryPoints.admin.address=:9000'), ports: { '80/tcp': [{ HostPort: '80' }], '9000/tcp': [{ HostPort: '9000' }] } }, WIKI], TEXT, /also answers on port 9000/],
    ['where Traefik is on the host network', [{ ...TRAEFIK, networkMode: 'host' }, WIKI], TEXT, /on the host network/],
    ['where kamal-proxy is to answer on another port', [TRAEFIK, WIKI], `servers: [ a ]\nproxy: { host: shop.example, run: { http_port: 8080 } }\nenv: { secret: [ KEY ] }\n`, /doesn't publish the port on which kamal-proxy/],
    ['where Traefik has routes from a file', [traefik('--providers.file.directory=/etc/traefik'), WIKI], TEXT, /takes routes from elsewhere than Docker/],
    ['where kamal-proxy runs beside it', [TRAEFIK, WIKI, { ...FRONT, ports: {} }], TEXT, /a kamal-proxy runs beside it already/],
  ])('is refused %s', (_, containers, text, reason) => {
    expect(reasons([app('web'), ...containers], {}, text)).toEqual([expect.stringMatching(reason)]);
  });

  it("is refused while another project's run is at work", () => {
    expect(reasons([app('web'), { ...TRAEFIK, running: false }, FRONT, { ...BEHIND, name: 'traefik-behind-20261124-220559-3fa9' }])).toEqual([expect.stringMatching(/^the run of another project is at work here/)]);
  });

  it("is refused for Kamal's own order", () => {
    expect(reasons([app('web'), TRAEFIK, WIKI], { strategy: 'kamal' })).toEqual([expect.stringMatching(/Kamal's own order would stop it/)]);
  });
});

describe('a Traefik behind kamal-proxy', () => {
  const { deployment: shop } = deployment(TEXT);

  it('leaves a service that has moved on Kamal 2, and one that has not on Kamal 1', () => {
    expect(appGeneration(host('a', [NEW, FRONT, BEHIND, WIKI]), shop)).toBe('kamal2');
    expect(appGeneration(host('a', [app('web'), FRONT, BEHIND, WIKI]), shop)).toBe('kamal1');
    expect(appGeneration(host('a', [app('web'), FRONT, { ...BEHIND, running: false }, WIKI]), shop)).toBe('mixed');
  });

  it('is passed by whoever moves next, without any option', () => {
    const { refusals, hosts } = plan([app('web'), FRONT, BEHIND, WIKI], { keepTraefik: false });
    expect(refusals).toEqual([]);
    expect(hosts[0]).toMatchObject({ generation: 'kamal1', strategy: 'move', shared: { becomes: 'stays', others: ['wiki-web-v3'] } });
  });

  it('goes with the last one', () => {
    expect(plan([app('web'), FRONT, BEHIND], { keepTraefik: false }).hosts[0]).toMatchObject({ strategy: 'move', shared: { becomes: 'goes', others: [] } });
  });

  it("is not taken from a service that has no name, nor by Kamal's own order", () => {
    expect(reasons([app('web'), FRONT, BEHIND], {}, 'servers: [ a ]\n')).toEqual([expect.stringMatching(/no `proxy: host`/)]);
    expect(reasons([app('web'), FRONT, BEHIND, WIKI], { strategy: 'kamal' })).toEqual([expect.stringMatching(/Kamal's own order/)]);
  });
});

describe('what Traefik is told behind kamal-proxy', () => {
  const told = (...args: string[]) => behindTraefik(args, entryPointsOf(args)[0] ?? { name: 'http', port: 80, trusts: false, diverts: false });

  it('is to answer a health check, and to believe what kamal-proxy says of clients', () => {
    expect(told('--providers.docker')).toMatchObject({
      cmd: ['--providers.docker', '--entryPoints.http.address=:80', '--entryPoints.http.forwardedHeaders.insecure=true', '--entryPoints.http.http.middlewares=bactrian-traefik@docker', '--ping=true'],
      labels: { 'bactrian.behind': '80', 'traefik.http.middlewares.bactrian-traefik.headers.customrequestheaders.X-Real-Ip': '' }, port: 80, healthPort: 8080, forwardHeaders: false,
    });
  });

  it('leaves a health check that is there, wherever it is', () => {
    expect(told('--entrypoints.web.address=:8000', '--ping', '--ping.entryPoint=web')).toMatchObject({ port: 8000, healthPort: 8000 });
    expect(told('--ping', '--ping.entryPoint=web').cmd).not.toContain('--ping=true');
  });

  it('finds a port for it that nothing else has', () => {
    expect(told('--entrypoints.web.address=:80', '--entrypoints.other.address=:8080')).toMatchObject({ healthPort: 9300, cmd: expect.arrayContaining(['--ping=true', '--entryPoints.traefik.address=:9300']) });
    expect(told('--entrypoints.web.address=:80', '--entrypoints.traefik.address=:8081')).toMatchObject({ healthPort: 8081 });
  });

  it('lets headers of a load balancer through where Traefik had been told to believe them', () => {
    expect(told('--entryPoints.http.address=:80', '--entryPoints.http.forwardedHeaders.trustedIPs=10.0.0.0/8')).toMatchObject({ forwardHeaders: true, labels: { 'bactrian.behind': '80' } });
    expect(told('--entryPoints.http.address=:80', '--entryPoints.http.forwardedHeaders.insecure=false').forwardHeaders).toBe(false);
  });

  it("keeps an entry point's own middlewares, before what drops the headers that clients claim", () => {
    expect(told('--entryPoints.http.address=:80', '--entryPoints.http.http.middlewares=gate@docker').cmd.filter((word) => word.includes('middlewares'))).toEqual(['--entryPoints.http.http.middlewares=gate@docker,bactrian-traefik@docker']);
  });
});

describe('what is answered once a service has left the Traefik behind kamal-proxy', () => {
  const { deployment: shop } = deployment(TEXT);
  const question = (name: string | null) => ({ name: `http ${name ?? 'by ip'} /up`, scheme: 'http' as const, port: 80, host: name, path: '/up' });
  const before = { status: 200, redirect: null, from: 'app' as const, certificate: null };
  const lost = (rule: string, name: string | null) => {
    const facts = host('a', [app('web', { labels: { service: 'shop', role: 'web', destination: '', 'traefik.http.routers.shop.rule': rule } }), TRAEFIK, WIKI]);
    return predictedDifferences([{ question: question(name), before }], shop, 'a', leftBehind(facts, shop, sharedTraefik(facts, shop, true))).map((each) => each.name);
  };

  it('is what it was, for names of its own and for those of others', () => {
    expect(lost('Host(`shop.example`)', 'shop.example')).toEqual([]);
    expect(lost('Host(`shop.example`)', null)).toEqual([]);
  });

  it('is lost where only its own route answered', () => {
    expect(lost('PathPrefix(`/`)', null)).toEqual(['http by ip /up']);
    expect(lost('Host(`shop.example`) || Host(`old.example`)', 'old.example')).toEqual(['http old.example /up']);
  });
});
