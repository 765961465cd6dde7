import type { Hash } from '../../kamal/ruby/value.ts';
import type { Place, Report } from '../report.ts';
import { isErb } from '../yaml/mask.ts';
import { entryPointsOf, type EntryPoint, type EntryPoints } from './entry-points.ts';
import { middlewaresOf } from './middlewares.ts';
import { routesOf, RuleUnsupported, type Routes } from './rule.ts';
import { isOn, seconds, type Setting, type Settings } from './settings.ts';

interface Router {
  readonly name: string;
  readonly at: Setting;
  readonly routes: Routes;
  readonly tls: boolean;
  readonly resolver: string | null;
  /** Reached by plain HTTP, and not sent on. */
  readonly plain: boolean;
  readonly redirects: boolean;
  readonly strips: readonly string[];
}

/** What one container's labels say, and Traefik's arguments for all of them. */
export interface Labels {
  /** Labels that begin with `traefik.`. */
  readonly labels: Settings;
  readonly args: Settings;
  /** Name of the router and service that Kamal 1 makes itself: `app-web-staging`. */
  readonly own: string;
}

/**
 * The routers and the service of a container as settings of kamal-proxy (`hosts`, `ssl`, `ssl_redirect`,
 * `path_prefixes`, `buffering` …). What kamal-proxy lacks goes to the report.
 */
export function proxyOf({ labels, args, own }: Labels, report: Report): Hash {
  const points = entryPointsOf(args);
  const proxy: Hash = new Map();
  for (const name of ['traefik.enable', 'traefik.docker.network']) labels.use(name);
  const names = labels.names(/^traefik\.http\.routers\.([^.]+)\./);
  const routers = names.flatMap((name) => routerOf(name, labels, points, report) ?? []);
  if (routers.length > 0) {
    addHosts(proxy, routers, names.includes(own.toLowerCase()) ? null : own, report);
    addTls(proxy, routers, points, report);
    addPaths(proxy, routers, report);
    for (const [key, value] of bufferingOf(routers, labels, report)) proxy.set(key, value);
  }
  addService(proxy, labels, report);
  leftOver(labels, report);
  return proxy;
}

function routerOf(name: string, labels: Settings, points: EntryPoints, report: Report): Router | null {
  const prefix = `traefik.http.routers.${name}`;
  const given = labels.take(new RegExp(`^${prefix.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\.(rule|entrypoints|tls|tls\\.certresolver|tls\\.domains.*|middlewares|service|priority)$`));
  const of = (key: string) => given.find((setting) => setting.key.toLowerCase() === `${prefix}.${key}`);
  const at = of('rule') ?? given[0];
  if (!at) return null;
  const entries = entryPointsNamed(of('entrypoints')?.value, points);
  const middlewares = middlewaresOf(list(of('middlewares')?.value), labels, report, of('middlewares') ?? at);
  const resolver = of('tls.certresolver')?.value ?? entries.find((entry) => entry.tls)?.resolver ?? null;
  const tls = resolver !== null || isOn(of('tls')?.value) || (entries.length > 0 && entries.every((entry) => entry.tls));
  const priority = of('priority');
  if (priority && !['1', '2'].includes(priority.value)) report.note(priority.place, `${priority.key}: kamal-proxy has no priorities`, 'nothing: it takes the longest path prefix of the host named most exactly');
  return {
    name,
    at,
    routes: routesFor(of('rule'), report),
    tls,
    resolver,
    plain: !tls && !middlewares.redirects && !entries.every((entry) => entry.redirects),
    redirects: middlewares.redirects || entries.some((entry) => entry.redirects),
    strips: middlewares.strips,
  };
}

function entryPointsNamed(names: string | undefined, points: EntryPoints): EntryPoint[] {
  const wanted = list(names).map((name) => name.toLowerCase());
  const found = points.all.filter((entry) => wanted.includes(entry.name));
  return wanted.length > 0 && found.length === 0 ? [{ name: wanted[0] ?? '', port: null, redirects: false, tls: false, resolver: null }] : wanted.length === 0 ? points.all.slice() : found;
}

