import { describe, expect, it } from 'vitest';
import { routesOf, RuleUnsupported } from '../../../src/convert/traefik/rule.ts';
import { convertDeploy, deploy } from './project.ts';

describe('rules', () => {
  it.each([
    ['Host(`a.test`)', ['a.test'], []],
    ['Host(`a.test`) || Host(`b.test`)', ['a.test', 'b.test'], []],
    ['Host(`a.test`, "b.test")', ['a.test', 'b.test'], []],
    ['(Host(`a.test`) || Host(`b.test`)) && PathPrefix(`/api`)', ['a.test', 'b.test'], ['/api']],
    ['Host(`a.test`) && (PathPrefix(`/api`) || PathPrefix(`/oauth`))', ['a.test'], ['/api', '/oauth']],
    ['Host(`a.test`) && PathPrefix(`/`)', ['a.test'], []],
    ['PathPrefix(`/`)', [], []],
    ['Host(`a.test`) || PathPrefix(`/`)', [], []],
    ['Host(`a.test`) && PathPrefix(`/x`) || Host(`b.test`) && PathPrefix(`/x`)', ['a.test', 'b.test'], ['/x']],
  ])('%s', (rule, hosts, prefixes) => {
    expect(routesOf(rule)).toEqual({ hosts, prefixes });
  });

  it.each(['HostRegexp(`{any:.+}.a.test`)', '!Host(`a.test`)', 'Host(`a.test`) && Headers(`X`, `y`)', 'Host(`a.test`', 'Host(`a.test`) && PathPrefix(`/x`) || Host(`b.test`) && PathPrefix(`/y`)', 'Path(`/x`)', ''])(
    'refuses %s',
    (rule) => {
      expect(() => routesOf(rule)).toThrow(RuleUnsupported);
    },
  );
});

/** A role with Traefik's labels. */
function labelled(labels: Record<string, string>, more = ''): string {
  const lines = Object.entries(labels).map(([key, value]) => `      traefik.http.${key}: ${JSON.stringify(value)}`);
  return deploy(more, `servers:\n  web:\n    hosts: [ 10.1.0.1 ]\n    labels:\n${lines.join('\n')}`);
}

const RESOLVER = `traefik:
  args:
    entryPoints.web.address: ":80"
    entryPoints.websecure.address: ":443"
    certificatesResolvers.le.acme.email: ops@example.test
    certificatesResolvers.le.acme.httpChallenge.entryPoint: web
    certificatesResolvers.le.acme.storage: /letsencrypt/acme.json
  options: { publish: [ "443:443" ], volume: [ "/letsencrypt:/letsencrypt" ] }
`;

