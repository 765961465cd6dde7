import type { Env } from '../configuration/env.ts';
import { resolveLookup, type Registry } from '../configuration/registry.ts';
import type { SshSettings } from '../configuration/ssh.ts';
import { deploymentOf } from '../deployment.ts';
import { toS } from '../ruby/value.ts';
import type { Snapshot } from '../snapshot.ts';
import { SecretMissing, type Secrets } from './secrets.ts';

/** What must not show. Longest first. */
export interface HiddenValues {
  /** Every secret, and passwords in the configuration. */
  secret: string[];
  /** Clear env values that are long enough to be a secret that ERB put there; most are none. */
  suspicious: string[];
}

/** All values that must not show. */
export function secretValuesOf(snapshot: Snapshot, secrets: Secrets): HiddenValues {
  return secretValuesIn(deploymentOf(snapshot), secrets);
}

/** The part of a deployment, of either generation, in which secrets may stand. */
export interface Secretive {
  readonly allRoles: readonly { readonly hosts: readonly string[]; env(host: string): Env }[];
  readonly accessories: readonly { readonly env: Env; readonly registry?: Registry | null }[];
  readonly registry: Registry;
  readonly ssh: SshSettings;
}

/** The same of a deployment. */
export function secretValuesIn(d: Secretive, secrets: Secrets): HiddenValues {
  const clear = [...d.allRoles.flatMap((role) => role.hosts.map((host) => role.env(host))), ...d.accessories.map(({ env }) => env)].flatMap((env) => [...env.clear.values()].map(toS));
  const registries = [d.registry, ...d.accessories.flatMap(({ registry }) => registry ?? [])].map((registry) => lookupOrEmpty(() => toS(resolveLookup(registry.password, secrets))));
  const secret = longestFirst([...Object.values(secrets.values()), ...registries, ...(d.ssh.keyData ?? [])]);
  // Short clear values (`3000`, `production`) are everywhere; scrubbing them would make logs unreadable.
  return { secret, suspicious: longestFirst(clear.filter((value) => value.length >= 16 && !secret.includes(value))) };
}

function longestFirst(values: string[]): string[] {
  return [...new Set(values)].filter((value) => value.length > 0).sort((a, b) => b.length - a.length);
}

function lookupOrEmpty(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (error instanceof SecretMissing) return '';
    throw error;
  }
}
