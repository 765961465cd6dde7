import { fnmatch } from '../ruby/fnmatch.ts';
import type { Accessory } from './accessory.ts';
import { unique } from './raw.ts';
import type { Role } from './role.ts';

/** What `--hosts`, `--roles` and `--primary` come down to; null: not given. */
export interface Filters {
  readonly hosts: readonly string[] | null;
  readonly roles: readonly string[] | null;
}

/** The part of the deployment that a command works on, in Kamal's order (Kamal 2.12: `Commander::Specifics`). */
export interface Selection {
  readonly hosts: readonly string[];
  readonly appHosts: readonly string[];
  readonly proxyHosts: readonly string[];
  readonly accessoryHosts: readonly string[];
  readonly primaryHost: string | null;
  readonly primaryRole: Role | null;
  /** The primary role first. */
  readonly roles: readonly Role[];
}

/** What there is to select from; hosts unfiltered. */
export interface Fleet {
  readonly roles: readonly Role[];
  readonly accessories: readonly Accessory[];
  readonly allHosts: readonly string[];
  readonly appHosts: readonly string[];
  readonly proxyHosts: readonly string[];
  readonly primaryRole: Role | null;
  readonly primaryHost: string | null;
}

/** The items that match one of the patterns, in the order of the patterns (Kamal 2.12: `Utils.filter_specific_items`). */
export function filterItems(patterns: readonly string[], items: readonly string[]): string[] {
  return unique(patterns.flatMap((pattern) => items.filter((item) => fnmatch(pattern, item))));
}

/** Kamal's order: roles by name, then hosts of the primary role first, stably. */
export function selectionOf(fleet: Fleet, filters: Filters): Selection {
  const wantedRoles = filters.roles === null ? null : filters.roles.flatMap((name) => fleet.roles.find((role) => role.name === name) ?? []);
  const candidates = filters.hosts ?? fleet.allHosts;
  const candidateSet = new Set(candidates);
  const roles = (wantedRoles ?? fleet.roles).filter((role) => role.hosts.some((host) => candidateSet.has(host)));
  const roleHosts = new Set(wantedRoles?.flatMap((role) => role.hosts) ?? []);
  const specified = roleHosts.size > 0 ? candidates.filter((host) => roleHosts.has(host)) : [...candidates];
  const specifiedSet = new Set(specified);

  const primaryOrFirst = (some: readonly Role[]) => some.find((role) => role === fleet.primaryRole) ?? some[0] ?? null;
  const primaryHost = filters.hosts?.[0] ?? (wantedRoles && wantedRoles.length > 0 ? primaryOrFirst(wantedRoles)?.hosts[0] : undefined) ?? fleet.primaryHost;
  const rolesOn = (host: string | null) => roles.filter((role) => host !== null && role.hosts.includes(host));
  const primaryRole = primaryOrFirst(rolesOn(primaryHost));

  const primaryHosts = new Set(primaryRole?.hosts ?? []);
  const primaryFirst = (hosts: readonly string[]) => [...hosts.filter((host) => primaryHosts.has(host)), ...hosts.filter((host) => !primaryHosts.has(host))];
  const among = (hosts: readonly string[]) => unique(hosts).filter((host) => specifiedSet.has(host));
  return {
    hosts: primaryFirst(specified),
    appHosts: primaryFirst(among(fleet.appHosts)),
    proxyHosts: among(fleet.proxyHosts),
    accessoryHosts: among(fleet.accessories.flatMap((accessory) => accessory.hosts)),
    primaryHost,
    primaryRole,
    roles: [...roles.filter((role) => role === primaryRole), ...roles.filter((role) => role !== primaryRole)],
  };
}
