import { toS } from '../ruby/value.ts';
import type { Kamal1Deployment } from './deployment.ts';
import type { Kamal1Role } from './role.ts';

/** One request by which Traefik shows that it routes to a role. */
export interface RouteQuestion {
  readonly scheme: 'http' | 'https';
  /** Traefik's port, inside its container. */
  readonly port: number;
  /** The name that is asked for; null: any. */
  readonly host: string | null;
  readonly path: string;
}

/** What in a rule can be asked for: names and paths, joined by `&&` and `||`. */
const PLAIN_RULE = /^(\s|&&|\|\||\(|\)|\b(Host|HostHeader|Path|PathPrefix)\s*\(\s*(`[^`]*`|"[^"]*")(\s*,\s*(`[^`]*`|"[^"]*"))*\s*\))*$/;

/**
 * What to ask Traefik until it routes to a role: one request a router that the role's labels make, on the entry point
 * it has. A router whose rule looks at more than names and paths (headers, methods, patterns, priorities of others) is
 * left out: nothing tells what to ask for.
 */
export function routeQuestions(d: Kamal1Deployment, role: Kamal1Role): RouteQuestion[] {
  const labels = new Map([...role.labels].map(([key, value]) => [toS(key).toLowerCase(), toS(value)]));
  const routers = new Set([...labels.keys()].flatMap((label) => /^traefik\.http\.routers\.([^.]+)\./.exec(label)?.[1] ?? []));
  return [...routers].flatMap((router) => {
    const of = (name: string) => labels.get(`traefik.http.routers.${router}.${name}`);
    const rule = of('rule') ?? '';
    if (rule === '' || !PLAIN_RULE.test(rule)) return [];
    const entry = entryPoint(d, of('entrypoints')?.split(',')[0]?.trim() ?? null);
    if (entry === null) return [];
    const tls = entry.tls || [...labels.keys()].some((label) => label === `traefik.http.routers.${router}.tls` || label.startsWith(`traefik.http.routers.${router}.tls.`));
    return [{ scheme: tls ? 'https' : 'http', port: entry.port, host: first(rule, 'Host(?:Header)?'), path: pathOf(rule, role) }];
  });
}

/** The health check's path, unless the rule asks for another. */
function pathOf(rule: string, role: Kamal1Role): string {
  const prefix = first(rule, 'PathPrefix');
  const wanted = toS(role.healthcheck.path);
  const health = wanted.startsWith('/') ? wanted : `/${wanted}`;
  const path = first(rule, 'Path') ?? (prefix === null || health.startsWith(prefix) ? health : prefix);
  return /^\/[\w\-./~%!$&'()*+,;=:@?]*$/.test(path) ? path : '/';
}

function first(rule: string, matcher: string): string | null {
  const [, backquoted, quoted] = new RegExp(`\\b${matcher}\\s*\\(\\s*(?:\`([^\`]*)\`|"([^"]*)")`).exec(rule) ?? [];
  return backquoted ?? quoted ?? null;
}

/** An entry point by name, the first one when no name is given; Traefik has one called http on port 80 when none is configured. */
function entryPoint(d: Kamal1Deployment, name: string | null): { port: number; tls: boolean } | null {
  const args = new Map([...d.traefik.args].map(([key, value]) => [toS(key).toLowerCase(), toS(value)]));
  const addresses = [...args].flatMap(([key, value]) => {
    const [, entry] = /^entrypoints\.([^.]+)\.address$/.exec(key) ?? [];
    const port = Number(/:(\d+)(?:\/tcp)?$/.exec(value)?.[1]);
    return entry === undefined || Number.isNaN(port) ? [] : [{ entry, port }];
  });
  const known = addresses.length > 0 ? addresses : [{ entry: 'http', port: 80 }];
  const found = name === null ? known[0] : known.find(({ entry }) => entry === name.toLowerCase());
  if (!found) return null;
  const tls = [...args.keys()].some((key) => key === `entrypoints.${found.entry}.http.tls` || key.startsWith(`entrypoints.${found.entry}.http.tls.`));
  return { port: found.port, tls };
}
