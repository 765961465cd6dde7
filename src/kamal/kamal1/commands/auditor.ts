import { append } from '../../commands/words.ts';
import type { Command } from '../../shell.ts';
import { tagsOf, type TagFacts } from '../../tags.ts';
import type { Kamal1Deployment } from '../deployment.ts';

/**
 * Appends a line to the host's audit log as Kamal 1 does, which is: without quotes (Kamal 1.9: `Commands::Auditor#record`).
 * To compare with; a line of ours goes through `auditor.record` of Kamal 2, into the same file.
 */
export function record(d: Kamal1Deployment, line: string, facts: TagFacts & { role?: string }): Command {
  const { version: _v, service_version: _s, service: _n, ...tags } = tagsOf(d, facts, null, { role: facts.role });
  return append(['echo', Object.values(tags).map((tag) => `[${tag}]`).join(' '), line], [d.names.auditLogFile]);
}

/** The last lines of the audit log. */
export function reveal(d: Kamal1Deployment): Command {
  return ['tail', '-n', '50', d.names.auditLogFile];
}
