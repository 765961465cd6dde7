import { accessoryHosts } from '../configuration/accessory.ts';
import { or, section } from '../configuration/raw.ts';
import { isLocalServer } from '../configuration/registry.ts';
import { mergedProxy, roleConfig, roleNames } from '../configuration/role.ts';
import { deploymentFrom, type Deployment } from '../deployment.ts';
import { equal, Float, isBlank, isHash, isPresent, Sym, toS, type Hash, type Value } from '../ruby/value.ts';
import type { Snapshot } from '../snapshot.ts';
import { Context, type Issue } from './issues.ts';
import { checkRoleHosts } from './roles.ts';
import * as schema from './schema.ts';
import { checkAlias, checkBuilder, checkEnv, checkOutput, checkProxy, checkRegistry } from './sections.ts';
import { checkDockerOptions, checkLabels, checkSection, checkServers, checkType, describe } from './validator.ts';
import { compareVersions, isVersion } from './versions.ts';

/** The Kamal whose rules these are. */
const KAMAL_VERSION = '2.12.0';

export type ProjectFacts = Pick<Snapshot, 'destination' | 'version' | 'selection' | 'hooks'>;

/**
 * All that Kamal 2.12 would refuse a configuration for, in the order in which it would find it: the first issue is the
 * one that Kamal shows. Empty: the configuration loads.
 */
export function checkConfiguration(raw: Hash, facts: ProjectFacts): Issue[] {
  const context = new Context();
  checkSection(context, raw, schema.ROOT, { extensions: true });
  for (const key of ['servers', 'accessories', 'aliases']) checkNames(context.of(key), raw.get(key));
  const servers = raw.get('servers') ?? null;
  if (context.clean('servers')) {
    if (Array.isArray(servers)) checkServers(context.of('servers'), servers);
    for (const name of roleNames(raw)) checkRole(context.of(`servers/${name}`), raw, name);
  }
  if (context.clean('registry')) checkRegistry(context.of('registry'), section(raw, 'registry'));
  if (context.clean('accessories')) for (const name of section(raw, 'accessories').keys()) checkAccessory(context.of(`accessories/${toS(name)}`), raw, name);
  if (context.clean('aliases')) for (const [name, command] of section(raw, 'aliases')) checkAlias(context.of(`aliases/${toS(name)}`), toS(name), command);
  checkIfSet(context, raw, 'boot', schema.BOOT);
  if (context.clean('builder')) checkBuilder(context.of('builder'), section(raw, 'builder'));
  if (context.clean('env')) checkEnv(context.of('env'), section(raw, 'env'));
  checkIfSet(context, raw, 'logging', schema.LOGGING);
  if (context.clean('output')) checkOutput(context.of('output'), section(raw, 'output'), facts.version.problem);
  if (context.clean('proxy') && isPresentOrFalse(raw.get('proxy'))) checkProxy(context.of('proxy'), raw.get('proxy') ?? null);
  checkIfSet(context, raw, 'ssh', schema.SSH);
  checkIfSet(context, raw, 'sshkit', schema.SSHKIT);
  // What goes beyond single sections needs a deployment, which only sound sections give.
  const d = context.issues.length === 0 ? deploymentFrom(raw, facts) : null;
  checkRequired(context, raw, facts);
  if (d) checkFleet(context, d);
  checkValues(context, raw, KAMAL_VERSION);
  if (d) checkWhole(context, d);
  return context.issues;
}

/** Names of roles, accessories and aliases; with a number or the like Kamal crashes. */
export function checkNames(context: Context, section: Value | undefined): void {
  if (!isHash(section)) return;
  for (const name of section.keys()) {
    if (typeof name !== 'string') context.at(toS(name)).error('the name should be a string', { found: describe(name), expected: 'a string', hint: `write "${toS(name)}":` });
  }
}

function isPresentOrFalse(value: Value | undefined): boolean {
  return value !== undefined && value !== null;
}

