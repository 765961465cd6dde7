import type { Deployment } from './deployment.ts';

/** Who did what when, as Kamal writes it into audit lines and hooks' environments (Kamal 2.12: `Tags`). */
export interface TagFacts {
  /** ISO 8601 in UTC, to the second: `2026-11-24T10:00:00Z`. */
  readonly at: string;
  /** `git config user.email`, else the user's name. */
  readonly performer: string;
}

/** Tags in Kamal's order: time, performer, destination, version, service and version, service, then the given ones. */
export function tagsOf(d: Pick<Deployment, 'service' | 'destination'>, facts: TagFacts, version: string | null, extra: Readonly<Record<string, string | null | undefined>> = {}): Record<string, string> {
  const tags: Record<string, string | null | undefined> = {
    recorded_at: facts.at,
    performer: facts.performer,
    destination: d.destination,
    version,
    service_version: [d.service, version === null ? null : abbreviatedVersion(version)].filter((part) => part !== null).join('@'),
    service: d.service,
    ...extra,
  };
  return Object.fromEntries(Object.entries(tags).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/** The first seven characters, unless the version has an underscore (`…_uncommitted_…`). */
export function abbreviatedVersion(version: string): string {
  return version.includes('_') ? version : version.slice(0, 7);
}
