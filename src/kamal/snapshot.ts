import { createHash } from 'node:crypto';
import type { Kamal1Snapshot } from './kamal1/snapshot.ts';
import { decode, type Encoded } from './ruby/json.ts';
import type { Hash } from './ruby/value.ts';
import { isHash } from './ruby/value.ts';

/** Where something stands in the project's files. */
export interface Origin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A file of the project that is uploaded. Paths are relative to the project or absolute, as configured. */
export type LocalFile =
  | { readonly kind: 'missing' }
  | { readonly kind: 'file'; readonly base64: string }
  | { readonly kind: 'directory'; readonly files: readonly { readonly path: string; readonly base64: string }[] };

export type VersionSource = 'option' | 'environment' | 'git';

/**
 * A project's configuration as loaded, as plain JSON: enough to make every name and command of the deployment from.
 * Values of `.kamal/secrets` are not in it; what ERB put into the configuration is, so keep it 0600.
 */
export interface Snapshot {
  readonly format: 1;
  readonly configFile: string;
  readonly destination: string | null;
  /** The merged configuration, encoded by `ruby/json.ts`. */
  readonly config: Encoded;
  /** The app's version: `--version`, else `VERSION`, else git's; null when there is none, with Kamal's reason. */
  readonly version: { readonly value: string | null; readonly source: VersionSource | null; readonly problem: string | null };
  /** Names after wildcards; null: no filter. */
  readonly selection: { readonly hosts: readonly string[] | null; readonly roles: readonly string[] | null };
  /** ERB changed the environment (`Dotenv.load`), so it has to be rendered again to read the secrets. */
  readonly setsEnvironment: boolean;
  /** Secrets files that are looked for, in the order they are read, and which of them exist. */
  readonly secretsFiles: { readonly looked: readonly string[]; readonly present: readonly string[] };
  readonly hooks: { readonly path: string; readonly present: readonly string[] };
  /** Accessories' files by their configured local path. ERB templates unrendered. */
  readonly files: Readonly<Record<string, LocalFile>>;
  /** Error pages by file name, null when `error_pages_path` isn't set. */
  readonly errorPages: Readonly<Record<string, string>> | null;
  /** By the key's path (`proxy/app_port`). */
  readonly origins: Readonly<Record<string, Origin>>;
  readonly warnings: readonly string[];
}

/** The merged configuration of a snapshot. */
export function configOf(snapshot: Snapshot): Hash {
  const config = decode(snapshot.config);
  return isHash(config) ? config : new Map();
}

/**
 * SHA-256 (hex) of what a snapshot means. Lines, warnings and a version taken from git don't count: another checkout
 * of the same project gives the same digest, and so does the same configuration from another commit.
 */
export function snapshotDigest(snapshot: Snapshot | Kamal1Snapshot): string {
  const { origins: _origins, warnings: _warnings, setsEnvironment: _sets, version, ...rest } = snapshot;
  const explicit = version.source === 'git' ? null : version.value;
  // Where a Kamal 1 configuration was read from is no part of what it means.
  const meaning = 'revision' in rest ? { ...rest, revision: null } : rest;
  return createHash('sha256').update(canonical({ ...meaning, version: explicit })).digest('hex');
}

/** JSON with sorted keys where order has no meaning; the configuration's own order is kept. */
function canonical(value: object): string {
  const { config, ...rest } = value as { config: Encoded };
  return JSON.stringify([config, sorted(rest)]);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item)]));
}
