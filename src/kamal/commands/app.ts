import path from 'node:path';
import { hasAssets, type Role } from '../configuration/role.ts';
import { stopArgs } from '../configuration/proxy.ts';
import type { Deployment } from '../deployment.ts';
import { argumentize } from '../ruby/args.ts';
import type { Hash } from '../ruby/value.ts';
import type { Command } from '../shell.ts';
import { chain, combine, containerIdFor, docker, makeDirectory, pipe, shell, xargs } from './words.ts';

/** Health of a container, its status when it has no health check. */
export const STATUS_FORMAT = "'{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}'";
const ACTIVE = ['running', 'restarting'];

/** What `docker run` of the app needs beside the deployment. */
export interface Run {
  readonly role: Role;
  readonly host: string;
  readonly version: string;
  /** Host name inside the container: {@link hostnameFor}. */
  readonly hostname?: string;
  /** The image to run, the deployment's repository with the version unless given. */
  readonly image?: string;
}

/** Starts the app's container of a role (Kamal 2.12: `Commands::App#run`). */
export function run(d: Deployment, { role, host, version, hostname, image }: Run): Command {
  const name = role.containerName(version);
  return docker(
    'run', '--detach', '--restart', role.restartPolicy, '--name', name, '--network', 'kamal',
    ...(hostname === undefined ? [] : ['--hostname', hostname]),
    '--env', `KAMAL_CONTAINER_NAME="${name}"`,
    '--env', `KAMAL_VERSION="${version}"`,
    '--env', `KAMAL_HOST="${host}"`,
    ...(d.destination === null ? [] : ['--env', `KAMAL_DESTINATION="${d.destination}"`]),
    ...role.envArgs(host),
    ...role.loggingArgs,
    ...d.volumeArgs,
    ...(role.assets?.volumeArgs(version) ?? []),
    ...role.labelArgs,
    ...role.optionArgs,
    image ?? d.absoluteImage(version),
    role.cmd,
  );
}

/** The container's host name as Kamal makes it at boot; `random` is 12 hex digits. */
export function hostnameFor(host: string, random: string): string {
  return `${hostnamePrefix(host)}-${random}`;
}

/** A host's name as far as it goes into the container's host name (Kamal 2.12: app boot): 51 characters, no dot at the end. */
export function hostnamePrefix(host: string): string {
  return Array.from(host).slice(0, 51).join('').replace(/\.$/, '');
}

/** Registers a container with the host's kamal-proxy under the role's name, once it is healthy. */
export function deploy(_d: Deployment, { role, target, version }: { role: Role; target: string; version: string }): Command {
  return proxyExec('deploy', role.containerPrefix, ...(role.proxy?.deployArgs(target, version) ?? []));
}

export function removeFromProxy(role: Role): Command {
  return proxyExec('remove', role.containerPrefix);
}

export function live(role: Role): Command {
  return proxyExec('resume', role.containerPrefix);
}

/** kamal-proxy answers for the app with its maintenance page. `drainTimeout` in seconds. */
export function maintenance(role: Role, options: { drainTimeout?: number; message?: string }): Command {
  return proxyExec('stop', role.containerPrefix, ...stopArgs(options));
}

function proxyExec(...words: string[]): Command {
  return docker('exec', 'kamal-proxy', 'kamal-proxy', ...words);
}

export function start(role: Role, version: string): Command {
  return docker('start', role.containerName(version));
}

/** Health status of a version's container, its plain status when it has no health check. */
export function statusOf(role: Role, version: string): Command {
  return pipe(containerIdForVersion(role, version), xargs(docker('inspect', '--format', STATUS_FORMAT)));
}

/** Stops a version's container, or the running one when no version is given. */
export function stop(d: Deployment, role: Role, version?: string): Command {
  const id = version === undefined ? currentRunningContainer(d, role, '--quiet') : containerIdForVersion(role, version);
  return pipe(id, xargs(docker('stop', ...role.stopArgs)));
}

export function containerIdForVersion(role: Role, version: string, { onlyRunning = false } = {}): Command {
  return containerIdFor(role.containerName(version), { onlyRunning });
}

/** Version of the running container: one of the latest image before the last one started. */
export function currentRunningVersion(d: Deployment, role: Role): Command {
  return pipe(currentRunningContainer(d, role, "--format '{{.Names}}'"), extractVersion(role));
}

export function listVersions(d: Deployment, role: Role): Command {
  return pipe(docker('ps', ...filters(d, role), '--format', '"{{.Names}}"'), extractVersion(role));
}

export function renameContainer(role: Role, { version, newVersion }: { version: string; newVersion: string }): Command {
  return docker('rename', role.containerName(version), role.containerName(newVersion));
}

