import { envOf, mergeEnv, type Env } from '../configuration/env.ts';
import { loggingArgs } from '../configuration/logging.ts';
import { compactJoin, or, presence, section, text } from '../configuration/raw.ts';
import { roleConfig, taggedHosts } from '../configuration/role.ts';
import { argumentize, optionize } from '../ruby/args.ts';
import { deepMerge, isHash, isPresent, toS, type Hash, type Value } from '../ruby/value.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { envArgs, envFileContent } from './env.ts';
import { healthcheckOf, type Healthcheck } from './healthcheck.ts';
import type { Kamal1Names } from './names.ts';
import { KAMAL1 } from './quoting.ts';
import { volumeArgs } from './volume.ts';

/** One role of the app (Kamal 1.9: `Configuration::Role`). */
export interface Kamal1Role {
  readonly name: string;
  readonly hosts: readonly string[];
  /** Tags by host. */
  readonly tags: ReadonlyMap<string, readonly string[]>;
  readonly primary: boolean;
  readonly runningTraefik: boolean;
  readonly cmd: string | null;
  readonly optionArgs: readonly string[];
  readonly loggingArgs: readonly string[];
  readonly labels: Hash;
  readonly labelArgs: readonly string[];
  /** Service, role and destination; also the name of its router and service in Traefik. */
  readonly containerPrefix: string;
  readonly envDirectory: string;
  readonly envFilePath: string;
  readonly healthcheck: Healthcheck;
  /** Null when its containers have no cord: they are stopped without being taken out of Traefik first. */
  readonly cord: Cord | null;
  readonly assets: Kamal1Assets | null;
  containerName(version: string): string;
  /** Docker's health check of its containers; with a cord when `runId` is given and the role uses one. */
  healthCheckArgs(runId: string | null): string[];
  env(host: string): Env;
  envArgs(host: string): string[];
  /** Text of the env file. @throws SecretMissing */
  envFileContent(host: string, secrets: Secrets): string;
}

/**
 * A file on the host that a container's health hangs on: without it the container is unhealthy, and Traefik sends it
 * nothing more. `runId` is 32 hex digits, the same for all containers that one run boots.
 */
export interface Cord {
  readonly containerDirectory: string;
  readonly containerFile: string;
  hostDirectory(runId: string): string;
  hostFile(runId: string): string;
  volumeArgs(runId: string): string[];
}

/** Files of the image that old and new containers both serve. */
export interface Kamal1Assets {
  readonly path: string;
  extractedDirectory(version: string): string;
  volumeDirectory(version: string): string;
  volumeArgs(version: string): string[];
}

/** What a role takes from the rest of the configuration. */
export interface Kamal1RoleFacts {
  readonly root: Hash;
  readonly service: string;
  readonly destination: string | null;
  readonly names: Kamal1Names;
  readonly primaryRole: string;
}

export function kamal1RoleOf(name: string, facts: Kamal1RoleFacts): Kamal1Role {
  const { root, names } = facts;
  const config = roleConfig(root, name);
  const special: Hash = isHash(config) ? config : new Map();
  const tags = taggedHosts(config);
  const primary = facts.primaryRole === name;
  const ownTraefik = special.get('traefik') ?? null;
  const runningTraefik = ownTraefik === null ? primary : ownTraefik !== false;
  const containerPrefix = compactJoin([facts.service, name, facts.destination], '-');
  const containerName = (version: string) => `${containerPrefix}-${version}`;
  const envFilePath = names.roleEnvFile(name);
  const labels = labelsOf(facts, { name, special, service: runningTraefik ? containerPrefix : null });
  const ownHealthcheck = section(special, 'healthcheck');
  const healthcheck = healthcheckOf(runningTraefik ? deepMerge(section(root, 'healthcheck'), ownHealthcheck) : ownHealthcheck);
  const cord = runningTraefik && healthcheck.cord !== null && isPresent(healthcheck.cmd) ? cordOf(healthcheck.cord, `${names.cordsDirectory}/${containerPrefix}`) : null;
  const env = (host: string) => hostEnv(root, special, tags.get(host) ?? []);
  return {
    name,
    hosts: [...tags.keys()],
    tags,
    primary,
    runningTraefik,
    cmd: text(special, 'cmd'),
    optionArgs: optionize(section(special, 'options'), undefined, KAMAL1),
    loggingArgs: loggingArgs(deepMerge(section(root, 'logging'), section(special, 'logging')), KAMAL1),
    labels,
    labelArgs: argumentize('--label', labels, KAMAL1),
    containerPrefix,
    envDirectory: names.envDirectories.roles,
    envFilePath,
    healthcheck,
    cord,
    assets: runningTraefik ? assetsOf(special, facts, containerName) : null,
    containerName,
    healthCheckArgs: (runId) => (runningTraefik || healthcheck.setsPortOrPath ? healthCheckArgs(healthcheck, cord, runId) : []),
    env,
    envArgs: (host) => envArgs(env(host), envFilePath),
    envFileContent: (host, secrets) => envFileContent(env(host), secrets),
  };
}

