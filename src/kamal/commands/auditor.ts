import { compactJoin } from '../configuration/raw.ts';
import type { Deployment } from '../deployment.ts';
import { kamalQuote, type Command } from '../shell.ts';
import { tagsOf, type TagFacts } from '../tags.ts';
import { append, combine, makeDirectory } from './words.ts';

/** What of a deployment says where its audit log is; Kamal 1's may be in another `run_directory`. */
export type Logged = Pick<Deployment, 'service' | 'destination'> & { readonly directories: Pick<Deployment['directories'], 'run'> };

/** The audit log on each host, one for Kamal 1 and 2. */
export function auditLogFile(d: Logged): string {
  return `${d.directories.run}/${compactJoin([d.service, d.destination, 'audit.log'], '-')}`;
}

/** Appends a line to the host's audit log (Kamal 2.12: `Commands::Auditor#record`). */
export function record(d: Logged, line: string, facts: TagFacts & { role?: string }): Command {
  const { version: _v, service_version: _s, service: _n, ...tags } = tagsOf(d, facts, null, { role: facts.role });
  const text = `${Object.values(tags).map((tag) => `[${tag}]`).join(' ')} ${line}`;
  return combine(makeDirectory(d.directories.run), append(['echo', kamalQuote(text)], [auditLogFile(d)]));
}

/** The last lines of the audit log. */
export function reveal(d: Deployment): Command {
  return ['tail', '-n', '50', auditLogFile(d)];
}
