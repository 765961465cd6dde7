import path from 'node:path';
import { envOf, type Env } from '../configuration/env.ts';
import { list, section, text } from '../configuration/raw.ts';
import { argumentize, optionize } from '../ruby/args.ts';
import { toS, type Hash, type Value } from '../ruby/value.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { envArgs, envFileContent } from './env.ts';
import type { Kamal1Names } from './names.ts';
import { KAMAL1 } from './quoting.ts';
import type { Kamal1Role } from './role.ts';

/** A database, cache or the like beside the app (Kamal 1.9: `Configuration::Accessory`). */
export interface Kamal1Accessory {
  readonly name: string;
  /** Name of its container, and of its directory in the SSH user's home. */
  readonly serviceName: string;
  readonly hosts: readonly string[];
  /** Null when the configuration names none, which only Docker refuses. */
  readonly image: string | null;
  readonly port: string | null;
  readonly cmd: string | null;
  readonly publishArgs: readonly string[];
  readonly labelArgs: readonly string[];
  readonly optionArgs: readonly string[];
  readonly envArgs: readonly string[];
  readonly volumeArgs: readonly string[];
  readonly env: Env;
  readonly envDirectory: string;
  readonly envFilePath: string;
  readonly directories: readonly Kamal1Directory[];
  readonly files: readonly Kamal1File[];
  /** Text of the env file. @throws SecretMissing */
  envFileContent(secrets: Secrets): string;
}

/** A directory on the host that the container mounts. */
export interface Kamal1Directory {
  /** For a shell on the host: absolute, or `$PWD/…`. */
  readonly path: string;
  readonly containerPath: string;
}

/** A file of the project that is uploaded with mode 0755 and mounted. */
export interface Kamal1File {
  /** As configured, relative to the project. */
  readonly local: string;
  /** Its content is an ERB template. */
  readonly rendered: boolean;
  /** Relative to the SSH user's home. */
  readonly hostPath: string;
  readonly containerPath: string;
}

export interface Kamal1AccessoryFacts {
  readonly root: Hash;
  readonly service: string;
  readonly names: Kamal1Names;
  readonly roles: readonly Kamal1Role[];
}

export function kamal1AccessoryOf(name: string, facts: Kamal1AccessoryFacts): Kamal1Accessory {
  const config = section(section(facts.root, 'accessories'), name);
  const serviceName = text(config, 'service') ?? `${facts.service}-${name}`;
  const env = envOf(section(config, 'env'));
  const envFilePath = `${facts.names.envDirectories.accessories}/${serviceName}.env`;
  const files = pairs(config, 'files').map(([local, remote]) => ({ local, rendered: local.endsWith('erb'), hostPath: serviceName + remote, containerPath: remote }));
  const directories = pairs(config, 'directories').map(([local, remote]) => ({ path: path.posix.isAbsolute(local) ? local : `$PWD/${serviceName}/${local}`, containerPath: remote }));
  const port = portOf(config);
  // Each line of the configuration is mounted, also where two name the same file or directory.
  const mounts = [...files.map(({ containerPath }) => `$PWD/${serviceName}${containerPath}:${containerPath}`), ...directories.map((directory) => `${directory.path}:${directory.containerPath}`)];
  return {
    name,
    serviceName,
    hosts: hostsOf(config, facts.roles),
    image: text(config, 'image'),
    port,
    cmd: text(config, 'cmd'),
    publishArgs: port === null ? [] : argumentize('--publish', port, KAMAL1),
    labelArgs: argumentize('--label', new Map<string, Value>([['service', serviceName], ...(section(config, 'labels') as Map<string, Value>)]), KAMAL1),
    optionArgs: optionize(section(config, 'options'), undefined, KAMAL1),
    envArgs: envArgs(env, envFilePath),
    volumeArgs: argumentize('--volume', [...list(config, 'volumes'), ...mounts], KAMAL1),
    env,
    envDirectory: facts.names.envDirectories.accessories,
    envFilePath,
    directories: lastOfEach(directories, (directory) => directory.path),
    // Each rendered file is one of its own.
    files: lastOfEach(files, (file) => (file.rendered ? file : path.posix.normalize(file.local))),
    envFileContent: (secrets) => envFileContent(env, secrets),
  };
}

function hostsOf(config: Hash, roles: readonly Kamal1Role[]): string[] {
  if (config.has('host')) return [toS(config.get('host'))];
  if (config.has('hosts')) return list(config, 'hosts').map(toS);
  return list(config, 'roles').flatMap((role) => roles.find(({ name }) => name === toS(role))?.hosts ?? []);
}

function portOf(config: Hash): string | null {
  const port = text(config, 'port');
  return port === null || port.includes(':') ? port : `${port}:${port}`;
}

/** `local:remote`; Kamal 1 drops what stands behind a second colon. */
function pairs(config: Hash, key: string): [string, string][] {
  return list(config, key).map((entry) => {
    const [local = '', remote = ''] = toS(entry).split(':');
    return [local, remote];
  });
}

/** Of two with the same key the last wins, in the place of the first. */
function lastOfEach<T>(items: readonly T[], key: (item: T) => unknown): T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}
