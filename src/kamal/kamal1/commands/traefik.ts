import { chain, combine, docker, makeDirectory } from '../../commands/words.ts';
import type { Command } from '../../shell.ts';
import type { Kamal1Deployment } from '../deployment.ts';
import { envArgs } from '../env.ts';

/** Changes to how Kamal starts Traefik. */
export interface TraefikVariant {
  /** `create` makes the container without starting it. */
  readonly verb?: 'run' | 'create';
  readonly name?: string;
  readonly restart?: string;
  /** A label, `name=value`. */
  readonly label?: string;
  /** The configuration's ports, or these in their place: `host port:container port`. */
  readonly publish?: 'configured' | readonly string[];
  /** Image to use in place of the configured one, such as the id of one that is pulled. */
  readonly image?: string;
}

/** Starts Traefik (Kamal 1.9: `Commands::Traefik#run`). */
export function run(d: Kamal1Deployment, { verb = 'run', name = 'traefik', restart = 'unless-stopped', publish = 'configured', label, image }: TraefikVariant = {}): Command {
  const { traefik } = d;
  return docker(
    verb, `--name ${name}`, ...(verb === 'run' ? ['--detach'] : []), '--restart', restart, ...(label === undefined ? [] : ['--label', label]), ...(publish === 'configured' ? traefik.publishArgs : publish.flatMap((port) => ['--publish', port])),
    '--volume', '/var/run/docker.sock:/var/run/docker.sock', ...envArgs(traefik.env, envFile(d)), ...d.loggingArgs, ...traefik.labelArgs, ...(publish === 'configured' ? traefik.optionArgs : traefik.unpublishedOptionArgs),
    image ?? traefik.image, ...traefik.cmdArgs,
  );
}

export function start(): Command {
  return docker('container', 'start', 'traefik');
}

export function stop(): Command {
  return docker('container', 'stop', 'traefik');
}

export function info(): Command {
  return docker('ps', '--filter', 'name=^traefik$');
}

export function removeContainer(): Command {
  return prune('container', 'Traefik');
}

export function removeImage(): Command {
  return prune('image', 'Traefik');
}

/** Kamal's own way to be rid of kamal-proxy on the way back; it removes the container of other services too. */
export function cleanUpKamalProxy(): Command {
  return chain(docker('container', 'stop', 'kamal-proxy'), combine(prune('container', 'kamal-proxy'), prune('image', 'kamal-proxy')));
}

export function envFile(d: Kamal1Deployment): string {
  return `${d.names.envDirectories.traefik}/traefik.env`;
}

export function ensureEnvDirectory(d: Kamal1Deployment): Command {
  return makeDirectory(d.names.envDirectories.traefik);
}

function prune(what: 'container' | 'image', title: string): Command {
  return docker(what, 'prune', ...(what === 'image' ? ['--all'] : []), '--force', '--filter', `label=org.opencontainers.image.title=${title}`);
}
