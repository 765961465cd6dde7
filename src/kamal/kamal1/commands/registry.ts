import { resolveLookup, type Registry } from '../../configuration/registry.ts';
import { docker } from '../../commands/words.ts';
import type { Secrets } from '../../secrets/secrets.ts';
import type { Command } from '../../shell.ts';
import { kamal1Quote } from '../quoting.ts';

export { logout } from '../../commands/registry.ts';

/** Kamal's own form, with the password in the argument: only to compare with, never to run. @throws SecretMissing */
export function kamalLogin(registry: Registry, secrets: Secrets): Command {
  return docker('login', registry.server, '-u', kamal1Quote(resolveLookup(registry.username, secrets)), '-p', kamal1Quote(resolveLookup(registry.password, secrets)));
}
