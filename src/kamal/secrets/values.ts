import type { Env } from '../configuration/env.ts';
import { resolveLookup, type Registry } from '../configuration/registry.ts';
import type { SshSettings } from '../configuration/ssh.ts';
import { deploymentOf } from '../deployment.ts';
import { toS } from '../ruby/value.ts';
import type { Snapshot } from '../snapshot.ts';
import { SecretMissing, type Secrets } from './secrets.ts';

/** All values that must not show: every secret, passwords in the configuration, and env values that ERB may have put there. */
export function secretValuesOf(snapshot: Snapshot, secrets: Secrets): string[] {
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
export function secretValuesIn(d: Secretive, secrets: Secrets): string[] {
  const clear = [...d.allRoles.flatMap((role) => role.hosts.map((host) => role.env(host))), ...d.accessories.map(({ env }) => env)].flatMap((env) => [...env.clear.values()].map(toS));
  const registries = [d.registry, ...d.accessories.flatMap(({ registry }) => registry ?? [])].map((registry) => lookupOrEmpty(() => toS(resolveLookup(registry.password, secrets))));
  const values = [...Object.values(secrets.values()), ...registries, ...(d.ssh.keyData ?? [])];
  // Short clear values (`3000`, `production`) are everywhere; scrubbing them would make logs unreadable.
  const suspicious = clear.filter((value) => value.length >= 16);
  return [...new Set([...values, ...suspicious])].filter((value) => value.length > 0).sort((a, b) => b.length - a.length);
}

function lookupOrEmpty(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (error instanceof SecretMissing) return '';
    throw error;
  }
}
