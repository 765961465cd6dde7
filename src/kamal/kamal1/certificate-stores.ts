import { toS } from '../ruby/value.ts';
import type { Kamal1Deployment } from './deployment.ts';
import type { Kamal1Role } from './role.ts';

/** Where Traefik keeps the certificates that it gets by itself, and for which of a host's names it does. */
export interface CertificateStore {
  /** As Traefik's arguments write it. */
  readonly resolver: string;
  /** Names that routers of the host's roles ask for with it, in lower case. */
  readonly names: readonly string[];
  /** Where the file is on the host; null where it is on no mount, and goes with Traefik's container. */
  readonly place: StorePlace | null;
}

/** What is mounted, and the file in it. */
export interface StorePlace {
  readonly kind: 'bind' | 'volume';
  /** A path on the host, or the name of a volume. */
  readonly source: string;
  /** The file below it; empty where the file itself is mounted. */
  readonly file: string;
}

/**
 * The stores that a host's routers need (Traefik 2: `certificatesResolvers.NAME.acme.storage`, `acme.json` by default; a
 * router names its resolver, or its entry point does).
 *
 * @param host one of the deployment's
 */
export function certificateStores(d: Kamal1Deployment, host: string): CertificateStore[] {
  const args = new Map([...d.traefik.args].map(([key, value]) => [toS(key).toLowerCase(), { key: toS(key), value: toS(value) }]));
  const wanted = new Map<string, Set<string>>();
  for (const role of d.rolesOn(host).filter(({ runningTraefik }) => runningTraefik)) {
    for (const { resolver, names } of resolvedNames(role, (name) => args.get(name)?.value)) wanted.set(resolver, new Set([...(wanted.get(resolver) ?? []), ...names]));
  }
  return [...wanted].map(([resolver, names]) => {
    const prefix = `certificatesresolvers.${resolver}.acme.`;
    const given = [...args].find(([name]) => name.startsWith(prefix))?.[1].key.split('.')[1] ?? resolver;
    const file = args.get(`${prefix}storage`)?.value ?? 'acme.json';
    return { resolver: given, names: [...names].sort(), place: placeOf(file.startsWith('/') ? file : `/${file}`, d) };
  });
}

/** A role's routers with a resolver of certificates: in lower case, with the names of their rules. */
function resolvedNames(role: Kamal1Role, arg: (name: string) => string | undefined): { resolver: string; names: string[] }[] {
  const labels = new Map([...role.labels].map(([key, value]) => [toS(key).toLowerCase(), toS(value)]));
  const routers = new Set([...labels.keys()].flatMap((label) => /^traefik\.http\.routers\.([^.]+)\./.exec(label)?.[1] ?? []));
  return [...routers].flatMap((router) => {
    const of = (name: string) => labels.get(`traefik.http.routers.${router}.${name}`);
    const entries = (of('entrypoints') ?? '').split(',').map((entry) => entry.trim().toLowerCase());
    const resolver = of('tls.certresolver') ?? entries.flatMap((entry) => arg(`entrypoints.${entry}.http.tls.certresolver`) ?? [])[0];
    return resolver === undefined ? [] : [{ resolver: resolver.toLowerCase(), names: namesIn(of('rule') ?? '') }];
  });
}

/** The names that a rule asks for by `Host`. */
function namesIn(rule: string): string[] {
  return [...rule.matchAll(/\bHost(?:Header)?\s*\(([^)]*)\)/g)].flatMap(([, list = '']) => [...list.matchAll(/[`"]([^`"]+)[`"]/g)].map(([, name = '']) => name.toLowerCase()));
}

/** The mount that has a file of Traefik's container: the one that is nearest to it. */
function placeOf(path: string, d: Kamal1Deployment): StorePlace | null {
  const option = d.traefik.options.get('volume') ?? d.traefik.options.get('v') ?? null;
  const mounts = (Array.isArray(option) ? option : option === null ? [] : [option]).flatMap((each) => {
    const [source = '', target = ''] = toS(each).split(':');
    return target.startsWith('/') ? [{ source, target: target.replace(/\/+$/, '') }] : [];
  });
  const [nearest] = mounts.filter(({ target }) => path === target || path.startsWith(`${target}/`)).sort((a, b) => b.target.length - a.target.length);
  // Docker takes commas and quotes for its own where a mount is named; a shell's variables are known on the host only.
  if (!nearest || !/^[\w./@+~ -]+$/.test(nearest.source)) return null;
  return { kind: nearest.source.startsWith('/') ? 'bind' : 'volume', source: nearest.source, file: path.slice(nearest.target.length + 1) };
}
