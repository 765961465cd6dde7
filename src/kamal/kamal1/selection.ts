import { unique } from '../configuration/raw.ts';
import type { Filters } from '../configuration/selection.ts';
import type { Kamal1Accessory } from './accessory.ts';
import type { Kamal1Role } from './role.ts';

/** The part of the deployment that a command works on, in Kamal's order (Kamal 1.9: `Commander::Specifics`). */
export interface Kamal1Selection {
  /** Hosts of the selected roles; hosts that have accessories only are not among them. */
  readonly hosts: readonly string[];
  readonly traefikHosts: readonly string[];
  readonly accessoryHosts: readonly string[];
  readonly primaryHost: string | null;
  readonly primaryRole: Kamal1Role | null;
  /** The primary role first. */
  readonly roles: readonly Kamal1Role[];
}

/** What there is to select from; hosts unfiltered. */
export interface Kamal1Fleet {
  readonly roles: readonly Kamal1Role[];
  readonly accessories: readonly Kamal1Accessory[];
  readonly allHosts: readonly string[];
  readonly primaryRole: Kamal1Role | null;
}

/** Kamal's order: roles by name, then hosts of the primary role first, stably. */
export function kamal1SelectionOf(fleet: Kamal1Fleet, filters: Filters): Kamal1Selection {
  const wantedRoles = filters.roles === null ? null : filters.roles.flatMap((name) => fleet.roles.find((role) => role.name === name) ?? []);
  const candidates = filters.hosts ?? fleet.allHosts;
  const roles = (wantedRoles ?? fleet.roles).filter((role) => role.hosts.some((host) => candidates.includes(host)));
  const roleHosts = new Set((wantedRoles ?? fleet.roles).flatMap((role) => role.hosts));
  const hosts = candidates.filter((host) => roleHosts.has(host));
  const selected = new Set(hosts);

  const primaryOrFirst = (some: readonly Kamal1Role[]) => some.find((role) => role === fleet.primaryRole) ?? some[0] ?? null;
  const primaryHost = filters.hosts?.[0] ?? (wantedRoles && wantedRoles.length > 0 ? primaryOrFirst(wantedRoles)?.hosts[0] : undefined) ?? fleet.primaryRole?.hosts[0] ?? null;
  const primaryRole = primaryOrFirst(roles.filter((role) => primaryHost !== null && role.hosts.includes(primaryHost)));
  const first = new Set(primaryRole?.hosts ?? []);
  const among = (some: readonly string[]) => unique(some).filter((host) => selected.has(host));
  return {
    hosts: [...hosts.filter((host) => first.has(host)), ...hosts.filter((host) => !first.has(host))],
    traefikHosts: among(fleet.roles.filter(({ runningTraefik }) => runningTraefik).flatMap((role) => role.hosts)),
    accessoryHosts: among(fleet.accessories.flatMap((accessory) => accessory.hosts)),
    primaryHost,
    primaryRole,
    roles: [...roles.filter((role) => role === primaryRole), ...roles.filter((role) => role !== primaryRole)],
  };
}
