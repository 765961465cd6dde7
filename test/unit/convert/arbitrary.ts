import * as fc from 'fast-check';

/** A value of a configuration; `Raw` is written as it stands. */
export type Plain = string | number | boolean | Raw | Plain[] | { [key: string]: Plain };

/** Text that stands in the file without quotes: ERB where a number is wanted. */
export class Raw {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const name = fc.constantFrom('web', 'jobs', 'api', 'cron');
const host = fc.integer({ min: 1, max: 9 }).map((n) => `10.1.0.${n}`);
const domain = fc.constantFrom('a.test', 'www.a.test', 'b.test', '<%= ENV["DOMAIN"] %>');
const path = fc.constantFrom('/up', '/health', '/api/x');
const duration = fc.constantFrom('1s', '5s', '500ms', '1m30s');
const port = fc.oneof(fc.constantFrom<Plain>(3000, '4000', 8080), fc.constant(new Raw('<%= ENV["APP_PORT"] %>')));

function some<T extends Record<string, fc.Arbitrary<Plain>>>(fields: T, requiredKeys: (keyof T & string)[] = []): fc.Arbitrary<{ [key: string]: Plain }> {
  return fc.record(fields, { requiredKeys }) as fc.Arbitrary<{ [key: string]: Plain }>;
}

const healthcheck = some({
  path, port, interval: duration, max_attempts: fc.integer({ min: 1, max: 30 }), cmd: fc.constantFrom('bin/alive', 'curl -f http://localhost:5000/x || exit 1'), cord: fc.constantFrom<Plain>('/cord', false), log_lines: fc.constant(10),
});

const rule = fc.array(domain, { minLength: 1, maxLength: 3 }).chain((hosts) =>
  fc.constantFrom(
    hosts.map((each) => `Host(\`${each}\`)`).join(' || '),
    `(${hosts.map((each) => `Host(\`${each}\`)`).join(' || ')}) && PathPrefix(\`/api\`)`,
    `Host(${hosts.map((each) => `\`${each}\``).join(', ')})`,
    'HostRegexp(`{x:.+}.a.test`)',
    'PathPrefix(`/`)',
  ),
);

function labelsOf(router: string): fc.Arbitrary<{ [key: string]: Plain }> {
  const http = 'traefik.http';
  return some({
    owner: fc.constant('a & b'),
    [`${http}.routers.${router}.rule`]: rule,
    [`${http}.routers.${router}.entrypoints`]: fc.constantFrom('web', 'websecure', 'web,websecure'),
    [`${http}.routers.${router}.tls.certresolver`]: fc.constant('le'),
    [`${http}.routers.${router}.tls`]: fc.constant(true),
    [`${http}.routers.${router}.middlewares`]: fc.constantFrom('m@docker', 'm,r', 'x@file'),
    [`${http}.middlewares.m.redirectscheme.scheme`]: fc.constant('https'),
    [`${http}.middlewares.r.buffering.maxRequestBodyBytes`]: fc.constantFrom<Plain>(1000, 'much'),
    [`${http}.middlewares.r.basicauth.users`]: fc.constant('a:b'),
    [`${http}.services.${router}.loadbalancer.server.port`]: fc.constantFrom<Plain>(8080, '9000'),
    'traefik.enable': fc.constant(true),
  });
}

const hosts = fc.uniqueArray(host, { minLength: 1, maxLength: 3 }) as fc.Arbitrary<Plain>;
const env = fc.oneof(
  some({ clear: fc.constant({ A: 'x y', B: 1 }), secret: fc.constantFrom<Plain>(['KEY'], ['KEY', 'OTHER']) }),
  fc.constant({ A: 'plain' }),
) as fc.Arbitrary<Plain>;

const role = (each: string): fc.Arbitrary<Plain> =>
  fc.oneof(
    hosts,
    some(
      {
        hosts, traefik: fc.boolean(), cmd: fc.constant('bin/run'), healthcheck, labels: labelsOf(`app-${each}`), env, logging: fc.constant({ driver: 'local' }),
        options: some({ memory: fc.constant('1g'), 'add-host': fc.constant('h:1.2.3.4'), network: fc.constant('private') }),
      },
      ['hosts'],
    ),
  );

const servers = fc.oneof(
  { weight: 1, arbitrary: hosts },
  { weight: 3, arbitrary: fc.uniqueArray(name, { maxLength: 3 }).chain((names) => some(Object.fromEntries([...new Set(['web', ...names])].map((each) => [each, role(each)])), ['web', ...names])) },
);

const traefik = some({
  image: fc.constantFrom('traefik:v2.9', 'mirror.test/traefik:v2'),
  host_port: fc.constantFrom<Plain>(80, '8080', 8000),
  publish: fc.boolean(),
  labels: fc.constantFrom<Plain>({ team: 'x' }, { 'traefik.http.routers.dashboard.rule': 'Host(`t.test`)' }),
  args: some({
    'entryPoints.web.address': fc.constant(':80'),
    'entryPoints.websecure.address': fc.constant(':443'),
    'entryPoints.web.http.redirections.entryPoint.to': fc.constant('websecure'),
    'entryPoints.web.forwardedHeaders.insecure': fc.constant(true),
    'certificatesResolvers.le.acme.email': fc.constant('<%= ENV["MAIL"] %>'),
    'certificatesResolvers.le.acme.dnsChallenge.provider': fc.constant('x'),
    accesslog: fc.boolean(),
    'metrics.prometheus': fc.constant(true),
  }),
  options: some({ publish: fc.constantFrom<Plain>(['443:443'], ['8443:443', '8082:8082'], '443:443'), volume: fc.constant(['/letsencrypt:/letsencrypt']), memory: fc.constant('256m') }),
  env: fc.constant({ secret: ['KEY'] }),
});

const builder = some({
  multiarch: fc.boolean(), local: some({ arch: fc.constantFrom('amd64', 'arm64'), host: fc.constant('unix:///var/run/docker.sock') }), args: fc.constant({ A: 1 }), secrets: fc.constant(['KEY']),
  remote: some({ arch: fc.constantFrom('amd64', 'arm64'), host: fc.constant('ssh://b@10.1.0.50') }, ['host']), context: fc.constant('.'), cache: fc.constant({ type: 'gha' }),
});

const accessories = some({
  db: some(
    { image: fc.constant('db:1'), host, port: fc.constantFrom<Plain>(3306, '127.0.0.1:81:80'), env, labels: labelsOf('db'), options: some({ network: fc.constant('private'), cpus: fc.constant(1) }), directories: fc.constant(['data:/data']) },
    ['image', 'host'],
  ),
});

const sections: Record<string, fc.Arbitrary<Plain>> = {
  servers, env, traefik, healthcheck, builder, accessories, labels: labelsOf('app-web'), stop_wait_time: fc.integer({ min: 1, max: 99 }), run_directory: fc.constantFrom('/srv/kamal', 'state'), asset_path: fc.constant('/assets'),
  retain_containers: fc.constant(3), readiness_delay: fc.constant(2), boot: fc.constant({ limit: '50%', wait: 1 }), ssh: fc.constant({ user: 'app', port: 22 }), volumes: fc.constant<Plain>(['a:/b']), logging: fc.constant({ options: { tag: 'x y' } }),
};

/** A configuration that Kamal 1.9 takes, its sections in any order. */
export const configuration: fc.Arbitrary<{ [key: string]: Plain }> = fc
  .tuple(some(sections, ['servers']), fc.shuffledSubarray(Object.keys(sections), { minLength: Object.keys(sections).length }))
  .map(([chosen, order]) => ({ service: 'app', image: 'acme/app', ...Object.fromEntries(order.filter((key) => key in chosen).map((key) => [key, chosen[key] as Plain])), registry: { username: 'bot', password: ['PW'] } }));

/** What a destination may say. */
export const destination: fc.Arbitrary<{ [key: string]: Plain }> = some({
  servers: some({ web: some({ hosts, labels: labelsOf('app-web-live'), traefik: fc.boolean(), healthcheck }) }),
  traefik, healthcheck, builder, stop_wait_time: fc.constant(7), env,
});

/** How a file is written: how far levels are indented, what is written in braces, where comments stand. */
export const style = fc.record({ step: fc.constantFrom(2, 4), choices: fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })) });

export interface Style {
  readonly step: number;
  readonly choices: Iterator<number>;
}

/** A configuration as the text of a file. Each comment in it is another one. */
export function written(config: { [key: string]: Plain }, { step, choices }: Style): string {
  let comments = 0;
  const chance = (share: number) => (choices.next().value ?? 1) < share;
  const comment = () => `# comment ${++comments}.`;
  const lines: string[] = [];
  const block = (hash: { [key: string]: Plain }, indent: string) => {
    for (const [key, value] of Object.entries(hash)) {
      if (chance(0.1)) lines.push(`${indent}${comment()}`);
      if (chance(0.05)) lines.push('');
      const inner = indent + ' '.repeat(step);
      const end = chance(0.1) ? `  ${comment()}` : '';
      if (isHash(value) && Object.keys(value).length > 0 && chance(0.7)) {
        lines.push(`${indent}${scalar(key)}:${end}`);
        block(value, inner);
      } else if (Array.isArray(value) && value.length > 0 && chance(0.5)) {
        lines.push(`${indent}${scalar(key)}:${end}`);
        for (const item of value) lines.push(`${chance(0.5) ? inner : indent}- ${flow(item)}`.replace(/^( *)- /, `${inner}- `));
      } else lines.push(`${indent}${scalar(key)}: ${flow(value)}${end}`);
    }
  };
  block(config, '');
  return `${lines.join('\n')}\n`;
}

function flow(value: Plain): string {
  if (Array.isArray(value)) return `[ ${value.map(flow).join(', ')} ]`;
  if (isHash(value)) return Object.keys(value).length === 0 ? '{}' : `{ ${Object.entries(value).map(([key, item]) => `${scalar(key)}: ${flow(item)}`).join(', ')} }`;
  return scalar(value);
}

function scalar(value: string | number | boolean | Raw): string {
  if (value instanceof Raw) return value.text;
  if (typeof value !== 'string') return String(value);
  return /^[A-Za-z][A-Za-z0-9_.-]*$/.test(value) ? value : `"${value}"`;
}

function isHash(value: Plain): value is { [key: string]: Plain } {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Raw);
}
