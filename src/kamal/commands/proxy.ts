import { volumeArgs } from '../configuration/volume.ts';
import { MINIMUM_PROXY_VERSION, PROXY_REPOSITORY } from '../configuration/proxy-run.ts';
import type { Deployment } from '../deployment.ts';
import type { Command } from '../shell.ts';
import { chain, combine, any, docker, makeDirectory, pipe, removeDirectory, xargs } from './words.ts';

/** Name of the container that serves a host. */
export const PROXY_CONTAINER = 'kamal-proxy';
/** The volume with kamal-proxy's state and certificates, and where it stands in the container. */
export const PROXY_STATE_VOLUME = 'kamal-proxy-config';
export const PROXY_STATE_PATH = '/home/kamal-proxy/.config/kamal-proxy';

/** Changes to how Kamal starts the proxy, for a second proxy beside the one that serves. */
export interface ProxyVariant {
  /** `create` makes the container without starting it. */
  readonly verb?: 'run' | 'create';
  readonly name?: string;
  /** False: no ports of the host. A list: these in place of the configured ones, as for `docker run --publish`. */
  readonly publish?: boolean | readonly string[];
  /** Restart policy, `unless-stopped` unless given. */
  readonly restart?: string;
  /** A label, `name=value`. */
  readonly label?: string;
}

/**
 * Starts kamal-proxy as Kamal 2.12 does on a host (`Commands::Proxy#run`). Without `proxy/run` the files that
 * `kamal proxy boot_config set` may have left on the host decide, so the host's shell puts the command together.
 */
export function run(d: Deployment, host: string, variant: ProxyVariant = {}): Command {
  const own = d.proxyRun(host);
  if (own) {
    return docker(
      ...base(variant), ...volumeArgs(d.directories.appsConfig, d.directories.appsConfigInContainer), ...publish(variant, own.publishArgs), ...own.loggingArgs,
      ...own.exposeArgs, ...own.optionArgs, own.image, own.runCommand,
    );
  }
  return pipe(bootConfig(d, variant), xargs(docker(...base(variant), ...volumeArgs(d.directories.appsConfig, d.directories.appsConfigInContainer), ...publish(variant, []))));
}

function base({ verb = 'run', name = PROXY_CONTAINER, restart = 'unless-stopped', label }: ProxyVariant): string[] {
  return [verb, '--name', name, '--network', 'kamal', ...(verb === 'run' ? ['--detach'] : []), '--restart', restart, ...(label === undefined ? [] : ['--label', label]), '--volume', `${PROXY_STATE_VOLUME}:${PROXY_STATE_PATH}`];
}

function publish({ publish: wanted = true }: ProxyVariant, configured: readonly string[]): readonly string[] {
  if (wanted === true) return configured;
  return wanted === false ? [] : wanted.flatMap((port) => ['--publish', port]);
}

/** Options, image and command of the proxy from the files of `proxy boot_config`, else Kamal's defaults. */
function bootConfig(d: Deployment, variant: ProxyVariant): Command {
  const file = (name: string, fallback: string) => `$(cat ${d.directories.proxy}/${name} 2> /dev/null || echo "${fallback}")`;
  const options = file('options', '--publish 80:80 --publish 443:443 --log-opt max-size=10m');
  // Ports of the host belong to one container: those in the options are taken out of a variant that has others.
  const kept = (variant.publish ?? true) === true ? options : withoutPublish(options);
  return ['echo', `${kept} ${file('image', PROXY_REPOSITORY)}:${file('image_version', MINIMUM_PROXY_VERSION)} ${file('run_command', '')}`];
}

function withoutPublish(options: string): string {
  return `$(echo ${options} | sed -E 's/(^| )(--publish|-p)[ =][^ ]+//g')`;
}

export function start(name = PROXY_CONTAINER): Command {
  return docker('container', 'start', name);
}

export function stop(name = PROXY_CONTAINER): Command {
  return docker('container', 'stop', name);
}

export function startOrRun(d: Deployment, host: string): Command {
  return any(start(), run(d, host));
}

export function info(): Command {
  return docker('ps', '--filter', `'name=^${PROXY_CONTAINER}$'`);
}

/** Tag of the image that the proxy's container was made from. */
export function version(name = PROXY_CONTAINER): Command {
  return pipe(docker('inspect', name, "--format '{{.Config.Image}}'"), ['awk', '-F:', "'{print $NF}'"]);
}

/** Kamal removes stopped proxies by the title of their image. */
export function removeContainer(): Command {
  return docker('container', 'prune', '--force', '--filter', 'label=org.opencontainers.image.title=kamal-proxy');
}

export function removeImage(): Command {
  return docker('image', 'prune', '--all', '--force', '--filter', 'label=org.opencontainers.image.title=kamal-proxy');
}

/** How Kamal gets rid of Traefik; it also takes a Traefik that isn't Kamal's. */
export function cleanupTraefik(): Command {
  return chain(
    docker('container', 'stop', 'traefik'),
    combine(
      docker('container', 'prune', '--force', '--filter', 'label=org.opencontainers.image.title=Traefik'),
      docker('image', 'prune', '--all', '--force', '--filter', 'label=org.opencontainers.image.title=Traefik'),
    ),
  );
}

export function ensureProxyDirectory(d: Deployment): Command {
  return makeDirectory(d.directories.proxy);
}

export function removeProxyDirectory(d: Deployment): Command {
  return removeDirectory(d.directories.proxy);
}

export function ensureAppsConfigDirectory(d: Deployment): Command {
  return makeDirectory(d.directories.appsConfig);
}
