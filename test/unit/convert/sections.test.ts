import { describe, expect, it } from 'vitest';
import { convertDeploy, convertFiles, after, deploy, said } from './project.ts';

describe('healthcheck:', () => {
  it.each([
    ['healthcheck: { path: /health, port: "4000", interval: 5s, max_attempts: 12 }', { app_port: 4000, healthcheck: { path: '/health', interval: 5 } }, 60],
    ['healthcheck: { max_attempts: 20 }', { app_port: 3000 }, 210],
    ['healthcheck: { max_attempts: 3 }', { app_port: 3000 }, undefined],
    ['healthcheck: { interval: 500ms }', { app_port: 3000, healthcheck: { interval: 1 } }, undefined],
    ['healthcheck: { cmd: "curl -f http://localhost:8080/alive || exit 1" }', { app_port: 8080, healthcheck: { path: '/alive' } }, undefined],
    ['healthcheck: { cord: false, log_lines: 9 }', { app_port: 3000 }, undefined],
  ])('%s', async (section, proxy, timeout) => {
    const { said: is, lost } = await convertDeploy(deploy(`${section}\n`));
    expect(is['proxy']).toEqual(proxy);
    expect(is['deploy_timeout']).toBe(timeout);
    expect(is).not.toHaveProperty('healthcheck');
    expect(lost).toEqual([]);
  });

  it('can\'t run a command in the container for the proxy', async () => {
    expect((await convertDeploy(deploy('healthcheck: { cmd: bin/alive }\n'))).lost).toEqual(['config/deploy.yml:5: healthcheck/cmd: a command in the container']);
  });

  it('is Docker\'s for roles without the proxy, beside the options they have', async () => {
    const { said: is } = await convertDeploy(deploy('', 'servers:\n  web: [ 10.1.0.1 ]\n  jobs:\n    hosts: [ 10.1.0.2 ]\n    options: { memory: 1g }\n    healthcheck: { path: /jobs, interval: 3s }'));
    expect(is['servers']).toEqual({
      web: ['10.1.0.1'],
      jobs: { hosts: ['10.1.0.2'], options: { memory: '1g', 'health-cmd': 'curl -f http://localhost:3000/jobs || exit 1', 'health-interval': '3s' } },
    });
  });
});

describe('builder:', () => {
  it.each([
    ['', { arch: 'amd64' }],
    ['builder: { multiarch: false }', { arch: 'amd64' }],
    ['builder: { local: { arch: arm64 } }', { arch: 'arm64' }],
    ['builder: { remote: { arch: arm64, host: "ssh://b" } }', { arch: 'arm64', remote: 'ssh://b', local: false }],
    ['builder:\n  local:\n    arch: amd64\n    host: unix:///var/run/docker.sock\n  remote:\n    arch: arm64\n    host: ssh://b\n  args: { A: 1 }', { arch: ['amd64', 'arm64'], remote: 'ssh://b', args: { A: 1 } }],
    ['builder:\n  args:\n    A: 1\n  secrets: [ PW ]', { arch: 'amd64', args: { A: 1 }, secrets: ['PW'] }],
  ])('%s', async (section, builder) => {
    expect((await convertDeploy(deploy(`${section}\n`))).said['builder']).toEqual(builder);
  });
});