describe('labels', () => {
  it('makes hosts and certificates of a router, and drops what only Traefik read', async () => {
    const { said, lost, text } = await convertDeploy(labelled({ 'routers.app-web.rule': 'Host(`a.test`)', 'routers.app-web.entrypoints': 'websecure', 'routers.app-web.tls.certresolver': 'le' }, RESOLVER));
    expect(said['proxy']).toEqual({ host: 'a.test', ssl: true, app_port: 3000 });
    expect(said['servers']).toEqual({ web: { hosts: ['10.1.0.1'] } });
    expect(lost).toEqual([]);
    expect(text).not.toContain('traefik');
  });

  it('keeps plain HTTP where a router answers it, and sends it on where one does that', async () => {
    const tls = { 'routers.s.rule': 'Host(`a.test`)', 'routers.s.entrypoints': 'websecure', 'routers.s.tls.certresolver': 'le', 'routers.p.rule': 'Host(`a.test`)', 'routers.p.entrypoints': 'web' };
    expect((await convertDeploy(labelled(tls, RESOLVER))).said['proxy']).toEqual({ host: 'a.test', ssl: true, ssl_redirect: false, app_port: 3000 });
    const redirected = { ...tls, 'routers.p.middlewares': 'https@docker', 'middlewares.https.redirectscheme.scheme': 'https', 'middlewares.https.redirectscheme.permanent': 'true' };
    expect((await convertDeploy(labelled(redirected, RESOLVER))).said['proxy']).toEqual({ host: 'a.test', ssl: true, app_port: 3000 });
    const byEntryPoint = RESOLVER.replace('    certificates', '    entryPoints.web.http.redirections.entryPoint.to: websecure\n    entryPoints.web.http.redirections.entryPoint.scheme: https\n    certificates');
    const result = await convertDeploy(labelled(tls, byEntryPoint));
    expect(result.said['proxy']).toEqual({ host: 'a.test', ssl: true, app_port: 3000 });
    expect(result.lost).toEqual([]);
  });

  it('says that names which nobody listed are no longer answered', async () => {
    const { notes } = await convertDeploy(labelled({ 'routers.other.rule': 'Host(`a.test`)' }));
    expect(notes.join('\n')).toContain("Kamal 1's own router app-web answered for every other host name too");
  });

  it('understands prefixes, and whether they are taken off', async () => {
    const rule = { 'routers.app-web.rule': 'Host(`a.test`) && PathPrefix(`/api`)' };
    expect((await convertDeploy(labelled(rule))).said['proxy']).toMatchObject({ path_prefix: '/api', strip_path_prefix: false });
    const stripped = await convertDeploy(labelled({ ...rule, 'routers.app-web.middlewares': 'strip', 'middlewares.strip.stripprefix.prefixes': '/api' }));
    expect(stripped.said['proxy']).toEqual({ host: 'a.test', app_port: 3000, path_prefix: '/api' });
  });

  it('understands buffering, the port, chains and response time-outs', async () => {
    const { said, lost } = await convertDeploy(
      labelled(
        {
          'services.app-web.loadbalancer.server.port': '8080',
          'routers.app-web.middlewares': 'all@docker',
          'middlewares.all.chain.middlewares': 'limits,app-web-retry',
          'middlewares.limits.buffering.maxRequestBodyBytes': '2000000',
          'middlewares.limits.buffering.memRequestBodyBytes': '1000',
          'middlewares.app-web-retry.retry.attempts': '9',
        },
        'traefik: { args: { serversTransport.forwardingTimeouts.responseHeaderTimeout: 1m30s, entryPoints.http.forwardedHeaders.insecure: true } }\n',
      ),
    );
    expect(said['proxy']).toEqual({ app_port: 8080, forward_headers: true, response_timeout: 90, buffering: { max_request_body: 2000000, memory: 1000 } });
    expect(lost).toEqual([]);
  });

  it('lists what kamal-proxy lacks, each with its line', async () => {
    const { lost } = await convertDeploy(
      labelled(
        {
          'routers.app-web.rule': 'HostRegexp(`{any:.+}.a.test`)',
          'routers.app-web.middlewares': 'auth,slow@file',
          'middlewares.auth.basicauth.users': 'admin:$apr1$x',
          'services.app-web.loadbalancer.sticky.cookie': 'true',
        },
        'traefik:\n  args:\n    metrics.prometheus: true\n    providers.file.filename: /x.yml\n  options: { publish: [ "8082:8082" ] }\n  env: { clear: { CF: x } }\n',
      ),
    );
    expect(lost.map((line) => line.replace(/: .*?(basicauth|HostRegexp|slow|sticky|metrics|providers|8082|traefik\/env).*/, ' $1')).toSorted()).toEqual([
      'config/deploy.yml:10 sticky',
      'config/deploy.yml:14 metrics',
      'config/deploy.yml:15 providers',
      'config/deploy.yml:16 8082',
      'config/deploy.yml:17 traefik/env',
      'config/deploy.yml:7 HostRegexp',
      'config/deploy.yml:8 slow',
      'config/deploy.yml:9 basicauth',
    ]);
  });

  it('cannot take over certificates that are not Let\'s Encrypt\'s, or come by DNS', async () => {
    const own = await convertDeploy(labelled({ 'routers.app-web.rule': 'Host(`a.test`)', 'routers.app-web.tls': 'true' }));
    expect(own.said['proxy']).toEqual({ host: 'a.test', app_port: 3000 });
    expect(own.lost).toEqual([expect.stringContaining("its certificate isn't Let's Encrypt's")]);
    const dns = await convertDeploy(labelled({ 'routers.app-web.rule': 'Host(`a.test`)', 'routers.app-web.tls.certresolver': 'le' }, RESOLVER.replace('httpChallenge.entryPoint: web', 'dnsChallenge.provider: x')));
    expect(dns.lost).toEqual([expect.stringContaining('by a DNS record')]);
  });
});

describe('traefik:', () => {
  it('moves ports, publishing and Docker options to proxy/run', async () => {
    const { said } = await convertDeploy(deploy('traefik: { host_port: "8080", options: { publish: [ "8443:443" ], memory: 256m }, labels: { team: web } }\n'));
    expect(said['proxy']).toEqual({ app_port: 3000, run: { http_port: 8080, https_port: 8443, options: { memory: '256m', label: ['team=web'] } } });
    expect((await convertDeploy(deploy('traefik: { publish: false }\n'))).said['proxy']).toEqual({ app_port: 3000, run: { publish: false } });
  });

  it('gives roles that answer for different hosts a proxy each', async () => {
    const servers = `servers:
  web: { hosts: [ 10.1.0.1 ], labels: { traefik.http.routers.app-web.rule: "Host(\`a.test\`)" } }
  api: { hosts: [ 10.1.0.2 ], traefik: true, labels: { traefik.http.routers.app-api.rule: "Host(\`b.test\`)", keep: x } }
  jobs: { hosts: [ 10.1.0.3 ], traefik: false }`;
    const { said } = await convertDeploy(deploy('', servers));
    expect(said['proxy']).toEqual({ app_port: 3000 });
    expect(said['servers']).toEqual({
      web: { hosts: ['10.1.0.1'], proxy: { host: 'a.test' } },
      api: { hosts: ['10.1.0.2'], proxy: { host: 'b.test' }, labels: { keep: 'x' } },
      jobs: { hosts: ['10.1.0.3'], proxy: false },
    });
  });

  it('puts an accessory that Traefik led to behind kamal-proxy, and its network into its own key', async () => {
    const { said } = await convertDeploy(
      deploy('accessories:\n  ui:\n    image: ui:1\n    host: 10.1.0.1\n    port: "8081:80"\n    labels:\n      traefik.http.routers.ui.rule: Host(`ui.test`)\n    options:\n      network: private\n'),
    );
    expect(said['accessories']).toEqual({ ui: { image: 'ui:1', host: '10.1.0.1', port: '8081:80', network: 'private', proxy: { host: 'ui.test', app_port: 80 } } });
  });
});
