import { decode, type Encoded } from '../ruby/json.ts';
import { isHash, type Hash } from '../ruby/value.ts';
import type { LocalFile, Origin, Snapshot } from '../snapshot.ts';

/**
 * A Kamal 1 project's configuration as loaded, as plain JSON: enough to make every name and command of the deployment
 * from. Values of `.env` files are not in it unless ERB put them there, so keep it 0600.
 */
export interface Kamal1Snapshot {
  readonly format: 1;
  readonly generation: 'kamal1';
  readonly configFile: string;
  /** The commit (40 hex digits) that the files come from; null: the work tree. */
  readonly revision: string | null;
  readonly destination: string | null;
  /** The merged configuration, encoded by `ruby/json.ts`. */
  readonly config: Encoded;
  readonly version: Snapshot['version'];
  /** Names after wildcards; null: no filter. */
  readonly selection: Snapshot['selection'];
  /** ERB changed the environment, so it has to be rendered again to read the secrets. */
  readonly setsEnvironment: boolean;
  /** `.env` files that are looked for, in the order they are read, and which of them exist. */
  readonly envFiles: { readonly looked: readonly string[]; readonly present: readonly string[] };
  readonly hooks: { readonly path: string; readonly present: readonly string[] };
  /** Accessories' files by their configured local path. ERB templates unrendered. */
  readonly files: Readonly<Record<string, LocalFile>>;
  /** By the key's path (`traefik/args`). */
  readonly origins: Readonly<Record<string, Origin>>;
  readonly warnings: readonly string[];
  /** Not loaded from files, but made of what is written down on the hosts. */
  readonly rebuilt?: Rebuilding;
}

/** What goes with a configuration that was made of what is written down on the hosts. */
export interface Rebuilding {
  /** The project as it is now: its secrets are the ones that are used. */
  readonly kamal2: Snapshot;
  /** Secrets by the variables that are named otherwise. */
  readonly aliases: Readonly<Record<string, string>>;
}

/** The merged configuration of a snapshot. */
export function kamal1ConfigOf(snapshot: Kamal1Snapshot): Hash {
  const config = decode(snapshot.config);
  return isHash(config) ? config : new Map();
}
