import { envOf, type Env } from '../configuration/env.ts';
import { section } from '../configuration/raw.ts';
import { argumentize, optionize } from '../ruby/args.ts';
import { toS, type Hash, type Value } from '../ruby/value.ts';
import { KAMAL1 } from './quoting.ts';

/** How Kamal 1 runs Traefik (Kamal 1.9: `Configuration::Traefik`). */
export interface Traefik {
  readonly image: string;
  /** Published at all. */
  readonly publish: boolean;
  /** As configured. */
  readonly hostPort: Value;
  /** `host port:80`. */
  readonly port: string;
  readonly labels: Hash;
  readonly args: Hash;
  readonly options: Hash;
  readonly env: Env;
  readonly publishArgs: readonly string[];
  readonly labelArgs: readonly string[];
  readonly optionArgs: readonly string[];
  /** The same but for what publishes ports: for a second Traefik beside the one that has them. */
  readonly unpublishedOptionArgs: readonly string[];
  /** All that the container publishes, by `host_port` and by options; null when Docker decides part of it (a range, any free port). */
  readonly ports: readonly TraefikPort[] | null;
  /** Why no second Traefik can run beside the published one, to prove the app before it serves; null: one can. */
  readonly alone: string | null;
  /** What follows the image: Traefik's own arguments. */
  readonly cmdArgs: readonly string[];
}

/** A TCP port of the Traefik container that the host has. */
export interface TraefikPort {
  /** Address of the host it is bound to; null: all of them. */
  readonly ip: string | null;
  readonly hostPort: number;
  readonly containerPort: number;
}

/** Requests that no container takes get 502 rather than 404. */
const DEFAULT_LABELS: Hash = new Map<string, Value>([
  ['traefik.http.routers.catchall.entryPoints', 'http'],
  ['traefik.http.routers.catchall.rule', 'PathPrefix(`/`)'],
  ['traefik.http.routers.catchall.service', 'unavailable'],
  ['traefik.http.routers.catchall.priority', 1],
  ['traefik.http.services.unavailable.loadbalancer.server.port', '0'],
]);
const DEFAULT_ARGS: Hash = new Map<string, Value>([['log.level', 'DEBUG']]);

export function traefikOf(config: Hash): Traefik {
  const publish = config.get('publish') !== false;
  const hostPort = config.has('host_port') ? (config.get('host_port') ?? null) : 80;
  const port = `${toS(hostPort)}:80`;
  const labels = new Map([...DEFAULT_LABELS, ...section(config, 'labels')]);
  const args = new Map([...DEFAULT_ARGS, ...section(config, 'args')]);
  const options = section(config, 'options');
  const ports = portsOf(publish ? [port] : [], options);
  return {
    image: config.has('image') ? toS(config.get('image')) : 'traefik:v2.11',
    publish,
    hostPort,
    port,
    labels,
    args,
    options,
    env: envOf(section(config, 'env')),
    publishArgs: publish ? argumentize('--publish', port, KAMAL1) : [],
    labelArgs: argumentize('--label', labels, KAMAL1),
    optionArgs: optionize(options, undefined, KAMAL1),
    unpublishedOptionArgs: optionize(new Map([...options].filter(([key]) => !isPublish(toS(key)))), undefined, KAMAL1),
    ports,
    alone: aloneBy(options, ports),
    cmdArgs: ['--providers.docker', ...optionize(args, '=', KAMAL1)],
  };
}

/** What two containers can't share. */
function aloneBy(options: Hash, ports: Traefik['ports']): string | null {
  const network = toS(options.get('network') ?? options.get('net'));
  if (network === 'host') return "it runs in the host's own network";
  if (network.startsWith('container:')) return `it runs in the network of ${network}`;
  const fixed = ['ip', 'ip6', 'mac-address'].find((option) => options.has(option));
  if (fixed !== undefined) return `it has a fixed address: ${fixed} ${toS(options.get(fixed))}`;
  return ports === null ? 'Docker chooses some of its ports (publish-all, or ranges and single ports under publish)' : null;
}

function isPublish(option: string): boolean {
  return option === 'publish' || option === 'publish-all';
}

function portsOf(own: readonly string[], options: Hash): TraefikPort[] | null {
  const more = options.get('publish') ?? null;
  const texts = [...own, ...(Array.isArray(more) ? more : more === null ? [] : [more]).map(toS)];
  const ports = texts.filter((text) => !text.endsWith('/udp')).map(portOf);
  return options.has('publish-all') || ports.includes(null) ? null : ports.filter((port) => port !== null);
}

/** `[ip:]host:container[/tcp]`; null for what Docker fills in. */
function portOf(text: string): TraefikPort | null {
  const [, ip, host, container] = /^(?:(.+):)?(\d+):(\d+)(?:\/tcp)?$/.exec(text) ?? [];
  return host === undefined || container === undefined ? null : { ip: ip?.replace(/^\[|\]$/g, '') ?? null, hostPort: Number(host), containerPort: Number(container) };
}
