import path from 'node:path';
import { docker, makeDirectory } from '../../commands/words.ts';
import type { Command } from '../../shell.ts';
import type { Kamal1Accessory, Kamal1Directory, Kamal1File } from '../accessory.ts';
import type { Kamal1Deployment } from '../deployment.ts';

/** Changes to how Kamal starts an accessory. */
export interface Kamal1AccessoryVariant {
  /** `create` makes the container without starting it. */
  readonly verb?: 'run' | 'create';
  readonly name?: string;
  /** Image to use in place of the configured one, such as the id of the one that runs. */
  readonly image?: string;
}

/** Starts an accessory, on Docker's default bridge (Kamal 1.9: `Commands::Accessory#run`). */
export function run(d: Kamal1Deployment, accessory: Kamal1Accessory, { verb = 'run', name, image }: Kamal1AccessoryVariant = {}): Command {
  return docker(
    verb, '--name', name ?? accessory.serviceName, ...(verb === 'run' ? ['--detach'] : []), '--restart', 'unless-stopped', ...d.loggingArgs,
    ...accessory.publishArgs, ...accessory.envArgs, ...accessory.volumeArgs, ...accessory.labelArgs, ...accessory.optionArgs, image ?? accessory.image, accessory.cmd,
  );
}

export function start(accessory: Kamal1Accessory): Command {
  return docker('container', 'start', accessory.serviceName);
}

export function stop(accessory: Kamal1Accessory): Command {
  return docker('container', 'stop', accessory.serviceName);
}

export function info(accessory: Kamal1Accessory): Command {
  return docker('ps', '--filter', `label=service=${accessory.serviceName}`);
}

export function execInExisting(accessory: Kamal1Accessory, command: readonly string[]): Command {
  return docker('exec', accessory.serviceName, ...command);
}

export function execInNew(accessory: Kamal1Accessory, command: readonly string[]): Command {
  return docker('run', '--rm', ...accessory.envArgs, ...accessory.volumeArgs, accessory.image, ...command);
}

export function removeServiceDirectory(accessory: Kamal1Accessory): Command {
  return ['rm', '-rf', accessory.serviceName];
}

export function removeContainer(accessory: Kamal1Accessory): Command {
  return docker('container', 'prune', '--force', '--filter', `label=service=${accessory.serviceName}`);
}

export function removeImage(accessory: Kamal1Accessory): Command {
  return docker('image', 'rm', '--force', accessory.image);
}

export function ensureEnvDirectory(accessory: Kamal1Accessory): Command {
  return makeDirectory(accessory.envDirectory);
}

/** Makes a mounted directory. */
export function prepareDirectory(directory: Kamal1Directory): Command[] {
  return [makeDirectory(directory.path)];
}

/** What is done before and after the upload of a mounted file to `file.hostPath`. */
export function prepareFile(file: Kamal1File): { before: Command[]; after: Command[] } {
  return { before: [makeDirectory(path.posix.dirname(file.hostPath))], after: [['chmod', '755', file.hostPath]] };
}
