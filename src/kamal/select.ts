import { filterItems, type Filters } from './configuration/selection.ts';
import type { Issue } from './validation/issues.ts';

/** What can be selected from, unfiltered. */
export interface Selectable {
  readonly allRoles: readonly { readonly name: string; readonly hosts: readonly string[] }[];
  readonly allHosts: readonly string[];
  readonly configPrimaryHost: string | null;
}

/** What the command line's filters select from an unfiltered deployment, or why nothing (Kamal 2.12: `Commander`). */
export function select(d: Selectable, options: { hosts?: string; roles?: string; primary?: boolean }): Filters | { issue: Issue } {
  const hostPatterns = patterns(options.hosts);
  const rolePatterns = patterns(options.roles);
  const roleNames = d.allRoles.map(({ name }) => name);
  const hosts = hostPatterns === null ? null : filterItems(hostPatterns, d.allHosts);
  if (hostPatterns && hosts?.length === 0) return { issue: noMatch('--hosts', hostPatterns, d.allHosts) };
  const roles = rolePatterns === null ? null : filterItems(rolePatterns, roleNames);
  if (rolePatterns && roles?.length === 0) return { issue: noMatch('--roles', rolePatterns, roleNames) };
  if (!options.primary) return { hosts, roles };
  const first = roles?.[0];
  const primary = first === undefined ? d.configPrimaryHost : (d.allRoles.find(({ name }) => name === first)?.hosts[0] ?? null);
  if (primary === null) return { issue: { key: 'servers', message: 'No primary host for --primary', found: 'no role with hosts', expected: 'a primary role with a host' } };
  return { hosts: filterItems([primary], d.allHosts), roles };
}

/** As Ruby's `split(",")`: empty parts at the end don't count, and nothing at all is no filter. */
function patterns(option: string | undefined): string[] | null {
  if (option === undefined) return null;
  const parts = option.split(',');
  while (parts.length > 0 && parts.at(-1) === '') parts.pop();
  return parts.length === 0 ? null : parts;
}

function noMatch(option: string, wanted: readonly string[], known: readonly string[]): Issue {
  return { key: 'servers', message: `No ${option} match for ${wanted.join(',')}`, found: wanted.join(', '), expected: `one of ${known.join(', ') || '(none)'}`, hint: '* matches any part of a name' };
}
