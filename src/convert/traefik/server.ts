import { isHash, toS, type Hash, type Value } from '../../kamal/ruby/value.ts';
import type { Place, Report } from '../report.ts';
import { isErb } from '../yaml/mask.ts';
import { entryPointsOf } from './entry-points.ts';
import { seconds, type Settings } from './settings.ts';

/** Where Kamal 1's `traefik:` stands, key by key. */
export interface Server {
  readonly traefik: Hash;
  readonly args: Settings;
  readonly placeOf: (path: readonly string[]) => Place;
}

/** What is known of Traefik's arguments that nothing takes the place of. `null`: nothing is lost with it. */
const ARGS: readonly [pattern: RegExp, todo: string | null][] = [
  [/^(log\.|accesslog)/, null],
  [/^providers\.docker/, null],
  [/^(global|pilot)\./, null],
  [/^entrypoints\.[^.]+\.(transport|http2|http3|proxyprotocol)/, 'kamal-proxy has no such setting'],
  [/^metrics/, 'for Prometheus give proxy/run/metrics_port a number'],
  [/^ping/, 'kamal-proxy answers no ping: let what asks for it ask the app\'s health path instead'],
  [/^api/, 'kamal-proxy has no dashboard: see `kamal proxy details` and `kamal proxy logs`'],
  [/^tracing/, 'kamal-proxy has no tracing: let the app trace'],
  [/^providers\.file/, 'see what the file says: hosts, certificates and middlewares in it are to be put into proxy: by hand'],
  [/^serverstransport/, 'kamal-proxy speaks plain HTTP to the app'],
  [/^certificatesresolvers\..*\.caserver$/, 'kamal-proxy asks Let\'s Encrypt itself'],
];

/**
 * The settings of `traefik:` that hold for the proxy as a whole: ports, publishing, Docker options (`run`), and the
 * time-out for responses. The rest goes to the report. Kamal 1.9: `Configuration::Traefik`.
 */
export function serverSettings(server: Server, report: Report): Hash {
  const proxy: Hash = new Map();
  entryPointsOf(server.args);
  const run = runOf(server, report);
  addTimeout(proxy, server.args, report);
  if (run.size > 0) proxy.set('run', run);
  for (const { key, place } of server.args.leftOver()) {
    const known = ARGS.find(([pattern]) => pattern.test(key.toLowerCase()));
    if (known?.[1] === null) report.note(place, `traefik/args/${key}`, 'nothing: kamal-proxy writes each request to its log (`kamal proxy logs`)');
    else report.lost(place, `traefik/args/${key}`, known?.[1] ?? 'kamal-proxy has nothing like it: see the reference of proxy: whether something comes near');
  }
  return proxy;
}

function addTimeout(proxy: Hash, args: Settings, report: Report): void {
  const setting = args.use('serversTransport.forwardingTimeouts.responseHeaderTimeout');
  if (!setting) return;
  const value = isErb(setting.value) ? setting.value : seconds(setting.value);
  if (typeof value === 'string') proxy.set('response_timeout', value);
  else if (value !== null && value > 0) proxy.set('response_timeout', Math.ceil(value));
  else report.lost(setting.place, `traefik/args/${setting.key}: ${setting.value}`, 'give proxy/response_timeout a number of seconds');
}

function runOf({ traefik, placeOf }: Server, report: Report): Hash {
  const run: Hash = new Map();
  const published = traefik.get('publish') !== false;
  // Said either way, it may be there to overrule the base's.
  if (traefik.has('publish')) run.set('publish', published);
  const port = traefik.get('host_port');
  if (published && port !== undefined && port !== null && toS(port) !== '80') run.set('http_port', portNumber(port));
  const image = traefik.get('image');
  if (image !== undefined && !/^(docker\.io\/)?(library\/)?traefik(:|$)/.test(toS(image))) {
    report.note(placeOf(['traefik', 'image']), `traefik/image: ${toS(image)}`, 'if hosts can\'t reach Docker Hub, give kamal-proxy\'s image another place: proxy/run/registry and repository');
  }
  const options: Hash = new Map();
  addOptions(run, options, { traefik, placeOf, published }, report);
  const labels = traefik.get('labels');
  const own: Value[] = [];
  if (isHash(labels)) {
    for (const [name, value] of labels) {
      const key = toS(name);
      if (!/^traefik\./i.test(key)) own.push(`${key}=${toS(value)}`);
      else if (!/^traefik\.(http\.(routers\.catchall|services\.unavailable)\.|enable$)/i.test(key)) {
        report.lost(placeOf(['traefik', 'labels', key]), `traefik/labels/${key}`, 'kamal-proxy has no routers of its own: neither dashboard nor middlewares for all');
      }
    }
  }
  if (own.length > 0) options.set('label', own);
  const env = traefik.get('env');
  if (isHash(env) && env.size > 0) {
    report.lost(placeOf(['traefik', 'env']), 'traefik/env: kamal-proxy takes no environment', 'nothing, unless a provider of certificates needed it: see there');
  }
  if (options.size > 0) run.set('options', options);
  return run;
}

function addOptions(run: Hash, options: Hash, { traefik, placeOf, published }: Pick<Server, 'traefik' | 'placeOf'> & { published: boolean }, report: Report): void {
  const given = traefik.get('options');
  if (!isHash(given)) return;
  for (const [name, value] of given) {
    const key = toS(name);
    const place = placeOf(['traefik', 'options', key]);
    const values = (Array.isArray(value) ? value : [value]).map(toS);
    if (key === 'publish' || key === 'p') for (const each of values) publish(each, run, published, place, report);
    else if (key === 'volume' || key === 'v' || key === 'mount') {
      for (const each of values) if (!/acme|letsencrypt|le\b|certs?\b|docker\.sock/i.test(each)) report.lost(place, `traefik/options/${key}: ${each}`, 'kamal-proxy keeps its state in a volume of its own (kamal-proxy-config); if the file is needed, mount it with proxy/run/options/volume');
    } else if (key === 'network' || key === 'net') report.note(place, `traefik/options/${key}: ${values.join(', ')}`, 'kamal-proxy runs in the network kamal; what it is to reach has to be there too');
    else if (key === 'env' || key === 'e' || key === 'env-file') report.lost(place, `traefik/options/${key}`, 'kamal-proxy takes no environment');
    else options.set(key, value);
  }
}

/** Docker's `[[ip:]port:]container port`. */
function publish(text: string, run: Hash, published: boolean, place: Place, report: Report): void {
  const [, ip, host, container] = /^(?:(.+):)?(\d+):(\d+)(?:\/tcp)?$/.exec(text) ?? [];
  const known = ip === undefined && published;
  if (known && container === '443') {
    if (host !== '443') run.set('https_port', Number(host));
  } else if (!(known && container === '80' && host === toS(run.get('http_port') ?? 80))) {
    report.lost(place, `traefik/options/publish: ${text}`, 'kamal-proxy publishes one HTTP and one HTTPS port: proxy/run/http_port, https_port, and bind_ips for their addresses');
  }
}

function portNumber(value: Value): Value {
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
}