describe('destinations', () => {
  const files = {
    'config/deploy.yml': deploy('healthcheck: { path: /up, port: 4000 }\n', 'servers:\n  web:\n    hosts: [ 10.1.0.1 ]\n    labels: { traefik.http.routers.app-web.rule: "Host(`a.test`)" }'),
    'config/deploy.staging.yml': 'servers:\n  web:\n    hosts: [ 10.1.0.2 ]\n    labels: { traefik.http.routers.app-web.rule: "Host(`staging.a.test`)" }\ntraefik: { host_port: 8000 }\n',
    'config/deploy.live.yml': 'healthcheck: { path: /live }\n',
    '.env': 'PW=x\n',
  };

  it('get what differs from the base', async () => {
    const converted = after(files, await convertFiles(files));
    expect(said(converted['config/deploy.yml'] ?? '')['proxy']).toEqual({ host: 'a.test', app_port: 4000, healthcheck: { path: '/up' } });
    expect(said(converted['config/deploy.staging.yml'] ?? '')).toEqual({ servers: { web: { hosts: ['10.1.0.2'] } }, proxy: { host: 'staging.a.test', run: { http_port: 8000 } } });
    expect(said(converted['config/deploy.live.yml'] ?? '')).toEqual({ proxy: { healthcheck: { path: '/live' } } });
    expect(converted['.kamal/secrets-common']).toBe('PW=x\n');
  });

  it('are converted one by one, too: the others are named, and come out the same', async () => {
    const all = after(files, await convertFiles(files));
    const first = await convertFiles(files, { destination: 'staging' });
    expect(first.remainders.map(({ what }) => what)).toContain('the destination live is left as it is');
    const second = after(after(files, first), await convertFiles(after(files, first), { destination: 'live' }));
    expect(second).toEqual(all);
  });

  it('can\'t take away what the base has', async () => {
    const { remainders } = await convertFiles({ ...files, 'config/deploy.live.yml': 'servers: { web: { traefik: false } }\n' });
    expect(remainders.filter(({ weight }) => weight === 'lost').map(({ file, what }) => `${file}: ${what}`)).toEqual([
      "config/deploy.yml: servers/web/labels: Traefik sent requests to this role though Kamal didn't ask for it",
      "config/deploy.live.yml: proxy of config/deploy.yml isn't meant for live",
    ]);
  });
});

describe('the rest', () => {
  it('renames time-outs, drops run_directory, leaves what means the same', async () => {
    const same = 'asset_path: /assets\nhooks_path: hooks\nretain_containers: 3\nreadiness_delay: 2\nboot: { limit: 2 }\nssh: { user: app }\nsshkit: { max_concurrent_starts: 3 }\nlogging: { driver: local }\nvolumes: [ "a:/b" ]\nenv: { tags: { eu: { R: eu } } }\n';
    const { text, said: is, lost } = await convertDeploy(deploy(`stop_wait_time: 60\nrun_directory: /srv/kamal\n${same}`));
    expect(is['drain_timeout']).toBe(60);
    expect(text).not.toMatch(/stop_wait_time|run_directory/);
    expect(text).toContain(same);
    expect(lost).toEqual([]);
  });

  it('changes nothing in a Kamal 2 project', async () => {
    const files = { 'config/deploy.yml': deploy('builder: { arch: arm64 }\nproxy: { host: a.test, ssl: true }\n'), '.env': 'RAILS_ENV=x\n', '.kamal/secrets': 'PW=$PW\n' };
    expect(await convertFiles(files)).toMatchObject({ files: [], renames: [], changes: [] });
  });
});

