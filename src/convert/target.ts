import { equal, isHash, toS, type Hash, type Value } from '../kamal/ruby/value.ts';
import { accessoriesOf } from './accessories.ts';
import { builderOf } from './builder.ts';
import { DEFAULT_PORT, deployTimeout, dockerHealth, proxyHealth } from './healthcheck.ts';
import { proxyOf } from './traefik/routers.ts';
import { serverSettings } from './traefik/server.ts';
import type { Settings } from './traefik/settings.ts';
import { child, rolesOf, sharedNetworks, traefikArgs, traefikLabels, whole, type Role, type View } from './view.ts';

/** The order in which a person would write them. */
const ORDER = [
  'host', 'hosts', 'ssl', 'ssl_redirect', 'app_port', 'path_prefix', 'path_prefixes', 'strip_path_prefix', 'forward_headers', 'response_timeout', 'healthcheck', 'buffering', 'run',
];

/**
 * What Kamal 2's configuration has to have in the place of Kamal 1's keys, as a tree of the same form: `proxy`,
 * `deploy_timeout`, `drain_timeout`, `builder`, `servers/ROLE/{proxy,options}`, `accessories/NAME/{proxy,network}`.
 */
export function targetOf(view: View): Hash {
  const { raw } = view;
  const args = traefikArgs(view);
  const target: Hash = new Map();
  const roles = rolesOf(raw);
  const proxied = roles.filter((role) => role.traefik);
  const labels = new Map(proxied.map((role) => [role.name, labelsOf(view, role, args)]));
  dropSharedTls(view, labels);
  const [first, ...others] = [...labels.values()];
  const shared = first !== undefined && others.every((other) => equal(first, other));
  if (proxied.length > 0 || roles.length === 0) {
    const proxy = rootProxy(view, args, shared ? first : new Map());
    if (proxy.size > 0) target.set('proxy', proxy);
  } else refuseTraefik(view, args);
  const timeout = deployTimeout(view);
  if (timeout !== null) target.set('deploy_timeout', timeout);
  const stop = raw.get('stop_wait_time');
  if (stop !== undefined && stop !== null) target.set('drain_timeout', whole(stop));
  const builder = builderOf(view);
  if (builder.size > 0) target.set('builder', builder);
  const servers: Hash = new Map();
  for (const role of roles) {
    const added = role.traefik ? proxiedRole(view, role, shared ? new Map() : (labels.get(role.name) ?? new Map())) : plainRole(view, role);
    if (added.size > 0) servers.set(role.name, added);
  }
  if (servers.size > 0) target.set('servers', servers);
  const accessories = accessoriesOf(view, args);
  if (accessories.size > 0) target.set('accessories', accessories);
  return target;
}

function labelsOf(view: View, role: Role, args: Settings): Hash {
  const labels = traefikLabels(view, [['labels'], ['servers', role.name, 'labels']]);
  const own = [toS(view.raw.get('service')), role.name, view.destination].filter((part) => part !== null).join('-');
  if (labels.size === 0) return new Map();
  const proxy = proxyOf({ labels, args, own }, view.report);
  // Kamal 2.12: Configuration#ensure_one_host_for_ssl_roles.
  if (proxy.get('ssl') === true && role.servers > 1) {
    proxy.delete('ssl');
    proxy.delete('ssl_redirect');
    view.report.lost(
      view.placeOf(['servers', role.name]),
      `servers/${role.name}: Let's Encrypt certificates on ${role.servers} servers`,
      'Kamal 2 has ssl: true on a single server only: put a certificate and its key into the secrets and name them in proxy/ssl (certificate_pem, private_key_pem), or let the load balancer ahead of the servers do TLS',
    );
  }
  return proxy;
}

