import path from 'node:path';
import { argumentize } from '../ruby/args.ts';
import { isHash, isPresent, toS, type Hash, type Value } from '../ruby/value.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { clearArgs, envFileContent, envOf, type Env } from './env.ts';
import { proxyOf, type ProxyFacts, type ProxySettings } from './proxy.ts';
import { compactJoin, list, section, text } from './raw.ts';
import { ownRegistry, type Registry } from './registry.ts';
import { optionArgs, restartPolicy, type Role } from './role.ts';
import { volumeArgs } from './volume.ts';

/** A database, cache or the like beside the app (Kamal 2.12: `Configuration::Accessory`). */
export interface Accessory {
  readonly name: string;
  /** Name of its container, and of its directory in the SSH user's home. */
  readonly serviceName: string;
  readonly hosts: readonly string[];
  /** With the server of its own registry in front. */
  readonly image: string;
  readonly port: string | null;
  readonly cmd: string | null;
  readonly restartPolicy: string;
  readonly networkArgs: readonly string[];
  readonly publishArgs: readonly string[];
  readonly labelArgs: readonly string[];
  readonly optionArgs: readonly string[];
  readonly envArgs: readonly string[];
  readonly volumeArgs: readonly string[];
  readonly env: Env;
  readonly envDirectory: string;
  /** Uploaded with mode 0600. */
  readonly envFilePath: string;
  readonly directories: readonly AccessoryDirectory[];
  readonly files: readonly AccessoryFile[];
  /** Its own registry, null when it uses none. */
  readonly registry: Registry | null;
  readonly runningProxy: boolean;
  readonly proxy: ProxySettings | null;
  /** Text of the env file. @throws SecretMissing */
  envFileContent(secrets: Secrets): string;
}

interface Mounted {
  readonly containerPath: string;
  readonly options: string | null;
  readonly mode: string | null;
  readonly owner: string | null;
}

/** A directory on the host that the container mounts. */
export interface AccessoryDirectory extends Mounted {
  /** As configured. */
  readonly local: string;
  /** For a shell on the host: absolute, or `$PWD/…`. */
  readonly path: string;
  /** For the volume argument: absolute, or relative to the SSH user's home. */
  readonly hostPath: string;
}

/** A file or folder of the project that is uploaded and mounted. */
export interface AccessoryFile extends Mounted {
  /** As configured, relative to the project. */
  readonly local: string;
  /** Its content is an ERB template. */
  readonly rendered: boolean;
  readonly hostPath: string;
}

export interface AccessoryFacts extends ProxyFacts {
  readonly root: Hash;
  readonly service: string;
  readonly roles: readonly Role[];
}

export function accessoryOf(name: string, facts: AccessoryFacts): Accessory {
  const config = section(section(facts.root, 'accessories'), name);
  const serviceName = text(config, 'service') ?? `${facts.service}-${name}`;
  const registry = ownRegistry(config);
  const options = section(config, 'options');
  const env = envOf(section(config, 'env'));
  const envFilePath = `${facts.directories.accessoryEnv}/${name}.env`;
  const directories = directoriesOf(config, serviceName);
  const files = filesOf(config, serviceName);
  const port = portOf(config);
  const runningProxy = isPresent(config.get('proxy'));
  return {
    name,
    serviceName,
    hosts: accessoryHosts(config, facts.root, facts.roles) ?? [],
    image: compactJoin([registry?.server, text(config, 'image')], '/'),
    port,
    cmd: text(config, 'cmd'),
    restartPolicy: restartPolicy(options),
    networkArgs: argumentize('--network', config.get('network') ?? 'kamal'),
    publishArgs: port === null ? [] : argumentize('--publish', port),
    labelArgs: argumentize('--label', new Map<string, Value>([['service', serviceName], ...(section(config, 'labels') as Map<string, Value>)])),
    optionArgs: optionArgs(options),
    envArgs: [...clearArgs(env), '--env-file', envFilePath],
    volumeArgs: [...argumentize('--volume', list(config, 'volumes')), ...[...files, ...directories].flatMap((mounted) => volumeArgs(mounted.hostPath, mounted.containerPath, mounted.options))],
    env,
    envDirectory: facts.directories.accessoryEnv,
    envFilePath,
    directories,
    files,
    registry,
    runningProxy,
    proxy: runningProxy ? proxyOf(section(config, 'proxy'), null, facts) : null,
    envFileContent: (secrets) => envFileContent(env, secrets),
  };
}

