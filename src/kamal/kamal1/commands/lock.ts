import { base64Lines } from '../../commands/lock.ts';
import { combine, makeDirectory, pipe, write } from '../../commands/words.ts';
import type { Command } from '../../shell.ts';
import type { Kamal1Deployment } from '../deployment.ts';

/** Takes the lock; fails when it is held (Kamal 1.9: `Commands::Lock#acquire`). Details: `lock.lockDetails`. */
export function acquire({ names }: Kamal1Deployment, details: string): Command {
  return combine(['mkdir', names.lockDirectory], write(['echo', `"${base64Lines(details)}"`], [names.lockDetailsFile]));
}

export function release({ names }: Kamal1Deployment): Command {
  return combine(['rm', names.lockDetailsFile], ['rm', '-r', names.lockDirectory]);
}

/** Prints the details of the lock; fails when it isn't held. */
export function status({ names }: Kamal1Deployment): Command {
  return combine(write(['stat', names.lockDirectory], ['/dev/null']), pipe(['cat', names.lockDetailsFile], ['base64', '-d']));
}

export function ensureLocksDirectory({ names }: Kamal1Deployment): Command {
  return makeDirectory(names.locksDirectory);
}

export function ensureRunDirectory(d: Kamal1Deployment): Command {
  return makeDirectory(d.runDirectory);
}
