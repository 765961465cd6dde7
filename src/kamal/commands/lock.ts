import { compactJoin } from '../configuration/raw.ts';
import type { Deployment } from '../deployment.ts';
import type { Command } from '../shell.ts';
import { combine, makeDirectory, pipe, write } from './words.ts';

/** Directory of Kamal 2's deploy lock on the primary host; that it exists is the lock. */
export function lockDirectory(d: Pick<Deployment, 'service' | 'destination'> & { readonly directories: Pick<Deployment['directories'], 'run'> }): string {
  return `${d.directories.run}/${compactJoin(['lock', d.service, d.destination], '-')}`;
}

export function lockDetailsFile(d: Deployment): string {
  return `${lockDirectory(d)}/details`;
}

/** Who holds the lock, as Kamal writes it. `by` is `git config user.name`, `at` ISO 8601 in UTC. */
export function lockDetails({ by, at, version, message }: { by: string; at: string; version: string; message: string }): string {
  return `Locked by: ${by} at ${at}\nVersion: ${version}\nMessage: ${message}`.trim();
}

/** Takes the lock; fails when it is held (Kamal 2.12: `Commands::Lock#acquire`). */
export function acquire(d: Deployment, details: string): Command {
  return combine(['mkdir', lockDirectory(d)], write(['echo', `"${base64Lines(details)}"`], [lockDetailsFile(d)]));
}

export function release(d: Deployment): Command {
  return combine(['rm', lockDetailsFile(d)], ['rm', '-r', lockDirectory(d)]);
}

/** Prints the details of the lock; fails when it isn't held. */
export function status(d: Deployment): Command {
  return combine(write(['stat', lockDirectory(d)], ['/dev/null']), pipe(['cat', lockDetailsFile(d)], ['base64', '-d']));
}

export function ensureRunDirectory(d: Deployment): Command {
  return makeDirectory(d.directories.run);
}

/** Ruby's `Base64.encode64`: a newline after every 60 characters and at the end. */
export function base64Lines(text: string): string {
  return Buffer.from(text).toString('base64').replace(/.{1,60}/g, '$&\n');
}
