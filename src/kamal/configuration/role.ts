import { argumentize, optionize } from '../ruby/args.ts';
import { deepMerge, isHash, isPresent, toS, type Hash, type Value } from '../ruby/value.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { clearArgs, envFileContent, envOf, mergeEnv, type Env } from './env.ts';
import { loggingArgs } from './logging.ts';
import { proxyOf, type ProxyFacts, type ProxySettings } from './proxy.ts';
import { compactJoin, or, presence, section, text } from './raw.ts';
import { volumeArgs } from './volume.ts';

/** One role of the app (Kamal 2.12: `Configuration::Role`). */
export interface Role {
  readonly name: string;
  readonly hosts: readonly string[];
  /** Tags by host. */
  readonly tags: ReadonlyMap<string, readonly string[]>;
  readonly primary: boolean;
  readonly runningProxy: boolean;
  /** Null when the role isn't behind kamal-proxy. */
  readonly proxy: ProxySettings | null;
  readonly ssl: boolean;
  readonly cmd: string | null;
  readonly restartPolicy: string;
  readonly optionArgs: readonly string[];
  readonly loggingArgs: readonly string[];
  readonly labels: Hash;
  readonly labelArgs: readonly string[];
  /** `-t SECONDS` for docker stop, or nothing. */
  readonly stopArgs: readonly string[];
  /** Service, role and destination. */
  readonly containerPrefix: string;
  readonly envDirectory: string;
  /** Uploaded with mode 0600. */
  readonly envFilePath: string;
  readonly assets: Assets | null;
  containerName(version: string): string;
  env(host: string): Env;
  envArgs(host: string): string[];
  /** Text of the env file. @throws SecretMissing */
  envFileContent(host: string, secrets: Secrets): string;
}

/** Files of the image that old and new containers both serve. */
export interface Assets {
  readonly path: string;
  readonly options: string | null;
  extractedDirectory(version: string): string;
  volumeDirectory(version: string): string;
  volumeArgs(version: string): string[];
}

/** What a role takes from the rest of the configuration. */
export interface RoleFacts extends ProxyFacts {
  readonly root: Hash;
  readonly service: string;
  readonly destination: string | null;
  readonly primaryRole: Value;
}

export function roleOf(name: string, facts: RoleFacts): Role {
  const { root, directories } = facts;
  const config = roleConfig(root, name);
  const special: Hash = isHash(config) ? config : new Map();
  const tags = taggedHosts(config);
  const primary = facts.primaryRole === name;
  const ownProxy = special.get('proxy');
  const runningProxy = primary ? ownProxy !== false : ownProxy !== false && ownProxy !== null && ownProxy !== undefined;
  const proxy = runningProxy ? proxyOf(mergedProxy(root, special), name, facts) : null;
  const containerPrefix = compactJoin([facts.service, name, facts.destination], '-');
  const envFilePath = `${directories.roleEnv}/${name}.env`;
  const envs = new Map<string, Env>();
  const env = (host: string) => {
    const known = envs.get(host) ?? hostEnv(root, special, tags.get(host) ?? []);
    envs.set(host, known);
    return known;
  };
  const labels = labelsOf(facts, name, special);
  const options = section(special, 'options');
  return {
    name,
    hosts: [...tags.keys()],
    tags,
    primary,
    runningProxy,
    proxy,
    ssl: proxy !== null && proxy.ssl !== false && proxy.ssl !== null,
    cmd: text(special, 'cmd'),
    restartPolicy: restartPolicy(options),
    optionArgs: optionArgs(options),
    loggingArgs: loggingArgs(deepMerge(section(root, 'logging'), section(special, 'logging'))),
    labels,
    labelArgs: argumentize('--label', labels),
    stopArgs: stopArgs(root, special, runningProxy, facts.drainTimeout),
    containerPrefix,
    envDirectory: directories.roleEnv,
    envFilePath,
    assets: runningProxy ? assetsOf(name, special, facts) : null,
    containerName: (version) => `${containerPrefix}-${version}`,
    env,
    envArgs: (host) => [...clearArgs(env(host)), '--env-file', envFilePath],
    envFileContent: (host, secrets) => envFileContent(env(host), secrets),
  };
}