/**
 * Hosts of an accessory by host, hosts, role(s) or tag(s); null when none of them gives any. Tags are looked for only
 * among servers that stand in a role's plain list, as Kamal does.
 */
export function accessoryHosts(config: Hash, root: Hash, roles: readonly Role[]): string[] | null {
  const hostsOf = (role: Value) => roles.find(({ name }) => name === toS(role))?.hosts ?? [];
  if (config.has('host')) return [toS(config.get('host'))];
  if (config.has('hosts')) return list(config, 'hosts').map(toS);
  if (config.has('role')) return [...hostsOf(config.get('role') ?? null)];
  if (config.has('roles')) return list(config, 'roles').flatMap(hostsOf);
  if (!isHash(root.get('servers'))) return null;
  const tags = config.has('tag') ? [config.get('tag') ?? null] : list(config, 'tags');
  return tags.flatMap((tag) => taggedWith(toS(tag), section(root, 'servers')));
}

function taggedWith(tag: string, servers: Hash): string[] {
  return [...servers.values()].flatMap((role) =>
    (Array.isArray(role) ? role : []).flatMap((server) => {
      const [host = null, tags = null] = isHash(server) ? ([...server][0] ?? []) : [];
      // A text is searched for the tag as a part of it: Kamal calls include? on whatever stands there.
      const found = Array.isArray(tags) ? tags.some((item) => toS(item) === tag) : typeof tags === 'string' && tags.includes(tag);
      return found ? [toS(host)] : [];
    }),
  );
}

function portOf(config: Hash): string | null {
  const port = text(config, 'port');
  return port === null || port.includes(':') ? port : `${port}:${port}`;
}

interface PathEntry extends Mounted {
  readonly local: string;
}

function entries(config: Hash, key: string, mode: string | null): PathEntry[] {
  return list(config, key).map((entry) => {
    if (isHash(entry)) {
      return { local: text(entry, 'local') ?? '', containerPath: text(entry, 'remote') ?? '', options: text(entry, 'options'), mode: text(entry, 'mode') ?? mode, owner: text(entry, 'owner') };
    }
    const [local = '', containerPath = '', ...options] = toS(entry).split(':');
    return { local, containerPath, options: options.length > 0 ? options.join(':') : null, mode, owner: null };
  });
}

function directoriesOf(config: Hash, serviceName: string): AccessoryDirectory[] {
  const directories = entries(config, 'directories', null).map((entry) => {
    const absolute = path.posix.isAbsolute(entry.local);
    return { ...entry, path: absolute ? entry.local : `$PWD/${serviceName}/${entry.local}`, hostPath: absolute ? entry.local : `${serviceName}/${entry.local}` };
  });
  return lastOfEach(directories, ({ path: key }) => key);
}

function filesOf(config: Hash, serviceName: string): AccessoryFile[] {
  const files = entries(config, 'files', '755').map((entry) => ({ ...entry, rendered: entry.local.endsWith('erb'), hostPath: serviceName + entry.containerPath }));
  // Each rendered file is one of its own.
  return lastOfEach(files, (file) => (file.rendered ? file : path.posix.normalize(file.local)));
}

/** Kamal keeps files by their local path: of two with the same one the last wins, in the place of the first. */
function lastOfEach<T>(items: readonly T[], key: (item: T) => unknown): T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}
