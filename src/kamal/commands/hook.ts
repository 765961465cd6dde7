import type { Deployment } from '../deployment.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { tagsOf, type TagFacts } from '../tags.ts';

/** What a hook is told about its run. */
export interface HookFacts extends TagFacts {
  readonly version: string | null;
  /** Hosts the hook is about; the group's for the gates and for app boot. */
  readonly hosts: readonly string[];
  /** `--roles`, resolved; null when not given. */
  readonly roles: readonly string[] | null;
  /** Whether the deploy lock is held. */
  readonly locked: boolean;
  /** `upgrade`, `proxy` … */
  readonly command: string;
  readonly subcommand?: string;
}

/** Path of a hook's file, relative to the project. */
export function hookFile(d: Deployment, hook: string): string {
  return `${d.hooks.path}/${hook}`;
}

/** Variables that Kamal sets for a hook; `pre-connect` gets all secrets too, so pass them for it only. */
export function hookEnv(d: Deployment, facts: HookFacts, secrets?: Secrets): Record<string, string> {
  const tags = tagsOf(d, facts, facts.version, {
    hosts: facts.hosts.join(','),
    roles: facts.roles?.join(','),
    lock: String(facts.locked),
    command: facts.command,
    subcommand: facts.subcommand,
  });
  const env = Object.fromEntries(Object.entries(tags).map(([tag, value]) => [`KAMAL_${tag.toUpperCase()}`, value]));
  return { ...env, ...secrets?.values() };
}

/** How loud a hook is (`hooks_output`); null: as the command is. */
export function hookOutput(d: Deployment, hook: string): string | null {
  const { output } = d.hooks;
  return typeof output === 'string' || output === null ? output : (output[hook] ?? null);
}
