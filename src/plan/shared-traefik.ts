import type { Deployment } from '../kamal/index.ts';
import { containerNamed, TRAEFIK, type ContainerFacts, type HostFacts } from './facts.ts';
import { containersOf } from './running.ts';

/** On the Traefik that stands behind kamal-proxy: tells it from one that publishes ports, and the port inside on which it answers. */
export const BEHIND_LABEL = 'bactrian.behind';
/** kamal-proxy's service for whatever no other one asks for; also Traefik's name in the network `kamal`. */
export const DEFAULT_SERVICE = 'bactrian-traefik';

const ACTIVE_LABEL = /^traefik\.(http|tcp|udp)\./i;

/** What becomes of a Traefik that serves other projects, too, and who they are: names of containers. */
export interface SharedTraefik {
  /** It comes to stand behind kamal-proxy, stays there, or goes since nobody needs it any more. */
  becomes: 'moves' | 'stays' | 'goes';
  others: string[];
}

/** The Traefik that stands behind kamal-proxy, for projects that are still on Kamal 1. */
export function traefikBehind(facts: HostFacts): ContainerFacts | undefined {
  const traefik = containerNamed(facts, TRAEFIK);
  return traefik?.running && BEHIND_LABEL in traefik.labels ? traefik : undefined;
}

/** True for a container that Traefik's Docker provider routes to by its labels. */
function hasRouter({ labels }: ContainerFacts): boolean {
  return labels['traefik.enable'] !== 'false' && Object.keys(labels).some((label) => ACTIVE_LABEL.test(label) || label === 'traefik.enable');
}

/** Running containers that the host's Traefik routes to and that no role of the deployment is made of. */
export function neighboursOf(facts: HostFacts, deployment: Deployment): ContainerFacts[] {
  const roles = deployment.rolesOn(facts.host);
  const traefik = containerNamed(facts, TRAEFIK);
  // A run that was cut off may have stopped the one that serves them.
  if (!roles.some((role) => role.runningProxy) || !traefik || (!traefik.running && facts.openRuns.app.length === 0)) return [];
  return routedBeside(facts, roles.flatMap((role) => containersOf(facts, deployment, role)));
}

/** Running containers that a Traefik routes to, but for itself and those that are one's own. */
export function routedBeside(facts: HostFacts, own: readonly ContainerFacts[]): ContainerFacts[] {
  const ids = new Set(own.map(({ id }) => id));
  return facts.containers.filter((container) => container.running && container.name !== TRAEFIK && !(BEHIND_LABEL in container.labels) && !ids.has(container.id) && hasRouter(container));
}

/**
 * What becomes of a host's shared Traefik; null where it serves this deployment alone, or is not asked to stay.
 *
 * @param keep `--keep-traefik`
 */
export function sharedTraefik(facts: HostFacts, deployment: Deployment, keep: boolean): SharedTraefik | null {
  const others = neighboursOf(facts, deployment).map(({ name }) => name);
  if (traefikBehind(facts)) return deployment.rolesOn(facts.host).some((role) => role.runningProxy) ? { becomes: others.length > 0 ? 'stays' : 'goes', others } : null;
  return keep && others.length > 0 ? { becomes: 'moves', others } : null;
}

/** What Traefik follows of the deployment itself until it has moved; null where no Traefik stays for others. */
export function leftBehind(facts: HostFacts, deployment: Deployment, shared: SharedTraefik | null): { ownLabels: Record<string, string>[] } | null {
  if (!shared || shared.becomes === 'goes') return null;
  const own = deployment.rolesOn(facts.host).flatMap((role) => containersOf(facts, deployment, role)).filter((container) => container.running);
  return { ownLabels: own.map(({ labels }) => labels) };
}

/** An entry point of Traefik's, by its arguments. */
export interface EntryPoint {
  name: string;
  port: number;
  /** It was told to believe headers of a proxy in front of it. */
  trusts: boolean;
  /** All its routers have TLS, or lead elsewhere. */
  diverts: boolean;
}

