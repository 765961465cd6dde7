import { tagsOf, type TagFacts } from '../../tags.ts';
import type { Kamal1Deployment } from '../deployment.ts';

/** What a hook of Kamal 1 is told about its run. */
export interface Kamal1HookFacts extends TagFacts {
  readonly version: string | null;
  /** Hosts the hook is about; the group's for the gates. */
  readonly hosts: readonly string[];
  /** `downgrade`, `traefik` … */
  readonly command: string;
}

/** Path of a hook's file, relative to the project: `pre-connect`, `pre-traefik-reboot`, `post-traefik-reboot`. */
export function hookFile(d: Kamal1Deployment, hook: string): string {
  return `${d.hooks.path}/${hook}`;
}

/** Variables that Kamal 1 sets for a hook; those of `.env` are in its environment besides (Kamal 1.9: `Commands::Hook`). */
export function hookEnv(d: Kamal1Deployment, facts: Kamal1HookFacts): Record<string, string> {
  const tags = tagsOf(d, facts, facts.version, { hosts: facts.hosts.join(','), command: facts.command });
  return Object.fromEntries(Object.entries(tags).map(([tag, value]) => [`KAMAL_${tag.toUpperCase()}`, value]));
}