function hostEnv(root: Hash, special: Hash, tags: readonly string[]): Env {
  const rootEnv = section(root, 'env');
  const known = section(rootEnv, 'tags');
  const tagged = tags.map((tag) => known.get(tag)).filter(isHash);
  return [envOf(section(special, 'env')), ...tagged.map(envOf)].reduce(mergeEnv, envOf(rootEnv));
}

/** `service` is the role's name in Traefik, null when it isn't behind it. */
function labelsOf(facts: Kamal1RoleFacts, { name, special, service }: { name: string; special: Hash; service: string | null }): Hash {
  const base: Hash = new Map<string, Value>([['service', facts.service], ['role', name], ['destination', facts.destination]]);
  return new Map([...base, ...(service === null ? [] : traefikLabels(service)), ...section(facts.root, 'labels'), ...section(special, 'labels')]);
}

function traefikLabels(service: string): [string, string][] {
  return [
    // With a setting of its own the service keeps its name from version to version.
    [`traefik.http.services.${service}.loadbalancer.server.scheme`, 'http'],
    [`traefik.http.routers.${service}.rule`, 'PathPrefix(`/`)'],
    [`traefik.http.routers.${service}.priority`, '2'],
    [`traefik.http.middlewares.${service}-retry.retry.attempts`, '5'],
    [`traefik.http.middlewares.${service}-retry.retry.initialinterval`, '500ms'],
    [`traefik.http.routers.${service}.middlewares`, `${service}-retry@docker`],
  ];
}

function cordOf(containerDirectory: string, prefix: string): Cord {
  const hostDirectory = (runId: string) => `${prefix}-${runId}`;
  return {
    containerDirectory,
    containerFile: `${containerDirectory.replace(/\/+$/, '')}/cord`,
    hostDirectory,
    hostFile: (runId) => `${hostDirectory(runId)}/cord`,
    volumeArgs: (runId) => volumeArgs(hostDirectory(runId), containerDirectory),
  };
}

function healthCheckArgs({ cmd, interval }: Healthcheck, cord: Cord | null, runId: string | null): string[] {
  if (cord === null || runId === null) return optionize({ 'health-cmd': cmd, 'health-interval': interval }, undefined, KAMAL1);
  const withCord = `(${toS(cmd)}) && (stat ${cord.containerFile} > /dev/null || exit 1)`;
  return [...optionize({ 'health-cmd': withCord, 'health-interval': interval }, undefined, KAMAL1), ...cord.volumeArgs(runId)];
}

function assetsOf(special: Hash, { root, names }: Kamal1RoleFacts, containerName: (version: string) => string): Kamal1Assets | null {
  const path = presence(or(special.get('asset_path'), root.get('asset_path') ?? null));
  if (path === null) return null;
  const volumeDirectory = (version: string) => `${names.assetsDirectory}/volumes/${containerName(version)}`;
  return {
    path,
    extractedDirectory: (version) => `${names.assetsDirectory}/extracted/${containerName(version)}`,
    volumeDirectory,
    volumeArgs: (version) => volumeArgs(volumeDirectory(version), path),
  };
}
