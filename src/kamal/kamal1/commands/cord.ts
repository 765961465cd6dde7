import path from 'node:path';
import { chain, docker, makeDirectory, pipe, removeDirectory } from '../../commands/words.ts';
import type { Command } from '../../shell.ts';
import type { Cord, Kamal1Role } from '../role.ts';

/** Makes the cord's file, before the container starts (Kamal 1.9: `Commands::App::Cord`). */
export function tie(file: string): Command {
  return chain(makeDirectory(path.posix.dirname(file)), ['touch', file]);
}

/** Prints the directory on the host in which a version's container has its cord; nothing when it has none. */
export function find(role: Kamal1Role, cord: Cord, version: string): Command {
  return pipe(
    docker('inspect', `-f '{{ range .Mounts }}{{printf "%s %s\\n" .Source .Destination}}{{ end }}'`, role.containerName(version)),
    ['awk', `'$2 == "${cord.containerDirectory}" {print $1}'`],
  );
}

/** Takes a container out of Traefik: without its cord it becomes unhealthy. */
export function cut(directory: string): Command {
  return removeDirectory(directory);
}