/** Kamal 2 asks for a certificate in one role only (Kamal 2.12: `Configuration#ensure_unique_hosts_for_ssl_roles`). */
function dropSharedTls(view: View, labels: ReadonlyMap<string, Hash>): void {
  const secure = [...labels].filter(([, proxy]) => proxy.get('ssl') === true);
  const shared = secure.filter(([name, proxy]) => secure.some(([other, its]) => other !== name && hostsOf(its).some((host) => hostsOf(proxy).includes(host))));
  for (const [name, proxy] of shared) {
    proxy.delete('ssl');
    proxy.delete('ssl_redirect');
    view.report.lost(
      view.placeOf(['servers', name]),
      `servers/${name}: Let's Encrypt certificates for a host name of another role too`,
      'Kamal 2 asks for the certificate of a name in one role only: give each role names of its own, or do TLS ahead of the servers',
    );
  }
}

function hostsOf(proxy: Hash): string[] {
  const hosts = proxy.get('hosts') ?? proxy.get('host') ?? [];
  return (Array.isArray(hosts) ? hosts : [hosts]).map(toS);
}

function rootProxy(view: View, args: Settings, labels: Hash): Hash {
  const proxy: Hash = new Map(labels);
  const health = proxyHealth(view, child(view.raw, 'healthcheck'), ['healthcheck']);
  const port = labels.get('app_port');
  if (port !== undefined && health.port !== null && toS(port) !== toS(health.port)) {
    view.report.note(view.placeOf(['healthcheck', 'port']), `healthcheck/port ${toS(health.port)} is not the port that Traefik sent to, ${toS(port)}`, 'kamal-proxy asks for health where it sends requests: see that the path answers there');
  }
  if (port === undefined && health.port !== null) proxy.set('app_port', health.port);
  else if (port === undefined && view.fresh) proxy.set('app_port', DEFAULT_PORT);
  const check = new Map([...child(labels, 'healthcheck'), ...health.check]);
  if (check.size > 0) proxy.set('healthcheck', check);
  for (const [key, value] of serverSettings({ traefik: child(view.raw, 'traefik'), args, placeOf: view.placeOf }, view.report)) proxy.set(key, value);
  return ordered(proxy);
}

/** Without a role behind it, Traefik's settings did nothing. */
function refuseTraefik(view: View, args: Settings): void {
  if (view.raw.has('traefik')) view.report.note(view.placeOf(['traefik']), 'traefik: no role is behind it', 'nothing: Kamal 1 started no Traefik');
  if (args.size > 0) args.take(/.*/);
}

function proxiedRole(view: View, role: Role, labels: Hash): Hash {
  const said = role.settings.get('traefik');
  const proxy: Hash = new Map(labels);
  const health = proxyHealth(view, child(role.settings, 'healthcheck'), ['servers', role.name, 'healthcheck']);
  if (health.port !== null && !proxy.has('app_port')) proxy.set('app_port', health.port);
  if (health.check.size > 0) proxy.set('healthcheck', new Map([...child(labels, 'healthcheck'), ...health.check]));
  if (child(role.settings, 'healthcheck').has('max_attempts')) {
    view.report.note(view.placeOf(['servers', role.name, 'healthcheck', 'max_attempts']), `servers/${role.name}/healthcheck/max_attempts`, 'nothing: Kamal 1 looked at the root\'s only; how long a role may take is deploy_timeout');
  }
  dockerNetwork(view, role);
  if (proxy.size > 0) return new Map([['proxy', ordered(proxy)]]);
  return said === undefined || said === null ? new Map() : new Map([['proxy', said]]);
}

function plainRole(view: View, role: Role): Hash {
  const added: Hash = new Map();
  if (role.settings.get('traefik') === false) added.set('proxy', false);
  const labels = traefikLabels(view, [['servers', role.name, 'labels']]);
  const [label] = labels.take(/.*/);
  if (label && labels.peek('traefik.enable')?.value !== 'false') {
    view.report.lost(label.place, `servers/${role.name}/labels: Traefik sent requests to this role though Kamal didn't ask for it`, `if it is to go on so, give servers/${role.name} a proxy: with host and app_port`);
  }
  const options = dockerHealth(view, role.name, child(role.settings, 'healthcheck'));
  const given = child(role.settings, 'options');
  const missing: Hash = new Map([...options].filter(([key]) => !given.has(key)));
  if (missing.size > 0) added.set('options', missing);
  dockerNetwork(view, role);
  return added;
}

