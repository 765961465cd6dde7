import { toS, type Hash } from '../ruby/value.ts';
import { number, section } from './raw.ts';

/** How many hosts boot at once, and how (Kamal 2.12: `Configuration::Boot`). */
export interface Boot {
  /** Hosts at a time; null: all of them. */
  readonly limit: number | null;
  /** Seconds between groups. */
  readonly wait: number | null;
  readonly parallelRoles: boolean | null;
}

/** A percentage counts from all hosts, accessory hosts too, rounded down, at least one. */
export function bootOf(root: Hash, hostCount: number): Boot {
  const config = section(root, 'boot');
  const limit = config.get('limit');
  const raw = toS(limit);
  const parallel = config.get('parallel_roles');
  return {
    limit: limit === undefined || limit === null || limit === false ? null : raw.endsWith('%') ? Math.max(Math.floor((hostCount * (Number.parseInt(raw, 10) || 0)) / 100), 1) : Number(raw),
    wait: number(config, 'wait'),
    parallelRoles: typeof parallel === 'boolean' ? parallel : null,
  };
}

/** The hosts in groups that boot one after the other. */
export function bootGroups(hosts: readonly string[], limit: number | null): string[][] {
  if (limit === null) return [[...hosts]];
  const groups: string[][] = [];
  const size = Math.max(1, Math.floor(limit));
  for (let start = 0; start < hosts.length; start += size) groups.push(hosts.slice(start, start + size));
  return groups;
}