function routesFor(rule: Setting | undefined, report: Report): Routes {
  if (!rule) return { hosts: [], prefixes: [] };
  try {
    return isErb(rule.value) ? unknown(rule, report) : routesOf(rule.value);
  } catch (error) {
    if (!(error instanceof RuleUnsupported)) throw error;
    const wildcard = /HostRegexp/i.test(rule.value) ? '; for all names below a domain that is "*.example.com", without certificates of its own' : '';
    report.lost(rule.place, `the rule of ${rule.key}: kamal-proxy has nothing like ${error.message}`, `name the hosts in proxy/hosts and path prefixes in proxy/path_prefixes${wildcard}; let the app tell the rest apart`);
    return { hosts: [], prefixes: [] };
  }
}

function unknown(rule: Setting, report: Report): Routes {
  report.lost(rule.place, `the rule of ${rule.key}, which ERB makes as a whole`, 'name the hosts in proxy/hosts');
  return { hosts: [], prefixes: [] };
}

function addHosts(proxy: Hash, routers: readonly Router[], ownRouter: string | null, report: Report): void {
  const named = routers.filter(({ routes }) => routes.hosts.length > 0);
  const hosts = [...new Set(named.flatMap(({ routes }) => routes.hosts))];
  const open = routers.find(({ routes, tls }) => routes.hosts.length === 0 && !tls && named.length > 0);
  if (open) report.note(open.at.place, `the router ${open.name} answers for every host name`, 'kamal-proxy answers for the hosts in proxy/hosts only; add those that are missing');
  if (hosts.length === 0) return;
  if (hosts.length === 1) proxy.set('host', hosts[0] ?? '');
  else proxy.set('hosts', hosts);
  if (ownRouter !== null) {
    report.note(named[0]?.at.place ?? { file: '', line: null }, `Kamal 1's own router ${ownRouter} answered for every other host name too, and for addresses`, `kamal-proxy answers for ${hosts.length === 1 ? 'this host' : 'these hosts'} only; add those that are missing to proxy/hosts`);
  }
}

function addTls(proxy: Hash, routers: readonly Router[], points: EntryPoints, report: Report): void {
  const tls = routers.filter((router) => router.tls);
  if (points.forwarded !== null) proxy.set('forward_headers', true);
  if (tls.length === 0) return;
  const [first] = tls;
  const place: Place = first?.at.place ?? { file: '', line: null };
  const unresolved = tls.find(({ resolver }) => resolver === null);
  const dns = tls.find(({ resolver }) => points.resolvers.some((known) => known.name === resolver?.toLowerCase() && known.dns));
  if (unresolved) {
    report.lost(unresolved.at.place, `TLS of the router ${unresolved.name}: its certificate isn't Let's Encrypt's`, 'put certificate and key into .kamal/secrets, and name them in proxy/ssl (certificate_pem, private_key_pem)');
    return;
  }
  if (!proxy.has('host') && !proxy.has('hosts')) {
    report.lost(place, `TLS of the router ${first?.name ?? ''}: no host is named`, 'name the hosts in proxy/hosts, and add ssl: true');
    return;
  }
  if (dns) report.lost(dns.at.place, `certificates of ${dns.resolver ?? ''} by a DNS record`, 'kamal-proxy asks Let\'s Encrypt over ports 80 and 443: open them to everybody, or give it a certificate (proxy/ssl/certificate_pem)');
  proxy.set('ssl', true);
  if (routers.some((router) => router.plain)) proxy.set('ssl_redirect', false);
}

