import { describe, expect, it } from 'vitest';
import { ErbTags, maskErb } from '../../../src/convert/yaml/mask.ts';
import { YamlText } from '../../../src/convert/yaml/text.ts';
import { toS } from '../../../src/kamal/ruby/value.ts';
import { convertDeploy, deploy } from './project.ts';

describe('ERB', () => {
  it('is hidden without moving anything, and comes back', () => {
    const source = '<% if ENV["A"] %>\na: "<%= ENV["B"] %>"\n<% end %>\nb: <%% literal\nc: Host(`<%= x %>`)\n';
    const tags = new ErbTags();
    const masked = maskErb(source, tags);
    expect(masked.text).toHaveLength(source.length);
    expect(masked.text.split('\n')[0]).toMatch(/^#/);
    expect(masked.text).not.toMatch(/<%[^%]/);
    expect(tags.reveal(toS(new YamlText(source, tags).value.get('c')))).toBe('Host(`<%= x %>`)');
  });

  it('stays what it is where a value moves', async () => {
    const servers = 'servers:\n  web:\n    hosts: [ "<%= ENV["WEB"] %>" ]\n    labels:\n      traefik.http.routers.app-web.rule: Host(`<%= ENV["DOMAIN"] %>`)';
    const { text } = await convertDeploy(deploy('healthcheck:\n  port: <%= ENV["PORT"] %>\n', servers));
    expect(text).toContain('  host: "<%= ENV["DOMAIN"] %>"\n');
    expect(text).toContain('  app_port: <%= ENV["PORT"] %>\n');
    expect(text).toContain('hosts: [ "<%= ENV["WEB"] %>" ]');
  });
});

describe('edits', () => {
  it('leave order, quotes, blanks and comments alone, those of what is taken away too', async () => {
    const source = `# the shop
service: 'app'   # as on the servers
image: "acme/app"

servers:
    web:
        hosts:
            - 10.1.0.1   # left
        traefik: true  # why not
    jobs:
        hosts: [10.1.0.2]
        healthcheck:
            port: 7000 # of the jobs

# how long
stop_wait_time: 60   # uploads

# the proxy
traefik:
    # where it listens
    host_port: 8080 # not 80
registry: {username: bot, password: [PW]}
`;
    const { text } = await convertDeploy(source);
    expect(text).toBe(`# the shop
service: 'app'   # as on the servers
image: "acme/app"

servers:
    web:
        hosts:
            - 10.1.0.1   # left
        proxy: true  # why not
    jobs:
        hosts: [10.1.0.2]
        # of the jobs
        options:
            health-cmd: "curl -f http://localhost:7000/up || exit 1"
            health-interval: 1s

# how long
drain_timeout: 60   # uploads

# the proxy
# where it listens
# not 80
proxy:
    app_port: 3000
    run:
        http_port: 8080
registry: {username: bot, password: [PW]}
builder:
    arch: amd64
`);
  });

  it('keep the file\'s ends of lines', async () => {
    const { text } = await convertDeploy(deploy('stop_wait_time: 5\n').replaceAll('\n', '\r\n'));
    expect(text.replaceAll('\r\n', '')).not.toContain('\n');
    expect(text).toContain('drain_timeout: 5\r\n');
  });

  it('work within { } as well, and in a file without an end of line', async () => {
    const { text } = await convertDeploy('service: app\nimage: acme/app\nservers: { web: { hosts: [ 10.1.0.1 ], healthcheck: { path: /x } } }\nbuilder: { multiarch: false, args: { A: 1 } }\nregistry: { username: bot, password: [ PW ] }');
    expect(text).toContain('servers: { web: { hosts: [ 10.1.0.1 ], proxy: { healthcheck: { path: /x } } } }\n');
    expect(text).toContain('builder: { arch: amd64, args: { A: 1 } }\n');
    expect(text.endsWith('\nproxy:\n  app_port: 3000\n')).toBe(true);
  });

  it('say what an alias brings in, which can\'t be edited where it is used', async () => {
    const servers = 'x-web: &web\n  traefik: true\n  healthcheck: { path: /x }\nservers:\n  web:\n    hosts: [ 10.1.0.1 ]\n    <<: *web';
    const { lost } = await convertDeploy(deploy('', servers));
    expect(lost).toEqual(['config/deploy.yml:7: servers/web/traefik: an alias brings it in', 'config/deploy.yml:7: servers/web/healthcheck: an alias brings it in']);
  });
});
