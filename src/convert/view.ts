import { isHash, isPresent, toS, type Hash, type Value } from '../kamal/ruby/value.ts';
import type { Place, Report } from './report.ts';
import { Settings } from './traefik/settings.ts';
import type { Path } from './yaml/text.ts';

/** A configuration as Kamal 1 sees it: the destination's file merged over the base, ERB as private characters. */
export interface View {
  readonly raw: Hash;
  readonly destination: string | null;
  /** The base isn't converted yet, so Kamal 1's defaults hold. */
  readonly fresh: boolean;
  /** Where a key stands, or what of its path is written somewhere. */
  readonly placeOf: (path: Path) => Place;
  readonly report: Report;
}

/** A role as Kamal 1.9 has it (`Configuration::Role`). */
export interface Role {
  readonly name: string;
  /** Empty when the role is a mere list of hosts. */
  readonly settings: Hash;
  readonly traefik: boolean;
  /** How many servers are listed. */
  readonly servers: number;
}

export function child(hash: Hash, key: string): Hash {
  const value = hash.get(key);
  return isHash(value) ? value : new Map();
}

/** A value as a whole number where it is one: Kamal 1 took text for most of them. */
export function whole(value: Value): Value {
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
}

/** The roles of a configuration; Kamal 1.9: only the primary one is behind Traefik unless it says so. */
export function rolesOf(raw: Hash): Role[] {
  const servers = raw.get('servers');
  const primary = toS(raw.get('primary_role') ?? 'web');
  if (Array.isArray(servers)) return [{ name: 'web', settings: new Map(), traefik: primary === 'web', servers: servers.length }];
  if (!isHash(servers)) return [];
  return [...servers].map(([key, value]) => {
    const name = toS(key);
    const settings: Hash = isHash(value) ? value : new Map();
    // A role that is converted already says it with `proxy`.
    const said = settings.get('traefik') ?? settings.get('proxy') ?? null;
    const hosts = Array.isArray(value) ? value : settings.get('hosts');
    return { name, settings, traefik: said === null ? name === primary : said !== false, servers: Array.isArray(hosts) ? hosts.length : 0 };
  });
}

/** Traefik's labels that stand at some paths, those of later ones over the others. */
export function traefikLabels(view: View, paths: readonly Path[]): Settings {
  const settings = new Settings();
  for (const path of paths) {
    const labels = path.reduce(child, view.raw);
    for (const [key, value] of labels) if (isTraefikLabel(toS(key))) settings.add(toS(key), value, view.placeOf([...path, toS(key)]));
  }
  return settings;
}

export function isTraefikLabel(key: string): boolean {
  return /^traefik\./i.test(key);
}

/** Arguments of Traefik itself. */
export function traefikArgs(view: View): Settings {
  const settings = new Settings();
  for (const [key, value] of child(child(view.raw, 'traefik'), 'args')) settings.add(toS(key), value ?? '', view.placeOf(['traefik', 'args', toS(key)]));
  return settings;
}

/**
 * Docker networks that roles and accessories share through `options/network`. In Kamal 2 roles are in the network
 * `kamal`, and so are accessories unless they name another one: there they meet again.
 */
export function sharedNetworks(raw: Hash): Set<string> {
  const of = (key: string) => [...child(raw, key).values()].flatMap((each) => (isHash(each) && isPresent(child(each, 'options').get('network')) ? [toS(child(each, 'options').get('network'))] : []));
  const accessories = new Set(of('accessories'));
  return new Set(of('servers').filter((network) => accessories.has(network)));
}

/** Whether anything in a file is only known to Kamal 1, or missing for Kamal 2. */
export function isKamal1(raw: Hash): boolean {
  return signsOfKamal1(raw).length > 0;
}

/** What tells that a configuration is one of Kamal 1: the places of keys that only it knows. */
export function signsOfKamal1(raw: Hash): string[] {
  const builder = child(raw, 'builder');
  const places: [path: string, each: Hash][] = [['', raw], ...[...child(raw, 'servers')].flatMap(([name, role]): [string, Hash][] => (isHash(role) ? [[`servers/${toS(name)}/`, role]] : []))];
  return [
    ...['traefik', 'healthcheck', 'stop_wait_time'].filter((key) => raw.has(key)),
    ...(builder.has('multiarch') ? ['builder/multiarch'] : []),
    ...['local', 'remote'].flatMap((key) => (isHash(builder.get(key)) ? [`builder/${key}`] : [])),
    ...places.slice(1).flatMap(([path, role]) => ['traefik', 'healthcheck'].flatMap((key) => (role.has(key) ? [`${path}${key}`] : []))),
    ...places.flatMap(([path, each]) => [...child(each, 'labels').keys()].map(toS).filter(isTraefikLabel).slice(0, 1).map((label) => `${path}labels/${label}`)),
  ];
}

/** Kamal 2 refuses a configuration without it, so one that has it was made for Kamal 2. */
export function hasArch(raw: Hash): boolean {
  return isPresent(child(raw, 'builder').get('arch'));
}
