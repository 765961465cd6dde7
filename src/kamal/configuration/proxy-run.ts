import { isIPv6 } from 'node:net';
import { argumentize, optionize } from '../ruby/args.ts';
import { isPresent, toS, type Hash, type Value } from '../ruby/value.ts';
import { compactJoin, list, section, text } from './raw.ts';

/** The oldest kamal-proxy that Kamal 2.12 accepts, and the one it starts. */
export const MINIMUM_PROXY_VERSION = 'v0.9.2';
/** The image without its tag, unless `proxy/run` says otherwise. */
export const PROXY_REPOSITORY = 'basecamp/kamal-proxy';

export interface PublishedPort {
  /** Address of the host it is bound to; null: all of them. */
  readonly ip: string | null;
  readonly hostPort: number;
  readonly containerPort: 80 | 443;
}

/** How the kamal-proxy container of a host is run (Kamal 2.12: `Proxy::Run`). */
export interface ProxyRun {
  readonly raw: Hash;
  readonly ports: readonly PublishedPort[];
  /** `--publish` words as Kamal makes them: all in one. Empty when nothing is published. */
  readonly publishArgs: readonly string[];
  readonly loggingArgs: readonly string[];
  readonly exposeArgs: readonly string[];
  readonly optionArgs: readonly string[];
  readonly image: string;
  readonly version: string;
  /** What runs in the container, from `kamal-proxy run` on, as one word. */
  readonly runCommand: string;
}

/** A `proxy/run` section. */
export function proxyRunOf(run: Hash): ProxyRun {
  const size = fetch(run, 'log_max_size', '10m');
  const metrics = run.get('metrics_port');
  const debug = run.get('debug');
  const version = toS(fetch(run, 'version', MINIMUM_PROXY_VERSION));
  const repository = toS(fetch(run, 'repository', PROXY_REPOSITORY));
  const ports = portsOf(run);
  const flags = optionize({ debug: debug === null || debug === false ? undefined : debug, 'metrics-port': metrics ?? undefined });
  return {
    raw: run,
    ports,
    publishArgs: isOff(fetch(run, 'publish', true)) ? [] : [publishWord(run)],
    loggingArgs: isPresent(size) ? argumentize('--log-opt', [`max-size=${toS(size)}`]) : [],
    exposeArgs: isPresent(metrics) ? [`--expose=${toS(metrics)}`] : [],
    optionArgs: run.has('options') ? optionize(section(run, 'options')) : [],
    image: `${compactJoin([text(run, 'registry'), repository], '/')}:${version}`,
    version,
    runCommand: ['kamal-proxy', 'run', ...flags].join(' '),
  };
}

/** What Kamal starts when there is no `proxy/run`: ports 80 and 443. */
export const DEFAULT_PROXY_RUN = proxyRunOf(new Map());

function publishWord(run: Hash): string {
  return bindAddresses(run)
    .flatMap((ip) => argumentize('--publish', [compactJoin([ip, port(run, 'http_port', 80), '80'], ':'), compactJoin([ip, port(run, 'https_port', 443), '443'], ':')]))
    .join(' ');
}

function portsOf(run: Hash): PublishedPort[] {
  if (isOff(fetch(run, 'publish', true))) return [];
  return bindAddresses(run).flatMap((ip) => [
    { ip, hostPort: Number(port(run, 'http_port', 80)), containerPort: 80 as const },
    { ip, hostPort: Number(port(run, 'https_port', 443)), containerPort: 443 as const },
  ]);
}

/** IPv6 addresses get brackets; null stands for all addresses. */
function bindAddresses(run: Hash): (string | null)[] {
  const ips = list(run, 'bind_ips').map(toS);
  if (!Array.isArray(run.get('bind_ips'))) return [null];
  return ips.map((ip) => (isIPv6(ip) ? `[${ip}]` : ip));
}

function port(run: Hash, key: string, fallback: number): string | null {
  const value = fetch(run, key, fallback);
  return value === null ? null : toS(value);
}

function isOff(value: Value): boolean {
  return value === false || value === null;
}

function fetch(hash: Hash, key: string, fallback: Value): Value {
  return hash.has(key) ? (hash.get(key) ?? null) : fallback;
}