function addPaths(proxy: Hash, routers: readonly Router[], report: Report): void {
  const all = [...new Set(routers.map(({ routes }) => [...routes.prefixes].sort().join(',')))];
  const [first] = routers;
  if (all.length > 1) {
    report.lost(first?.at.place ?? { file: '', line: null }, 'routers with different path prefixes', 'kamal-proxy has one list of prefixes (proxy/path_prefixes) for all hosts of a role');
    return;
  }
  const prefixes = first?.routes.prefixes ?? [];
  if (prefixes.length === 0) return;
  if (prefixes.length === 1) proxy.set('path_prefix', prefixes[0] ?? '');
  else proxy.set('path_prefixes', [...prefixes]);
  const strips = new Set(routers.flatMap((router) => router.strips));
  if (!prefixes.every((prefix) => strips.has(prefix))) proxy.set('strip_path_prefix', false);
  if (strips.size > 0 && !prefixes.every((prefix) => strips.has(prefix))) {
    report.lost(first?.at.place ?? { file: '', line: null }, 'prefixes of which only some are taken off', 'kamal-proxy takes off all of proxy/path_prefixes, or none (strip_path_prefix)');
  }
}

/** Buffering of any router is the container's. */
function bufferingOf(routers: readonly Router[], labels: Settings, report: Report): Hash {
  const buffering: Hash = new Map();
  for (const { name } of routers) {
    const setting = labels.use(`traefik.http.routers.${name}.middlewares`);
    if (!setting) continue;
    for (const [key, value] of middlewaresOf(list(setting.value), labels, report, setting).buffering) buffering.set(key, value);
  }
  return buffering.size === 0 ? new Map() : new Map([['buffering', buffering]]);
}

function addService(proxy: Hash, labels: Settings, report: Report): void {
  for (const name of labels.names(/^traefik\.http\.services\.([^.]+)\./)) {
    const prefix = `traefik.http.services.${name}.loadbalancer`;
    const port = labels.use(`${prefix}.server.port`);
    if (port) proxy.set('app_port', /^\d+$/.test(port.value) ? Number(port.value) : port.value);
    const scheme = labels.use(`${prefix}.server.scheme`);
    if (scheme && scheme.value !== 'http') report.lost(scheme.place, `${scheme.key}: ${scheme.value}`, 'kamal-proxy speaks plain HTTP to the app; let the app listen so');
    addHealthcheck(proxy, labels, prefix);
    labels.use(`${prefix}.passhostheader`);
    const sticky = labels.take(new RegExp(`^${prefix.toLowerCase().replaceAll('.', '\\.')}\\.sticky`))[0];
    if (sticky) report.lost(sticky.place, sticky.key, 'kamal-proxy has one container a host, and needs no cookie for it; a load balancer ahead of the hosts may');
  }
}

function addHealthcheck(proxy: Hash, labels: Settings, prefix: string): void {
  const check: Hash = new Map();
  const path = labels.get(`${prefix}.healthcheck.path`);
  if (path !== undefined) check.set('path', path);
  for (const key of ['interval', 'timeout']) {
    const value = labels.get(`${prefix}.healthcheck.${key}`);
    const duration = value === undefined ? null : seconds(value);
    if (duration !== null) check.set(key, Math.max(1, Math.ceil(duration)));
  }
  if (check.size > 0) proxy.set('healthcheck', check);
}

function leftOver(labels: Settings, report: Report): void {
  const unused = /^traefik\.http\.middlewares\.([^.]+)\.([^.]+)/i;
  for (const { key, place } of labels.leftOver()) {
    const middleware = unused.exec(key);
    if (middleware) report.note(place, `${key}: no router names the middleware ${middleware[1] ?? ''}`, 'nothing: Traefik did nothing with it either');
    else if (/^traefik\.(tcp|udp)\./i.test(key)) report.lost(place, key, 'kamal-proxy knows HTTP only; publish the port of the container with options/publish');
    else report.lost(place, key, 'kamal-proxy has nothing like it: see the reference of proxy: whether something comes near');
  }
}

function list(text: string | undefined): string[] {
  return (text ?? '').split(',').map((each) => each.trim()).filter((each) => each !== '');
}
