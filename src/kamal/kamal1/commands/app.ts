import { argumentize } from '../../ruby/args.ts';
import { chain, docker, makeDirectory, pipe, shell, xargs } from '../../commands/words.ts';
import { extractVersion, STATUS_FORMAT } from '../../commands/app.ts';
import type { Command } from '../../shell.ts';
import type { Kamal1Deployment } from '../deployment.ts';
import { KAMAL1 } from '../quoting.ts';
import type { Kamal1Role } from '../role.ts';

/** What `docker run` of the app needs beside the deployment. */
export interface Kamal1Run {
  readonly role: Kamal1Role;
  readonly host: string;
  readonly version: string;
  /** Names the cord's directory: 32 hex digits, the same for all containers that one run boots; null: no cord. */
  readonly runId: string | null;
  /** Host name inside the container: `app.hostnameFor`. */
  readonly hostname?: string;
  /** The image to run, the deployment's repository with the version unless given. */
  readonly image?: string;
}

/** Starts the app's container of a role, on Docker's default bridge (Kamal 1.9: `Commands::App#run`). */
export function run(d: Kamal1Deployment, { role, host, version, runId, hostname, image }: Kamal1Run): Command {
  const name = role.containerName(version);
  return docker(
    'run', '--detach', '--restart unless-stopped', '--name', name,
    ...(hostname === undefined ? [] : ['--hostname', hostname]),
    '-e', `KAMAL_CONTAINER_NAME="${name}"`,
    '-e', `KAMAL_VERSION="${version}"`,
    ...role.envArgs(host),
    ...role.healthCheckArgs(runId),
    ...role.loggingArgs,
    ...d.volumeArgs,
    ...(role.assets?.volumeArgs(version) ?? []),
    ...role.labelArgs,
    ...role.optionArgs,
    image ?? d.absoluteImage(version),
    role.cmd,
  );
}

export function start(role: Kamal1Role, version: string): Command {
  return docker('start', role.containerName(version));
}

/** Health status of a version's container, its plain status when it has no health check. */
export function statusOf(role: Kamal1Role, version: string): Command {
  return pipe(containerIdForVersion(role, version), xargs(docker('inspect', '--format', STATUS_FORMAT)));
}

/** Stops a version's container, or the running one when no version is given. */
export function stop(d: Kamal1Deployment, role: Kamal1Role, version?: string): Command {
  const { stopWaitTime } = d.timeouts;
  const id = version === undefined ? currentRunningContainer(d, role, '--quiet') : containerIdForVersion(role, version);
  return pipe(id, xargs(docker('stop', ...(stopWaitTime === null ? [] : ['-t', String(stopWaitTime)]))));
}

export function containerIdForVersion(role: Kamal1Role, version: string): Command {
  return docker('container', 'ls', '--all', '--filter', `name=^${role.containerName(version)}$`, '--quiet');
}

/** Version of the running container: one of the latest image before the last one started. */
export function currentRunningVersion(d: Kamal1Deployment, role: Kamal1Role): Command {
  return pipe(currentRunningContainer(d, role, "--format '{{.Names}}'"), extractVersion(role));
}

export function listVersions(d: Kamal1Deployment, role: Kamal1Role): Command {
  return pipe(docker('ps', ...filters(d, role), '--format', '"{{.Names}}"'), extractVersion(role));
}

export function renameContainer(role: Kamal1Role, { version, newVersion }: { version: string; newVersion: string }): Command {
  return docker('rename', role.containerName(version), role.containerName(newVersion));
}

export function ensureEnvDirectory(role: Kamal1Role): Command {
  return makeDirectory(role.envDirectory);
}

export function tagLatestImage(d: Kamal1Deployment, version: string): Command {
  return docker('tag', d.absoluteImage(version), d.latestImage);
}

export function removeImages(d: Kamal1Deployment): Command {
  return docker('image', 'prune', '--all', '--force', ...filters(d, null));
}

/** Runs a command in a new container of the app. */
export function execInNew(d: Kamal1Deployment, { role, host, version, command }: { role: Kamal1Role; host: string; version: string; command: readonly string[] }): Command {
  return docker('run', '--rm', ...role.envArgs(host), ...d.volumeArgs, ...role.optionArgs, d.absoluteImage(version), ...command);
}

function currentRunningContainer(d: Kamal1Deployment, role: Kamal1Role, format: string): Command {
  const latestImageId = docker('image', 'ls', ...argumentize('--filter', [`reference=${d.latestImage}`], KAMAL1), '--format', "'{{.ID}}'");
  const latest = (...more: string[]) => docker('ps', '--latest', format, ...filters(d, role, ['running', 'restarting']), ...argumentize('--filter', more, KAMAL1));
  return pipe(shell(chain(latest(`ancestor=$(${latestImageId.join(' ')})`), latest())), ['head', '-1']);
}

function filters(d: Kamal1Deployment, role: Kamal1Role | null, statuses: readonly string[] = []): string[] {
  const destination = d.destination === null ? [] : [`label=destination=${d.destination}`];
  const ofRole = role === null ? [] : [`label=role=${role.name}`];
  return argumentize('--filter', [`label=service=${d.service}`, ...destination, ...ofRole, ...statuses.map((status) => `status=${status}`)], KAMAL1);
}