export function ensureEnvDirectory(role: Role): Command {
  return makeDirectory(role.envDirectory);
}

export function tagLatestImage(d: Deployment, version: string): Command {
  return docker('tag', d.absoluteImage(version), d.latestImage);
}

export function removeImages(d: Deployment): Command {
  return docker('image', 'prune', '--all', '--force', ...argumentize('--filter', [`label=service=${d.service}`]));
}

/** Runs a command in the app's running container. */
export function execInExisting(role: Role, { version, command, env }: { version: string; command: readonly string[]; env: Hash }): Command {
  return docker('exec', ...argumentize('--env', env), role.containerName(version), ...command);
}

/** Runs a command in a new container of the app; `random` is 6 hex digits. */
export function execInNew(d: Deployment, { role, host, version, random, command }: { role: Role; host: string; version: string; random: string; command: readonly string[] }): Command {
  return docker(
    'run', '--rm', '--name', `${role.containerPrefix}-exec-${version}-${random}`, '--network', 'kamal',
    ...role.envArgs(host), ...role.loggingArgs, ...d.volumeArgs, ...role.optionArgs, d.absoluteImage(version), ...command,
  );
}

/** Copies the image's assets to the host (Kamal 2.12: `Commands::App::Assets`). */
export function extractAssets(d: Deployment, role: Role, version: string): Command | null {
  if (!hasAssets(role)) return null;
  const container = `${role.containerPrefix}-assets`;
  const directory = role.assets.extractedDirectory(version);
  return combine(
    makeDirectory(directory),
    [...docker('container', 'rm', container, '2> /dev/null'), '|| true'],
    docker('container', 'create', '--name', container, d.absoluteImage(version)),
    docker('container', 'cp', '-L', `${container}:${role.assets.path}/.`, directory),
    docker('container', 'rm', container),
  );
}

/** Fills the new version's asset volume; with an old version both volumes get both versions' files. */
export function syncAssetVolumes(role: Role, { version, oldVersion }: { version: string; oldVersion?: string }): Command | null {
  if (!hasAssets(role)) return null;
  const { assets } = role;
  const extracted = assets.extractedDirectory(version);
  const volume = assets.volumeDirectory(version);
  const copy = (from: string, to: string, ...rest: string[]): Command => ['cp', '-rnT', from, to, ...rest];
  const old = oldVersion === undefined || oldVersion.trim() === '' ? null : oldVersion;
  return chain(
    makeDirectory(volume),
    copy(extracted, volume),
    old === null ? null : copy(extracted, assets.volumeDirectory(old), '|| true'),
    old === null ? null : copy(assets.extractedDirectory(old), volume, '|| true'),
  );
}

/** Removes the assets of all other versions. */
export function cleanUpAssets(role: Role, version: string): Command | null {
  if (!hasAssets(role)) return null;
  const others = (directory: string): Command => [
    'find', path.posix.dirname(directory), '-maxdepth 1', '-name', `'${role.name}-*'`, '!', '-name', path.posix.basename(directory), '-exec rm -rf "{}" +',
  ];
  return chain(others(role.assets.extractedDirectory(version)), others(role.assets.volumeDirectory(version)));
}

export function createErrorPagesDirectory(d: Deployment): Command {
  return makeDirectory(d.directories.errorPages);
}

export function cleanUpErrorPages(d: Deployment, version: string): Command {
  return ['find', d.directories.errorPages, '-mindepth', '1', '-maxdepth', '1', '!', '-name', version, '-exec', 'rm', '-rf', '{} +'];
}

/** Where a role's own certificate goes; the files have mode 0644. */
export function createSslDirectory(d: Deployment, role: Role): Command {
  return makeDirectory(`${d.directories.tls}/${role.name}`);
}

function currentRunningContainer(d: Deployment, role: Role, format: string): Command {
  const latestImageId = docker('image', 'ls', '--filter', `reference=${d.latestImage}`, '--format', "'{{.ID}}'");
  const latest = (...more: string[]) => docker('ps', '--latest', format, ...filters(d, role, ACTIVE), ...argumentize('--filter', more));
  return pipe(shell(chain(latest(`ancestor=$(${latestImageId.join(' ')})`), latest())), ['head', '-1']);
}

function filters(d: Deployment, role: Role, statuses: readonly string[] = []): string[] {
  return argumentize('--filter', [`label=service=${d.service}`, `label=destination=${d.destination ?? ''}`, `label=role=${role.name}`, ...statuses.map((status) => `status=${status}`)]);
}

/** Turns a role's container names, read line by line, into versions. */
export function extractVersion(role: Pick<Role, 'containerPrefix'>): Command {
  return [`while read line; do echo \${line#${role.containerPrefix}-}; done`];
}
