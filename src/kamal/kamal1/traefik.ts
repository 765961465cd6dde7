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
  /** What follows the image: Traefik's own arguments. */
  readonly cmdArgs: readonly string[];
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
    cmdArgs: ['--providers.docker', ...optionize(args, '=', KAMAL1)],
  };
}
