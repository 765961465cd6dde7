import { isIP } from 'node:net';
import { isBlank, isHash, isPresent, toS, type Hash, type Value } from '../ruby/value.ts';
import type { Context } from './issues.ts';
import { BUILDER, COMMANDS, OUTPUT, PROXY, REGISTRY } from './schema.ts';
import { checkArrayOfStrings, checkHashOfStrings, checkSection, checkType, checkUnknownKeys, describe, has } from './validator.ts';

/** `Validator::Env`: all clear, or `clear`, `secret` and (in the root's) `tags`. */
export function checkEnv(context: Context, config: Value, allowTags = context.path === 'env'): void {
  if (!checkType(context, config, 'Hash') || !isHash(config)) return;
  const special = ['clear', 'secret', 'tags'];
  if (!special.some((key) => config.has(key))) {
    checkHashOfStrings(context, config);
    return;
  }
  const unknown = [...config.keys()].filter((key) => !special.includes(key as string)).map(toS);
  checkUnknownKeys(context, config, special);
  if (unknown.length > 0) return;
  if (config.has('clear')) checkHashOfStrings(context.at('clear'), config.get('clear') ?? null);
  if (config.has('secret')) checkArrayOfStrings(context.at('secret'), config.get('secret') ?? null);
  if (config.has('tags')) checkTags(context, config.get('tags') ?? null, allowTags);
}

function checkTags(context: Context, tags: Value, allowed: boolean): void {
  if (!allowed) {
    context.error('tags are only allowed in the root env', { key: `${context.path}/tags`, found: 'tags', expected: 'clear and secret', hint: 'move them to env/tags' });
    return;
  }
  const at = context.at('tags');
  if (!checkType(at, tags, 'Hash') || !isHash(tags)) return;
  for (const [tag, env] of tags) {
    const of = at.at(toS(tag));
    if (checkType(of, env, 'Hash')) checkEnv(of, env, false);
  }
}

/** `Validator::Registry` of Kamal 2: a registry on the deploying machine needs no login. */
export function checkRegistry(context: Context, config: Hash): void {
  checkRegistryServer(context, config);
  const server = config.get('server');
  if (isPresent(server) && typeof server !== 'string') {
    // Kamal asks it whether it is local, which a number can't tell, and crashes.
    context.at('server').error('should be a string', { found: describe(server), expected: 'a string', hint: 'quote it' });
  } else if (typeof server !== 'string' || !/^localhost[:$]/m.test(server)) checkLogin(context, config);
}

/** `Validator::Registry` of Kamal 1. */
export function checkKamal1Registry(context: Context, config: Hash): void {
  checkRegistryServer(context, config);
  checkLogin(context, config);
}

function checkLogin(context: Context, config: Hash): void {
  for (const key of ['username', 'password']) {
    const at = context.at(key);
    const value = config.get(key);
    const expected = 'a string or an array with one string (for secret lookup)';
    if (isBlank(value)) at.error('is required', { found: 'nothing', expected, hint: `registry: ${key}: [ NAME_OF_A_SECRET ]` });
    else if (typeof value !== 'string' && !(Array.isArray(value) && value.length === 1 && typeof value[0] === 'string')) {
      at.error(`should be ${expected}`, { found: describe(value ?? null), expected });
    }
  }
}

function checkRegistryServer(context: Context, config: Hash): void {
  checkSection(context, new Map([...config].filter(([key]) => key !== 'username' && key !== 'password')), REGISTRY);
}

