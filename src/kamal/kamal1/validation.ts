import { or, section } from '../configuration/raw.ts';
import { roleConfig, roleNames } from '../configuration/role.ts';
import { isHash, isPresent, toS, type Hash, type Value } from '../ruby/value.ts';
import { checkBuilderCache, checkEnv, checkKamal1Registry } from '../validation/sections.ts';
import { checkNames, checkSshLogLevel, checkValues } from '../validation/configuration.ts';
import { Context, type Issue } from '../validation/issues.ts';
import { checkRoleHosts } from '../validation/roles.ts';
import type { Schema } from '../validation/schema.ts';
import { checkSection, checkServers, checkType } from '../validation/validator.ts';
import { kamal1DeploymentFrom, type Kamal1Facts } from './deployment.ts';
import { KAMAL1_VERSION } from './quoting.ts';
import * as schema from './schema.ts';

/**
 * All that Kamal 1.9 would refuse a configuration for, in the order in which it would find it: the first issue is the
 * one that Kamal shows. Empty: the configuration loads.
 */
export function checkKamal1Configuration(raw: Hash, facts: Kamal1Facts): Issue[] {
  const context = new Context('', [], schema.OF_KAMAL_2);
  checkSection(context, raw, schema.ROOT, { extensions: true });
  for (const key of ['servers', 'accessories']) checkNames(context.of(key), raw.get(key));
  if (context.clean('servers')) checkAllServers(context, raw);
  if (context.clean('registry')) checkKamal1Registry(context.of('registry'), section(raw, 'registry'));
  if (context.clean('accessories')) for (const name of section(raw, 'accessories').keys()) checkAccessory(context.of(`accessories/${toS(name)}`), raw, name);
  for (const [name, config] of section(raw, 'accessories')) if (isHash(config)) checkAccessoryRoles(context.of(`accessories/${toS(name)}`), config, roleNames(raw));
  checkPart(context, raw, 'boot', schema.BOOT);
  if (checkPart(context, raw, 'builder', schema.BUILDER)) checkBuilderCache(context.of('builder'), section(raw, 'builder'));
  if (context.clean('env')) checkEnv(context.of('env'), section(raw, 'env'));
  checkPart(context, raw, 'healthcheck', schema.HEALTHCHECK);
  checkPart(context, raw, 'logging', schema.LOGGING);
  if (checkPart(context, raw, 'traefik', schema.TRAEFIK)) checkEnv(context.of('traefik/env'), section(section(raw, 'traefik'), 'env'));
  checkPart(context, raw, 'ssh', schema.SSH);
  checkPart(context, raw, 'sshkit', schema.SSHKIT);
  // What goes beyond single sections needs a deployment, which only sound sections give.
  const d = context.issues.length === 0 ? kamal1DeploymentFrom(raw, facts) : null;
  checkRequired(context, raw, facts);
  if (d) checkRoleHosts(context, { roles: d.allRoles, primary: toS(or(raw.get('primary_role'), 'web')), allowEmpty: isPresent(raw.get('allow_empty_roles')) });
  checkValues(context, raw, KAMAL1_VERSION);
  checkSshLogLevel(context, section(raw, 'ssh').get('log_level'));
  return context.issues;
}

/** Whether a section of the root is there and sound. */
function checkPart(context: Context, raw: Hash, key: string, of: Schema): boolean {
  if (!raw.has(key) || !context.clean(key)) return false;
  checkSection(context.of(key), raw.get(key) ?? null, of);
  return context.clean(key);
}

function checkAllServers(context: Context, raw: Hash): void {
  const at = context.of('servers');
  const servers = raw.get('servers') ?? null;
  if (!checkType(at, servers, 'Array', 'Hash')) return;
  if (Array.isArray(servers)) checkServers(at, servers);
  else for (const name of roleNames(raw)) checkRole(context.of(`servers/${name}`), roleConfig(raw, name));
}

/** A role that is a plain list of hosts is not looked at by Kamal 1. */
function checkRole(context: Context, config: Value): void {
  if (Array.isArray(config) || !checkType(context, config, 'Array', 'Hash') || !isHash(config)) return;
  checkSection(context, config, schema.ROLE);
  const sound = (key: string) => config.has(key) && context.clean(`${context.path}/${key}`);
  if (sound('env')) checkEnv(context.at('env'), config.get('env') ?? null);
  if (sound('logging')) checkSection(context.at('logging'), config.get('logging') ?? null, schema.LOGGING);
  if (sound('healthcheck')) checkSection(context.at('healthcheck'), config.get('healthcheck') ?? null, schema.HEALTHCHECK);
}

function checkAccessory(context: Context, raw: Hash, name: Value): void {
  const config = section(raw, 'accessories').get(name as string) ?? null;
  if (!checkSection(context, config, schema.ACCESSORY)) return;
  const placed = ['host', 'hosts', 'roles'].filter((key) => config.has(key));
  if (placed.length !== 1) context.error('specify one of `host`, `hosts` or `roles`', { found: placed.join(', ') || 'none of them', expected: 'exactly one of them' });
  if (config.has('env') && context.clean(`${context.path}/env`)) checkEnv(context.at('env'), config.get('env') ?? null);
}

/** Kamal 1 crashes on a role that isn't there. */
function checkAccessoryRoles(context: Context, config: Hash, known: readonly string[]): void {
  const roles = config.get('roles');
  const missing = Array.isArray(roles) ? roles.map(toS).filter((role) => !known.includes(role)) : [];
  if (missing.length === 0) return;
  context.error(`unknown roles ${[...new Set(missing)].join(', ')}`, { key: `${context.path}/roles`, found: missing.join(', '), expected: `one of the roles ${known.join(', ') || '(none)'}` });
}

function checkRequired(context: Context, raw: Hash, { destination }: Kamal1Facts): void {
  if (isPresent(raw.get('require_destination')) && destination === null) {
    context.add({ key: 'require_destination', message: 'You must specify a destination', found: 'no destination', expected: 'one, as the configuration requires it', hint: 'add -d DESTINATION' });
  }
  for (const key of ['service', 'image', 'servers']) {
    const known = context.issues.some((issue) => issue.key === key);
    if (!isPresent(raw.get(key)) && !known) context.add({ key, message: `Missing required configuration for ${key}`, found: 'nothing', expected: `${key}:` });
  }
}
