import path from 'node:path';
import type { Accessory, AccessoryDirectory, AccessoryFile } from '../configuration/accessory.ts';
import type { Deployment } from '../deployment.ts';
import type { Command } from '../shell.ts';
import { containerIdFor, docker, makeDirectory } from './words.ts';

/** Changes to how Kamal starts an accessory. */
export interface AccessoryVariant {
  /** `create` makes the container without starting it. */
  readonly verb?: 'run' | 'create';
  readonly name?: string;
  /** Image to use in place of the configured one, such as the id of the one that runs. */
  readonly image?: string;
}

/** Starts an accessory (Kamal 2.12: `Commands::Accessory#run`). */
export function run(d: Deployment, accessory: Accessory, host: string, { verb = 'run', name, image }: AccessoryVariant = {}): Command {
  return docker(
    verb, '--name', name ?? accessory.serviceName, ...(verb === 'run' ? ['--detach'] : []), '--restart', accessory.restartPolicy,
    ...accessory.networkArgs, ...d.loggingArgs, ...accessory.publishArgs, '--env', `KAMAL_HOST="${host}"`, ...accessory.envArgs,
    ...accessory.volumeArgs, ...accessory.labelArgs, ...accessory.optionArgs, image ?? accessory.image, accessory.cmd,
  );
}

export function start(accessory: Accessory): Command {
  return docker('container', 'start', accessory.serviceName);
}

export function stop(accessory: Accessory): Command {
  return docker('container', 'stop', accessory.serviceName);
}

export function info(accessory: Accessory, { all = false, quiet = false } = {}): Command {
  return docker('ps', all ? '-a' : null, quiet ? '-q' : null, ...serviceFilter(accessory));
}

/** The last lines of its log; the double space is Kamal's. */
export function logs(accessory: Accessory, lines: number): Command {
  return docker('logs', accessory.serviceName, ` --tail ${lines}`, '--timestamps', '2>&1');
}

export function execInExisting(accessory: Accessory, command: readonly string[]): Command {
  return docker('exec', accessory.serviceName, ...command);
}

export function execInNew(accessory: Accessory, command: readonly string[]): Command {
  return docker('run', '--rm', ...accessory.networkArgs, ...accessory.envArgs, ...accessory.volumeArgs, ...accessory.optionArgs, accessory.image, ...command);
}

export function pullImage(accessory: Accessory): Command {
  return docker('image', 'pull', accessory.image);
}

export function removeServiceDirectory(accessory: Accessory): Command {
  return ['rm', '-rf', accessory.serviceName];
}

export function removeContainer(accessory: Accessory): Command {
  return docker('container', 'prune', '--force', ...serviceFilter(accessory));
}

export function removeImage(accessory: Accessory): Command {
  return docker('image', 'rm', '--force', accessory.image);
}

export function ensureEnvDirectory(accessory: Accessory): Command {
  return makeDirectory(accessory.envDirectory);
}

export function containerId(accessory: Accessory): Command {
  return containerIdFor(accessory.serviceName, { onlyRunning: true });
}

/** Registers the accessory with kamal-proxy; `version` names the error pages. */
export function deploy(accessory: Accessory, { target, version }: { target: string; version: string | null }): Command {
  return docker('exec', 'kamal-proxy', 'kamal-proxy', 'deploy', accessory.serviceName, ...(accessory.proxy?.deployArgs(target, version) ?? []));
}

export function removeFromProxy(accessory: Accessory): Command {
  return docker('exec', 'kamal-proxy', 'kamal-proxy', 'remove', accessory.serviceName);
}

/** Makes a mounted directory, with its mode and owner where configured. */
export function prepareDirectory(directory: AccessoryDirectory): Command[] {
  return [makeDirectory(directory.path), ...modeAndOwner(directory.path, directory.mode, directory.owner)];
}

/** What is done before and after the upload of a mounted file to `file.hostPath`. */
export function prepareFile(file: AccessoryFile): { before: Command[]; after: Command[] } {
  return { before: [makeDirectory(path.posix.dirname(file.hostPath))], after: modeAndOwner(file.hostPath, file.mode, file.owner) };
}

function modeAndOwner(target: string, mode: string | null, owner: string | null): Command[] {
  return [...(mode === null ? [] : [['chmod', mode, target]]), ...(owner === null ? [] : [['chown', owner, target]])];
}

function serviceFilter(accessory: Accessory): string[] {
  return ['--filter', `label=service=${accessory.serviceName}`];
}