function checkIfSet(context: Context, raw: Hash, key: string, of: schema.Schema): void {
  if (context.clean(key) && raw.has(key)) checkSection(context.of(key), raw.get(key) ?? null, of);
}

function checkRole(context: Context, raw: Hash, name: string): void {
  const config = roleConfig(raw, name);
  if (Array.isArray(config)) {
    if (!Array.isArray(raw.get('servers'))) checkServers(context, config);
    return;
  }
  if (!checkType(context, config, 'Array', 'Hash') || !isHash(config)) return;
  checkSection(context, config, schema.ROLE);
  checkLabels(context, config.get('labels'));
  checkDockerOptions(context, config.get('options'));
  if (context.clean(`${context.path}/env`) && config.has('env')) checkEnv(context.at('env'), config.get('env') ?? null);
  if (context.clean(`${context.path}/logging`) && config.has('logging')) checkSection(context.at('logging'), config.get('logging') ?? null, schema.LOGGING);
  const proxy = config.get('proxy');
  if (context.clean(`${context.path}/proxy`) && isHash(proxy)) checkProxy(context.at('proxy'), proxy);
}

function checkAccessory(context: Context, raw: Hash, name: Value): void {
  const config = section(raw, 'accessories').get(name as string) ?? null;
  if (!checkSection(context, config, schema.ACCESSORY)) return;
  const placed = ['host', 'hosts', 'role', 'roles', 'tag', 'tags'].filter((key) => config.has(key));
  if (placed.length !== 1) {
    context.error('specify one of `host`, `hosts`, `role`, `roles`, `tag` or `tags`', { found: placed.join(', ') || 'none of them', expected: 'exactly one of them' });
  }
  checkLabels(context, config.get('labels'));
  checkDockerOptions(context, config.get('options'));
  checkAccessoryRoles(context, config, raw);
  if (context.clean(`${context.path}/env`) && config.has('env')) checkEnv(context.at('env'), config.get('env') ?? null);
  const proxy = config.get('proxy');
  if (context.clean(`${context.path}/proxy`) && isPresent(proxy)) checkProxy(context.at('proxy'), proxy);
  const registry = config.get('registry');
  if (context.clean(`${context.path}/registry`) && isHash(registry) && isPresent(registry)) checkRegistry(context.at('registry'), registry);
}

function checkAccessoryRoles(context: Context, config: Hash, raw: Hash): void {
  const known = roleNames(raw);
  const roles = config.get('roles');
  const missing = Array.isArray(roles) ? roles.map(toS).filter((role) => !known.includes(role)) : [];
  const role = config.get('role');
  const at = { key: context.path, expected: `one of the roles ${known.join(', ') || '(none)'}` };
  if (missing.length > 0) context.error(`unknown roles ${[...new Set(missing)].join(', ')}`, { ...at, key: `${context.path}/roles`, found: missing.join(', ') });
  else if (isPresent(role) && !known.includes(toS(role))) context.error(`unknown role ${toS(role)}`, { ...at, key: `${context.path}/role`, found: toS(role) });
  if ((config.has('tag') || config.has('tags')) && accessoryHosts(config, raw, []) === null && !config.has('host')) {
    context.error('tag and tags need servers with roles', {
      key: `${context.path}/${config.has('tag') ? 'tag' : 'tags'}`,
      found: 'servers as a plain list',
      expected: 'servers: with roles, each a list of hosts with tags',
      hint: 'name the hosts with hosts:, or put the servers under a role (servers: web: […])',
    });
  }
}