function dockerNetwork(view: View, role: Role): void {
  const network = child(role.settings, 'options').get('network');
  if (network === undefined || network === null) return;
  if (sharedNetworks(view.raw).has(toS(network))) {
    view.report.note(view.placeOf(['servers', role.name, 'options', 'network']), `servers/${role.name}/options/network: ${toS(network)}`, 'roles and accessories meet in the network kamal now; what else is in the old one has to join it (docker network connect)');
    return;
  }
  view.report.lost(view.placeOf(['servers', role.name, 'options', 'network']), `servers/${role.name}/options/network: ${toS(network)}`, 'Kamal 2 runs roles in the network kamal: take the option out, and put what they talk to into that network too (accessories are)');
}

function ordered(proxy: Hash): Hash {
  return new Map([...proxy].sort(([a], [b]) => ORDER.indexOf(toS(a)) - ORDER.indexOf(toS(b))));
}

/**
 * `host` and `hosts` (and `path_prefix`, `path_prefixes`) must not meet when a destination is merged over the base: where
 * one of the trees has the longer form, all get it.
 */
export function inOneForm(targets: readonly Hash[]): Hash[] {
  const forms = ([['host', 'hosts'], ['path_prefix', 'path_prefixes']] as const).filter(([, long]) => targets.some((target) => holds(target, long)));
  return targets.map((target) => longForm(target, new Map(forms)));
}

/** `servers/ROLE` has no `hosts` here, so the key is always that of a proxy. */
function holds(hash: Hash, name: string): boolean {
  return [...hash].some(([key, value]) => key === name || (isHash(value) && holds(value, name)));
}

function longForm(hash: Hash, forms: ReadonlyMap<string, string>): Hash {
  return new Map([...hash].map(([key, value]): [typeof key, Value] => {
    const long = forms.get(toS(key));
    return long === undefined ? [key, isHash(value) ? longForm(value, forms) : value] : [long, [value]];
  }));
}

/** What has to stand in the destination's file, so that merged over the base it gives what is wanted. */
export function differenceOf(wanted: Hash, base: Hash): Hash {
  const difference: Hash = new Map();
  for (const [key, value] of wanted) {
    const own = base.get(key);
    if (own === undefined) difference.set(key, value);
    else if (isHash(value) && isHash(own)) {
      const inner = differenceOf(value, own);
      if (inner.size > 0) difference.set(key, inner);
    } else if (!equal(value, own)) difference.set(key, value);
  }
  return difference;
}

/**
 * TLS is the one thing of the base that a destination can take back.
 * @returns what is wanted, with `ssl: false` where the base has it and it isn't wanted
 */
export function withoutSsl(wanted: Hash, base: Hash): Hash {
  const result = new Map(wanted);
  if (base.get('ssl') === true && !wanted.has('ssl')) result.set('ssl', false);
  for (const [key, value] of wanted) {
    const own = base.get(key);
    if (isHash(value) && isHash(own)) result.set(key, withoutSsl(value, own));
  }
  return result;
}

/** Paths that the base has and that are not wanted. */
export function surplusOf(wanted: Hash, base: Hash, path: readonly string[] = []): string[][] {
  return [...base].flatMap(([key, value]): string[][] => {
    const own: Value | undefined = wanted.get(key);
    if (own === undefined) return [[...path, toS(key)]];
    return isHash(value) && isHash(own) ? surplusOf(own, value, [...path, toS(key)]) : [];
  });
}