describe('TLS', () => {
  const tls = (hosts: string) => `servers:\n  web:\n    hosts: ${hosts}\n    labels: { traefik.http.routers.app-web.rule: "Host(\`a.test\`)", traefik.http.routers.app-web.tls.certresolver: le }`;

  it('of Let\'s Encrypt on several servers is what Kamal 2 refuses', async () => {
    const { said: is, lost } = await convertDeploy(deploy('', tls('[ 10.1.0.1, 10.1.0.2 ]')));
    expect(is['proxy']).toEqual({ host: 'a.test', app_port: 3000 });
    expect(lost).toEqual(["config/deploy.yml:4: servers/web: Let's Encrypt certificates on 2 servers"]);
  });

  it('is taken back by a destination with more servers', async () => {
    const files = { 'config/deploy.yml': deploy('', tls('[ 10.1.0.1 ]')), 'config/deploy.live.yml': 'servers: { web: { hosts: [ 10.1.0.1, 10.1.0.2 ] } }\n', '.env': 'PW=x\n' };
    const converted = after(files, await convertFiles(files));
    expect(said(converted['config/deploy.yml'] ?? '')['proxy']).toMatchObject({ ssl: true });
    expect(said(converted['config/deploy.live.yml'] ?? '')['proxy']).toEqual({ ssl: false });
  });

  it('keeps the hosts of a role that is a mere list when it needs settings', async () => {
    const servers = 'servers:\n  web:\n    - 10.1.0.1 # the first\n    - 10.1.0.2\n  api: { hosts: [ 10.1.0.3 ], traefik: true, labels: { traefik.http.routers.app-web.rule: "Host(`b.test`)" } }';
    const { text, said: is } = await convertDeploy(deploy('labels: { traefik.http.routers.app-web.rule: "Host(`a.test`)" }\n', servers));
    expect(is['servers']).toEqual({ web: { hosts: ['10.1.0.1', '10.1.0.2'], proxy: { host: 'a.test' } }, api: { hosts: ['10.1.0.3'], proxy: { host: 'b.test' } } });
    expect(text).toContain('  web:\n    hosts:\n      - 10.1.0.1 # the first\n      - 10.1.0.2\n    proxy:\n      host: a.test\n');
  });
});

describe('Docker networks', () => {
  it('that roles and accessories share are left for Kamal 2\'s; others are named', async () => {
    const servers = 'servers:\n  web: { hosts: [ 10.1.0.1 ], options: { network: private } }\n  jobs: { hosts: [ 10.1.0.1 ], options: { network: other, memory: 1g } }';
    const { said: is, lost } = await convertDeploy(deploy('accessories:\n  db: { image: "db:1", host: 10.1.0.1, options: { network: private, cpus: 1 } }\n', servers));
    expect(is['servers']).toEqual({ web: { hosts: ['10.1.0.1'] }, jobs: { hosts: ['10.1.0.1'], options: { network: 'other', memory: '1g' } } });
    expect(is['accessories']).toEqual({ db: { image: 'db:1', host: '10.1.0.1', options: { cpus: 1 } } });
    expect(lost).toEqual(['config/deploy.yml:5: servers/jobs/options/network: other']);
  });
});

describe('host names', () => {
  const labelled = (rule: string, host: string) => `{ hosts: [ ${host} ], labels: { traefik.http.routers.app.rule: "${rule}", traefik.http.routers.app.tls.certresolver: le }, traefik: true }`;

  it('of one role have certificates; of two roles Kamal 2 refuses them', async () => {
    const servers = `servers:\n  web: ${labelled('Host(`a.test`)', '10.1.0.1')}\n  api: ${labelled('Host(`a.test`)', '10.1.0.2')}`;
    const { said: is, lost } = await convertDeploy(deploy('', servers));
    expect(is['proxy']).toEqual({ host: 'a.test', app_port: 3000 });
    expect(lost).toEqual(['web', 'api'].map((role, index) => `config/deploy.yml:${index + 4}: servers/${role}: Let's Encrypt certificates for a host name of another role too`));
  });

  it('are a list everywhere when a destination has several', async () => {
    const files = {
      'config/deploy.yml': deploy('', 'servers:\n  web: { hosts: [ 10.1.0.1 ], labels: { traefik.http.routers.app.rule: "Host(`a.test`)" } }'),
      'config/deploy.live.yml': 'servers:\n  web: { labels: { traefik.http.routers.app.rule: "Host(`b.test`, `c.test`)" } }\n',
      '.env': 'PW=x\n',
    };
    const conversion = await convertFiles(files);
    const converted = after(files, conversion);
    expect(said(converted['config/deploy.yml'] ?? '')['proxy']).toEqual({ hosts: ['a.test'], app_port: 3000 });
    expect(said(converted['config/deploy.live.yml'] ?? '')['proxy']).toEqual({ hosts: ['b.test', 'c.test'] });
    expect(conversion.remainders.filter(({ weight }) => weight === 'lost')).toEqual([]);
  });
});