function checkRequired(context: Context, raw: Hash, { destination }: ProjectFacts): void {
  if (isPresent(raw.get('require_destination')) && destination === null) {
    context.add({ key: 'require_destination', message: 'You must specify a destination', found: 'no destination', expected: 'one, as the configuration requires it', hint: 'add -d DESTINATION' });
  }
  for (const key of ['service', 'registry']) {
    if (isBlank(raw.get(key))) context.add({ key, message: `Missing required configuration for ${key}`, found: 'nothing', expected: `${key}:` });
  }
  const local = isLocalServer(toS(section(raw, 'registry').get('server')));
  if (isBlank(raw.get('image')) && !(local && isPresent(raw.get('service')))) {
    context.add({ key: 'image', message: 'Missing required configuration for image', found: 'nothing', expected: 'image: the name of the image, without registry and tag' });
  }
}

/** Single values that Kamal looks at last; `kamal` is the Kamal whose rules are followed. */
export function checkValues(context: Context, raw: Hash, kamal: string): void {
  const minimum = raw.get('minimum_version');
  if (isPresent(minimum)) checkMinimumVersion(context, toS(minimum), kamal);
  const retain = or(raw.get('retain_containers'), 5);
  if (typeof retain === 'number' && retain < 1) context.add({ key: 'retain_containers', message: 'Must retain at least 1 container', found: String(retain), expected: '1 or more' });
  checkBootLimit(context, section(raw, 'boot').get('limit'));
  const service = raw.get('service');
  if (isPresent(service) && !/^[a-z0-9_-]+$/im.test(typeof service === 'string' || service instanceof Sym ? toS(service) : '')) {
    context.add({ key: 'service', message: 'Service name can only include alphanumeric characters, hyphens, and underscores', found: toS(service), expected: 'letters, digits, - and _' });
  }
}

/** Kamal takes the hosts in slices of this size, and crashes in the midst of a deploy when that can't be. */
function checkBootLimit(context: Context, limit: Value | undefined): void {
  if (limit === undefined || limit === null || limit === false || toS(limit).endsWith('%')) return;
  const size = limit instanceof Float ? Math.floor(limit.number) : limit;
  if (typeof size === 'number' && size >= 1) return;
  context.add({ key: 'boot/limit', message: 'boot/limit: should be a number of hosts or a percentage', found: describe(limit), expected: '1 or more, or a text such as "25%"' });
}

function checkMinimumVersion(context: Context, minimum: string, kamal: string): void {
  if (!isVersion(minimum)) context.add({ key: 'minimum_version', message: `Malformed version number string ${minimum}`, found: minimum, expected: `a version such as ${kamal}` });
  else if (compareVersions(minimum, kamal) > 0) {
    context.add({ key: 'minimum_version', message: `Current version is ${kamal}, minimum required is ${minimum}`, found: minimum, expected: `${kamal} or less: that is the Kamal whose rules bactrian follows` });
  }
}

function checkWhole(context: Context, d: Deployment): void {
  checkHooks(context, d);
  checkSsl(context, d);
  checkProxyRuns(context, d);
}

function checkFleet(context: Context, d: Deployment): void {
  if ((d.raw.get('servers') ?? null) === null) {
    if (d.accessories.length === 0) context.add({ key: 'servers', message: 'No servers or accessories specified', found: 'neither', expected: 'servers: with the hosts of the app' });
    return;
  }
  checkRoleHosts(context, { roles: d.allRoles, primary: toS(or(d.raw.get('primary_role'), 'web')), allowEmpty: isPresent(d.raw.get('allow_empty_roles')) });
}

function checkHooks(context: Context, d: Deployment): void {
  const old = ['pre-traefik-reboot', 'post-traefik-reboot'].filter((hook) => d.hooks.present.includes(hook));
  if (old.length > 0) {
    context.add({ key: 'hooks_path', message: `Found ${old.join(', ')}, these should be renamed to (pre|post)-proxy-reboot`, found: old.map((hook) => `${d.hooks.path}/${hook}`).join(', '), expected: 'Kamal 2 names', hint: 'rename the files' });
  }
}