/** `Validator::Proxy`. `place` is where to point at when it isn't the context's own path. */
export function checkProxy(context: Context, config: Value, place = context.path): void {
  if (!checkSection(context, config, PROXY)) return;
  const at = { key: place };
  if (!has(config, 'host') && !has(config, 'hosts') && (config.get('ssl') === true || isHash(config.get('ssl')))) {
    context.error('Must set a host to enable automatic SSL', { ...at, found: 'ssl without host', expected: 'host: or hosts:' });
  }
  if (config.has('host') && config.has('hosts')) {
    context.error("Specify one of 'host' or 'hosts', not both", { ...at, found: 'both', expected: 'one of them' });
  }
  const ssl = config.get('ssl');
  if (has(ssl, 'certificate_pem') && !has(ssl, 'private_key_pem')) {
    context.error('Missing private_key_pem setting (required when certificate_pem is present)', { key: `${place}/ssl`, found: 'certificate_pem alone', expected: 'both' });
  }
  if (has(ssl, 'private_key_pem') && !has(ssl, 'certificate_pem')) {
    context.error('Missing certificate_pem setting (required when private_key_pem is present)', { key: `${place}/ssl`, found: 'private_key_pem alone', expected: 'both' });
  }
  const run = config.get('run');
  if (!isHash(run)) return;
  if (run.get('publish') === false && ['bind_ips', 'http_port', 'https_port'].some((key) => has(run, key))) {
    context.error('Cannot set http_port, https_port or bind_ips when publish is false', { key: `${place}/run`, found: 'publish: false with ports', expected: 'one or the other' });
  }
}

/** Addresses that Docker will refuse; Kamal means to check them but doesn't. */
export function badBindIps(run: Hash): string[] {
  const ips = run.get('bind_ips');
  return Array.isArray(ips) ? ips.map(toS).filter((ip) => isIP(ip.replace(/^\[|\]$/g, '')) === 0) : [];
}

/** `Validator::Builder`. The builder itself is none of bactrian's business. */
export function checkBuilder(context: Context, config: Value): void {
  if (!checkSection(context, config, BUILDER)) return;
  checkBuilderCache(context, config);
  const arch = config.get('arch');
  if (isBlank(arch)) context.error('Builder arch not set', { found: 'nothing', expected: 'builder: arch: amd64, arm64, or a list of both' });
  if (truthy(config.get('pack')) && Array.isArray(arch) && arch.length > 1) {
    context.error('buildpacks only support building for one arch', { key: `${context.path}/arch`, found: arch.map(toS).join(', '), expected: 'one arch' });
  }
  if (config.get('local') === false && isBlank(config.get('remote'))) {
    context.error('Cannot disable local builds, no remote is set', { key: `${context.path}/local`, found: 'local: false', expected: 'remote: with the URL of a builder' });
  }
}

/** The cache that both generations of Kamal know for builds. */
export function checkBuilderCache(context: Context, config: Hash): void {
  const cache = config.get('cache');
  const type = isHash(cache) ? cache.get('type') : null;
  if (type && !['gha', 'registry'].includes(toS(type))) context.error(`Invalid cache type: ${toS(type)}`, { key: `${context.path}/cache/type`, found: toS(type), expected: 'gha or registry' });
}

/** `Validator::Alias`. */
export function checkAlias(context: Context, name: string, command: Value): void {
  checkType(context, command, 'String');
  if (!/^[a-z0-9_-]+$/.test(name) || name.endsWith('\n')) {
    context.error(`Invalid alias name: '${name}'. Must only contain lowercase letters, alphanumeric, hyphens and underscores.`, { found: name, expected: 'lowercase letters, digits, - and _' });
  }
  if (COMMANDS.includes(name)) context.error(`Alias '${name}' conflicts with a built-in command.`, { found: name, expected: 'another name' });
}

/** `Configuration::Output` and its loggers. `noVersion` is why there is no version, which the OpenTelemetry logger needs. */
export function checkOutput(context: Context, config: Hash, noVersion: string | null): void {
  if (!isPresent(config) || !checkSection(context, config, OUTPUT)) return;
  const otel = config.get('otel');
  if (isHash(otel)) {
    if (!truthy(otel.get('endpoint'))) context.add({ key: `${context.path}/otel`, message: 'OTel endpoint is required', found: 'no endpoint', expected: 'endpoint: http://…' });
    else if (noVersion !== null) context.add({ key: `${context.path}/otel`, message: noVersion, found: 'no version', expected: 'a version, which goes with each line of output', hint: 'add --version VERSION' });
  }
  const file = config.get('file');
  if (isHash(file) && !truthy(file.get('path'))) context.add({ key: `${context.path}/file`, message: 'file path is required', found: 'no path', expected: 'path: of a directory' });
}

function truthy(value: Value | undefined): boolean {
  return value !== undefined && value !== null && value !== false;
}
