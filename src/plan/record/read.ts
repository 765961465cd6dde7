import { RECORD_FORMAT, type ContainerRecord, type Part, type PartRecord } from './shape.ts';

/** What is written down of a host, by part. */
export interface HostRecord {
  readonly host: string;
  readonly traefik: PartRecord | null;
  readonly roles: ReadonlyMap<string, PartRecord>;
  readonly accessories: ReadonlyMap<string, PartRecord>;
  /** Variables in the env file that Kamal 1 left for Traefik; null: there is no such file. Names only. */
  readonly traefikEnv: readonly string[] | null;
}

/** A record can't be used. Names host, file, place, what is there and what should be. */
export class RecordError extends Error {
  override readonly name = 'RecordError';
}

/** One file of a record as it was found. */
export interface RecordFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Reads what is written down on a host.
 *
 * @throws RecordError for a file that is not what this code wrote
 */
export function readRecord(host: string, files: readonly RecordFile[], traefikEnv: readonly string[] | null): HostRecord {
  const parts = files.map((file) => readPart(host, file));
  const named = (kind: 'role' | 'accessory') => new Map(parts.flatMap((record) => (record.part.kind === kind ? [[record.part.name, record] as const] : [])));
  return { host, traefik: parts.find(({ part }) => part.kind === 'traefik') ?? null, roles: named('role'), accessories: named('accessory'), traefikEnv };
}

/** The file's name of a part, after the deployment's. */
export function fileOf(part: Part): string {
  return part.kind === 'traefik' ? 'traefik.json' : `${part.kind}-${part.name}.json`;
}

function readPart(host: string, { path, text }: RecordFile): PartRecord {
  const wrong = (place: string, found: unknown, expected: string) =>
    new RecordError(`${host}:${path}: ${place} is ${found === undefined ? 'missing' : JSON.stringify(found)?.slice(0, 60)}, where ${expected} is expected; nothing can be rebuilt from it: give the Kamal 1 configuration with -c FILE or --from-git REV`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong('the text', text.slice(0, 20), 'JSON');
  }
  if (!isObject(value)) throw wrong('the text', value, 'an object');
  if (value['format'] !== RECORD_FORMAT) throw wrong('format', value['format'], `${RECORD_FORMAT} (was it written by another version of bactrian?)`);
  check(value, PART, '', wrong);
  const record = value as unknown as PartRecord;
  if (path.split('/').at(-1) !== `kamal1-${record.deployment}.${fileOf(record.part)}`) throw wrong('part', record.part, `that of the file's name`);
  return record;
}

type Check = (value: unknown) => boolean;
type Shape = { readonly [key: string]: readonly [Check, string] | Shape };

const isText: Check = (value) => typeof value === 'string' || (Array.isArray(value) && value.every((part) => typeof part === 'string' || (isObject(part) && typeof part['secret'] === 'string')));
const texts = (of: Check): Check => (value) => Array.isArray(value) && value.every(of);
const byName = (of: Check): Check => (value) => isObject(value) && Object.values(value).every(of);
const isString: Check = (value) => typeof value === 'string';
const STRING = [isString, 'text'] as const;

const CONTAINER: { readonly [Key in keyof ContainerRecord]: readonly [Check, string] | Shape } = {
  name: STRING,
  image: STRING,
  cmd: [(value) => value === null || texts(isText)(value), 'a list of words, or null'],
  labels: [byName(isText), 'texts by name'],
  env: [byName((value) => isString(value) && /^[0-9a-f]{32}$/.test(value as string)), 'hashes by name'],
  volumes: [texts(isString), 'a list of texts'],
  publish: [texts(isString), 'a list of texts'],
  log: { driver: STRING, options: [byName(isString), 'texts by name'] },
  health: [(value) => value === null || (isObject(value) && isText(value['cmd']) && isString(value['interval'])), 'cmd and interval, or null'],
  options: [byName(texts((value) => value === true || isText(value))), 'lists of values by name'],
  unknown: [texts(isString), 'a list of texts'],
};

const PART: Shape = {
  deployment: STRING,
  part: [(value) => isObject(value) && (value['kind'] === 'traefik' || ((value['kind'] === 'role' || value['kind'] === 'accessory') && isString(value['name']))), 'Traefik, a role or an accessory'],
  run: STRING,
  at: [(value) => isString(value) && !Number.isNaN(Date.parse(value as string)), 'a time'],
  home: [(value) => isString(value) && (value as string).startsWith('/'), 'an absolute path'],
  key: STRING,
  container: CONTAINER,
};

function check(value: Record<string, unknown>, shape: Shape, at: string, wrong: (place: string, found: unknown, expected: string) => RecordError): void {
  for (const [key, wanted] of Object.entries(shape)) {
    const found = value[key];
    const place = `${at}${key}`;
    if (isCheck(wanted)) {
      const [holds, expected] = wanted;
      if (!holds(found)) throw wrong(place, found, expected);
    } else if (isObject(found)) check(found, wanted, `${place}/`, wrong);
    else throw wrong(place, found, 'an object');
  }
}

function isCheck(wanted: readonly [Check, string] | Shape): wanted is readonly [Check, string] {
  return Array.isArray(wanted);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
