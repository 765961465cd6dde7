import { secretEnv, type Env } from './configuration/env.ts';
import type { Deployment } from './deployment.ts';
import { isBlank, toS, type Value } from './ruby/value.ts';
import { SecretMissing, type Secrets } from './secrets/secrets.ts';
import { envFileValue, kamalQuote } from './shell.ts';

/** A variable that the app doesn't see as it is written, because Kamal's quoting changes it. It never holds the value. */
export interface Mangled {
  /** `servers/web` or `accessories/db`. */
  readonly owner: string;
  readonly variable: string;
  readonly kind: 'clear' | 'secret';
  readonly reason: string;
}

/**
 * Variables that reach the app changed, as they do after `kamal deploy`: bactrian hands them over the same way, since
 * the next deploy would. Without `secrets` only the clear ones.
 */
export function mangledVariables(d: Deployment, secrets?: Secrets): Mangled[] {
  return mangledBy(KAMAL2, d, secrets);
}

/** How a Kamal hands variables over. */
export interface Handing {
  readonly quote: (value: Value) => string;
  readonly envFileValue: (value: string) => string;
  /** The secrets' values by variable. @throws SecretMissing */
  readonly secretEnv: (env: Env, secrets: Secrets) => Map<string, string>;
  /** `false` is handed over as text; else as a blank value is. */
  readonly keepsFalse: boolean;
}

const KAMAL2: Handing = { quote: kamalQuote, envFileValue, secretEnv, keepsFalse: true };

type Hosted = Pick<Deployment, 'hosts'> & {
  readonly roles: readonly { readonly name: string; readonly hosts: readonly string[]; env(host: string): Env }[];
  readonly accessories: readonly { readonly name: string; readonly env: Env }[];
};

/** The same for either generation. */
export function mangledBy(how: Handing, d: Hosted, secrets?: Secrets): Mangled[] {
  const roles = d.roles.flatMap((role) => role.hosts.filter((host) => d.hosts.includes(host)).map((host) => ({ owner: `servers/${role.name}`, env: role.env(host) })));
  const accessories = d.accessories.map((accessory) => ({ owner: `accessories/${accessory.name}`, env: accessory.env }));
  const all = [...roles, ...accessories].flatMap(({ owner, env }) => [...clearOf(how, owner, env), ...(secrets ? secretOf(how, owner, env, secrets) : [])]);
  return [...new Map(all.map((each) => [JSON.stringify([each.owner, each.variable, each.kind]), each])).values()];
}

function clearOf(how: Handing, owner: string, env: Env): Mangled[] {
  return [...env.clear].flatMap(([key, value]) => {
    const variable = toS(key);
    if (isBlank(value) && !(value === false && how.keepsFalse)) return [{ owner, variable, kind: 'clear' as const, reason: 'is blank: Docker takes it from the environment of the SSH user, or leaves it out' }];
    const reason = value === false ? null : reasonOf(toS(value), arrives(toS(value), how.quote));
    return reason === null ? [] : [{ owner, variable, kind: 'clear' as const, reason }];
  });
}

function secretOf(how: Handing, owner: string, env: Env, secrets: Secrets): Mangled[] {
  try {
    return [...how.secretEnv(env, secrets)].flatMap(([variable, value]) => {
      const reason = reasonOf(value, how.envFileValue(value));
      return reason === null ? [] : [{ owner, variable, kind: 'secret' as const, reason }];
    });
  } catch (error) {
    if (error instanceof SecretMissing) return [];
    throw error;
  }
}

function reasonOf(value: string, seen: string | null): string | null {
  if (seen === null) return 'has ${…}, which the shell on the host fills in';
  if (seen === value) return null;
  if (value.includes('\n')) return 'has line breaks, which arrive as \\n';
  // eslint-disable-next-line no-control-regex
  if (/[^\0-\x7f]/.test(value) && /\\u/.test(seen)) return 'has letters beyond ASCII, which arrive as escapes (\\u00E9)';
  return value.includes('\\') ? 'has backslashes, which arrive doubled or change what follows' : 'has characters that arrive as escapes (\\t, \\e, \\#{ …)';
}

/**
 * What arrives of a value quoted as Kamal does, in a shell on the host; null when that depends on the host's
 * own variables (`${…}`).
 */
export function arrives(value: string, quote: Handing['quote'] = kamalQuote): string | null {
  const quoted = quote(value);
  if (/(^|[^\\])(\\\\)*\$\{/.test(quoted)) return null;
  // Within double quotes a backslash goes away only before these.
  return quoted.replace(/\\([\\"$`])|"/g, (_, escaped: string | undefined) => escaped ?? '');
}
