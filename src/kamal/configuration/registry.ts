import { isHash, isPresent, toS, type Hash, type Value } from '../ruby/value.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { text } from './raw.ts';

/** A value that stands in the configuration, or is looked up among the secrets. */
export type Lookup = { readonly value: Value } | { readonly secret: string };

export interface Registry {
  readonly server: string | null;
  /** A registry on the deploying machine (`localhost:PORT`): nothing to log in to. */
  readonly local: boolean;
  readonly localPort: number | null;
  readonly username: Lookup;
  readonly password: Lookup;
}

/** Kamal 2.12: `Configuration::Registry`. */
export function registryOf(config: Hash): Registry {
  const server = text(config, 'server');
  const local = isLocalServer(server);
  const lookup = (key: string): Lookup => {
    const value = config.get(key);
    return Array.isArray(value) ? { secret: toS(value[0]) } : { value: value ?? null };
  };
  // Ruby's to_i: the leading digits, else 0, and 0 is true there.
  const port = Number.parseInt(server?.split(':').at(-1) ?? '', 10);
  return { server, local, localPort: local ? (Number.isNaN(port) ? 0 : port) : null, username: lookup('username'), password: lookup('password') };
}

/** Whether a server is what Kamal takes for a registry of its own: `localhost:…`, but not plain `localhost`. */
export function isLocalServer(server: string | null): boolean {
  return /^localhost[:$]/m.test(server ?? '');
}

/** The value behind a lookup. @throws SecretMissing */
export function resolveLookup(lookup: Lookup, secrets: Secrets): Value {
  return 'secret' in lookup ? secrets.get(lookup.secret) : lookup.value;
}

/** An accessory's own registry, when it has one. */
export function ownRegistry(config: Hash): Registry | null {
  const own = config.get('registry');
  return isPresent(own) && isHash(own) ? registryOf(own) : null;
}