function checkSsl(context: Context, d: Deployment): void {
  for (const role of d.allRoles) {
    if (!role.proxy) continue;
    const special = roleConfig(d.raw, role.name);
    checkProxy(context.of('proxy'), mergedProxy(d.raw, isHash(special) ? special : new Map()), `servers/${role.name}/proxy`);
    if (role.ssl && role.hosts.length > 1 && role.proxy.customCertificate === null) {
      context.add({
        key: `servers/${role.name}`,
        message: `SSL is only supported on a single server unless you provide custom certificates, found ${role.hosts.length} servers for role ${role.name}`,
        found: role.hosts.join(', '),
        expected: 'one server, or ssl: with certificate_pem and private_key_pem',
      });
    }
  }
  const hosts = d.allRoles.filter(({ ssl }) => ssl).flatMap(({ proxy }) => proxy?.hosts ?? []);
  const twice = [...new Set(hosts.filter((host, index) => hosts.indexOf(host) !== index))];
  const inOrder = [...new Set(hosts)].filter((host) => twice.includes(host));
  if (inOrder.length > 0) context.add({ key: 'proxy', message: `Different roles can't share the same host for SSL: ${inOrder.join(', ')}`, found: inOrder.join(', '), expected: 'each host name in one role' });
}

function checkProxyRuns(context: Context, d: Deployment): void {
  const registry = d.registry;
  const builder = section(d.raw, 'builder');
  const remote = builder.get('remote');
  if (registry.local && isPresent(remote) && usesRemote(builder) && !/^ssh:/i.test(toS(remote))) {
    context.add({ key: 'builder/remote', message: 'Local registry with remote builder requires an SSH URL (e.g., ssh://user@host)', found: toS(remote), expected: 'ssh://user@host' });
  }
  for (const host of d.allHosts) {
    const runs = [...d.allRoles, ...d.accessories].filter((owner) => owner.hosts.includes(host)).flatMap((owner) => owner.proxy?.run ?? []);
    if (runs.some((run) => !equal(run.raw, runs[0]?.raw ?? new Map()))) {
      context.add({ key: 'proxy/run', message: `Conflicting proxy run configurations for host ${host}`, found: `${runs.length} different ones`, expected: 'the same for all roles and accessories of a host' });
    }
  }
  checkHooksOutput(context, d.raw.get('hooks_output'));
  checkSshLogLevel(context, section(d.raw, 'ssh').get('log_level'));
}

/** Ruby's Logger refuses other levels when Kamal sets up its connections. */
export function checkSshLogLevel(context: Context, level: Value | undefined): void {
  const levels = ['debug', 'info', 'warn', 'error', 'fatal', 'unknown'];
  if (level === undefined || typeof level === 'number' || levels.includes(toS(level).toLowerCase())) return;
  context.add({ key: 'ssh/log_level', message: `invalid log level: ${toS(level)}`, found: describe(level), expected: `one of ${levels.join(', ')}` });
}

/** Whether the remote builder has an architecture to build; the local machine is taken to be amd64, as bactrian never builds. */
function usesRemote(builder: Hash): boolean {
  const arch = builder.get('arch');
  const arches = Array.isArray(arch) ? arch.map(toS) : [toS(arch)];
  return builder.get('local') === false || arches.some((one) => one !== 'amd64');
}

function checkHooksOutput(context: Context, output: Value | undefined): void {
  const levels: [string | null, Value][] = isHash(output) ? [...output].map(([hook, level]) => [toS(hook), level]) : isBlank(output) ? [] : [[null, output ?? null]];
  for (const [hook, level] of levels) {
    if (['quiet', 'verbose'].includes(toS(level))) continue;
    const of = hook === null ? '' : ` for hook '${hook}'`;
    context.add({ key: hook === null ? 'hooks_output' : `hooks_output/${hook}`, message: `Invalid hooks_output '${toS(level)}'${of}, must be one of: quiet, verbose`, found: describe(level), expected: 'quiet or verbose' });
  }
}