/** The entry points that Traefik's arguments make; one called http on port 80 where they make none (Traefik 2 and 3). */
export function entryPointsOf(args: readonly string[]): EntryPoint[] {
  const flags = flagsOf(args);
  const named = [...flags].flatMap(([flag, value]) => {
    const [, name] = /^entrypoints\.([^.]+)\.address$/.exec(flag) ?? [];
    const port = Number(/:(\d+)(?:\/tcp)?$/i.exec(value)?.[1]);
    return name === undefined || Number.isNaN(port) ? [] : [{ name, port }];
  });
  const points = named.some(({ name }) => name !== 'traefik') ? named : [...named, { name: 'http', port: 80 }];
  return points.map(({ name, port }) => ({ name, port, trusts: has(flags, `entrypoints.${name}.forwardedheaders.`), diverts: has(flags, `entrypoints.${name}.http.tls`) || has(flags, `entrypoints.${name}.http.redirections.`) }));
}

/** Headers that kamal-proxy hands on as they come. */
const CLAIMED = ['X-Real-Ip', 'X-Forwarded-Port', 'X-Forwarded-Prefix', 'X-Forwarded-Uri', 'X-Forwarded-Method', 'X-Forwarded-Tls-Client-Cert', 'X-Forwarded-Tls-Client-Cert-Info'];

/** What a Traefik behind kamal-proxy is told beyond its own arguments, and how kamal-proxy is told to reach it. */
export interface BehindTraefik {
  /** All its arguments. */
  cmd: string[];
  /** Labels beyond its own. */
  labels: Record<string, string>;
  port: number;
  healthPort: number;
  forwardHeaders: boolean;
}

/**
 * kamal-proxy asks for a health path before it sends anybody anywhere, so Traefik answers `/ping` beside what it serves,
 * and it believes what kamal-proxy says of the client. What kamal-proxy hands on as the client claims it goes here: a
 * Traefik that believes nobody drops it, too (Traefik 2.11: `forwardedheaders.XForwarded`).
 *
 * @param entry the entry point that was published on the port for HTTP
 */
export function behindTraefik(args: readonly string[], entry: EntryPoint): BehindTraefik {
  const flags = flagsOf(args);
  const points = entryPointsOf(args);
  const own = flags.has('ping') && flags.get('ping') !== 'false' ? (flags.get('ping.entrypoint') ?? 'traefik').toLowerCase() : null;
  const pingAt = own ?? 'traefik';
  const known = points.find(({ name }) => name === pingAt)?.port;
  const taken = new Set(points.map(({ port }) => port));
  const healthPort = known ?? [8080, ...Array.from({ length: 100 }, (_, at) => 9300 + at)].find((port) => !taken.has(port)) ?? 8080;
  const middlewares = `entryPoints.${entry.name}.http.middlewares`;
  const before = flags.get(middlewares.toLowerCase());
  return {
    cmd: [
      ...args.filter((word) => !word.toLowerCase().startsWith(`--${middlewares.toLowerCase()}=`)),
      `--entryPoints.${entry.name}.address=:${entry.port}`,
      `--entryPoints.${entry.name}.forwardedHeaders.insecure=true`,
      ...(entry.trusts && before === undefined ? [] : [`--${middlewares}=${[...(before === undefined ? [] : [before]), ...(entry.trusts ? [] : [`${DEFAULT_SERVICE}@docker`])].join(',')}`]),
      ...(own === null ? ['--ping=true'] : []),
      ...(known === undefined && pingAt === 'traefik' && healthPort !== 8080 ? [`--entryPoints.traefik.address=:${healthPort}`] : []),
    ],
    labels: { [BEHIND_LABEL]: String(entry.port), ...(entry.trusts ? {} : Object.fromEntries(CLAIMED.map((header) => [`traefik.http.middlewares.${DEFAULT_SERVICE}.headers.customrequestheaders.${header}`, '']))) },
    port: entry.port,
    healthPort,
    forwardHeaders: entry.trusts,
  };
}

/** Arguments as Traefik reads them: without regard to case, `--flag` for `--flag=true`. */
export function flagsOf(args: readonly string[]): Map<string, string> {
  return new Map(args.flatMap((word) => {
    const [, flag, value] = /^--?([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    return flag === undefined ? [] : [[flag.toLowerCase(), value ?? 'true'] as const];
  }));
}

function has(flags: Map<string, string>, prefix: string): boolean {
  return [...flags].some(([flag, value]) => flag.startsWith(prefix) && value !== 'false');
}
