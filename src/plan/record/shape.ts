/**
 * How a part of Kamal 1 ran on a host before an upgrade changed it, as the record on the host tells it: one file a part.
 * A record holds no value of any environment.
 */

/** The format that this code writes; others are refused. */
export const RECORD_FORMAT = 1;

/** Which part: Traefik, a role's container, an accessory's. */
export type Part = { readonly kind: 'traefik' } | { readonly kind: 'role' | 'accessory'; readonly name: string };

/** A text in which secrets are named in place of their values. */
export type Text = string | readonly (string | { readonly secret: string })[];

/** One part, as it stands in its file. */
export interface PartRecord {
  readonly format: typeof RECORD_FORMAT;
  /** Service and destination. */
  readonly deployment: string;
  readonly part: Part;
  /** The run that wrote it, and when (ISO 8601). */
  readonly run: string;
  readonly at: string;
  /** Home of the SSH user, below which Kamal 1's folders are. */
  readonly home: string;
  /** Names the key of the hashes in `env`; the key itself never leaves the worker's machine. */
  readonly key: string;
  readonly container: ContainerRecord;
}

/** What `docker run` was told, read back from `docker inspect`; without what the image itself says. */
export interface ContainerRecord {
  readonly name: string;
  /** As it was named. */
  readonly image: string;
  /** Null: the image's own. */
  readonly cmd: readonly Text[] | null;
  readonly labels: Readonly<Record<string, Text>>;
  /** Keyed hash of each value by the variable's name. */
  readonly env: Readonly<Record<string, string>>;
  /** Bind mounts and named volumes, as `--volume` takes them. */
  readonly volumes: readonly string[];
  /** Published ports, as `--publish` takes them. */
  readonly publish: readonly string[];
  readonly log: { readonly driver: string; readonly options: Readonly<Record<string, string>> };
  /** Null: the image's own, or none. */
  readonly health: { readonly cmd: Text; readonly interval: string } | null;
  /** Other options of `docker run` by name; `true` for a flag. */
  readonly options: Readonly<Record<string, readonly (Text | true)[]>>;
  /** Settings that this code has no option for: with one of these nothing is rebuilt from the record. */
  readonly unknown: readonly string[];
}

/** `role web`, `Traefik`: for people. */
export function partInWords(part: Part): string {
  return part.kind === 'traefik' ? 'Traefik' : `${part.kind} ${part.name}`;
}