/** Names of the roles, in Kamal's order: `web` for a plain list of servers, else sorted by name. */
export function roleNames(root: Hash): string[] {
  const servers = root.get('servers');
  if (Array.isArray(servers)) return ['web'];
  return isHash(servers) ? [...servers.keys()].map(toS).sort(byBytes) : [];
}

/** A role's own section: a list of hosts or a hash. */
export function roleConfig(root: Hash, name: string): Value {
  const servers = root.get('servers');
  return Array.isArray(servers) ? servers : (section(root, 'servers').get(name) ?? null);
}

/** The proxy section of a role: the root's, with the role's own merged in. */
export function mergedProxy(root: Hash, special: Hash): Hash {
  return deepMerge(section(root, 'proxy'), section(special, 'proxy'));
}

/** Docker options but the restart policy, as arguments. */
export function optionArgs(options: Hash): string[] {
  return optionize(new Map([...options].filter(([key]) => toS(key) !== 'restart')));
}

/** The restart policy of docker options, `unless-stopped` when there is none. */
export function restartPolicy(options: Hash): string {
  const policy = [...options].find(([key]) => toS(key) === 'restart')?.[1];
  return policy === undefined || policy === null ? 'unless-stopped' : toS(policy);
}

/** Hosts of a role with their tags. */
export function taggedHosts(config: Value): Map<string, string[]> {
  const servers = isHash(config) ? config.get('hosts') : config;
  const tagged = new Map<string, string[]>();
  for (const server of Array.isArray(servers) ? servers : []) {
    if (typeof server === 'string') tagged.set(server, []);
    else if (isHash(server)) {
      const [host = null, tags = null] = [...server][0] ?? [];
      tagged.set(toS(host), Array.isArray(tags) ? tags.map(toS) : tags === null ? [] : [toS(tags)]);
    }
  }
  return tagged;
}

function hostEnv(root: Hash, special: Hash, tags: readonly string[]): Env {
  const rootEnv = section(root, 'env');
  const known = section(rootEnv, 'tags');
  const tagged = tags.map((tag) => known.get(tag)).filter(isHash);
  return [envOf(section(special, 'env')), ...tagged.map(envOf)].reduce(mergeEnv, envOf(rootEnv));
}

function labelsOf(facts: RoleFacts, name: string, special: Hash): Hash {
  const base: Hash = new Map<string, Value>([['service', facts.service], ['role', name], ['destination', facts.destination]]);
  return new Map([...base, ...section(facts.root, 'labels'), ...section(special, 'labels')]);
}

function stopArgs(root: Hash, special: Hash, runningProxy: boolean, drainTimeout: Value): string[] {
  const timeout = or(special.get('stop_timeout'), or(root.get('stop_timeout'), runningProxy ? null : drainTimeout));
  return argumentize('-t', timeout);
}

function assetsOf(name: string, special: Hash, facts: RoleFacts): Assets | null {
  const raw = presence(or(special.get('asset_path'), facts.root.get('asset_path') ?? null));
  if (raw === null) return null;
  const colon = raw.indexOf(':');
  const path = colon < 0 ? raw : raw.slice(0, colon);
  const options = colon < 0 ? null : raw.slice(colon + 1);
  if (path.trim() === '') return null;
  const volumeDirectory = (version: string) => `${facts.directories.assets}/volumes/${name}-${version}`;
  return {
    path,
    options,
    extractedDirectory: (version) => `${facts.directories.assets}/extracted/${name}-${version}`,
    volumeDirectory,
    volumeArgs: (version) => volumeArgs(volumeDirectory(version), path, options),
  };
}

/** Ruby sorts strings by their bytes. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Whether a role has asset files to keep between versions. */
export function hasAssets(role: Role): role is Role & { assets: Assets } {
  return role.assets !== null && isPresent(role.assets.path);
}
