import { Float, Sym, classOf, inspect, isHash, isPresent, toS, type Hash, type Value } from '../ruby/value.ts';
import type { Context } from './issues.ts';
import type { Kind, Schema } from './schema.ts';
import { nearest } from './nearest.ts';

type Type = 'String' | 'Integer' | 'Boolean' | 'Array' | 'Hash' | 'Symbol' | 'Nil';

const DESCRIPTIONS: Record<Type, string> = {
  String: 'a string', Integer: 'an integer', Boolean: 'a boolean', Array: 'an array', Hash: 'a hash', Symbol: 'a symbol', Nil: 'a nilclass',
};

/** Checks a section against what it may hold (Kamal 2.12: `Validator#validate_against_example!`). */
export function checkSection(context: Context, value: Value, schema: Schema, { extensions = false } = {}): value is Hash {
  if (!checkType(context, value, 'Hash') || !isHash(value)) return false;
  checkUnknownKeys(context, value, Object.keys(schema), extensions);
  for (const [key, item] of value) {
    const name = toS(key);
    const kind = typeof key === 'string' && Object.hasOwn(schema, key) ? schema[key] : undefined;
    if (name.startsWith('x-') || kind === undefined) continue;
    if (typeof kind === 'string') checkKind(context.at(name), item, kind);
    else checkSection(context.at(name), item, kind);
  }
  return true;
}

function checkKind(context: Context, value: Value, kind: Kind): void {
  switch (kind) {
    case 'string':
      checkType(context, value, 'String');
      return;
    case 'integer':
      checkType(context, value, 'Integer');
      return;
    case 'boolean':
      checkType(context, value, 'Boolean');
      return;
    case 'hash':
      checkType(context, value, 'Hash');
      return;
    case 'hash-of-strings':
      checkHashOfStrings(context, value);
      return;
    case 'array-of-strings':
      checkArrayOfStrings(context, value);
      return;
    case 'array-or-hash':
      checkType(context, value, 'Array', 'Hash');
      return;
    case 'hash-or-boolean':
      // Kamal lets a boolean through but names only the hash.
      if (typeof value !== 'boolean') checkType(context, value, 'Hash');
      return;
    case 'boolean-or-hash':
      checkType(context, value, 'Boolean', 'Hash');
      return;
    case 'servers':
      checkServers(context, value);
      return;
    case 'array-or-string':
      if (!isType(value, 'String') && !(Array.isArray(value) && value.every((item) => isType(item, 'String')))) typeError(context, value, 'Array', 'String');
      return;
    case 'ssh-config':
      if (Array.isArray(value)) checkArrayOfStrings(context, value);
      else if (typeof value !== 'boolean' && typeof value !== 'string') typeError(context, value, 'Boolean', 'String', 'Array');
      return;
    case 'paths':
      checkPaths(context, value);
      return;
    case 'hooks-output':
      if (isHash(value)) for (const [hook, level] of value) checkType(context.at(toS(hook)), level, 'String', 'Symbol');
      else checkType(context, value, 'String', 'Symbol');
  }
}

/** `validate_type!`: adds an issue and returns false when the value is of none of the types. */
export function checkType(context: Context, value: Value, ...types: Type[]): boolean {
  if (types.some((type) => isType(value, type))) return true;
  typeError(context, value, ...types);
  return false;
}

function typeError(context: Context, value: Value, ...types: Type[]): void {
  const expected = types.map((type) => DESCRIPTIONS[type]).join(' or ');
  context.error(`should be ${expected}`, { found: describe(value), expected });
}

function isType(value: Value, type: Type): boolean {
  switch (type) {
    case 'String':
      return ['string', 'number', 'bigint', 'boolean'].includes(typeof value) || value instanceof Sym || value instanceof Float;
    case 'Integer':
      return typeof value === 'number' || typeof value === 'bigint';
    case 'Boolean':
      return typeof value === 'boolean';
    case 'Array':
      return Array.isArray(value);
    case 'Hash':
      return isHash(value);
    case 'Symbol':
      return value instanceof Sym;
    case 'Nil':
      return value === null;
  }
}

/** What a value is, in short, for 'found …'. Strings may be secrets that ERB put there: their text is not shown. */
export function describe(value: Value): string {
  if (value === null) return 'nothing (null)';
  if (typeof value === 'string') return 'a string';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (isHash(value)) return `a hash with the keys ${[...value.keys()].map(toS).join(', ') || '(none)'}`;
  return `${inspect(value)} (${classOf(value)})`;
}

/** `validate_hash_of!(…, String)`. */
export function checkHashOfStrings(context: Context, value: Value): void {
  if (!checkType(context, value, 'Hash') || !isHash(value)) return;
  for (const [key, item] of value) checkType(context.at(toS(key)), item, 'String');
}

/** `validate_array_of!(…, String)`. */
export function checkArrayOfStrings(context: Context, value: Value): void {
  if (!checkType(context, value, 'Array') || !Array.isArray(value)) return;
  for (const [index, item] of value.entries()) checkType(context.at(String(index)), item, 'String');
}

/** `validate_servers!`: a list of hosts, each a string or one `host: tag(s)` pair. */
export function checkServers(context: Context, value: Value): void {
  if (!checkType(context, value, 'Array') || !Array.isArray(value)) return;
  for (const [index, server] of value.entries()) {
    const at = context.at(String(index));
    // Numbers pass Kamal's type check as strings do; as hosts they are left out without a word, so they are refused.
    if (isType(server, 'String') || !checkType(at, server, 'String', 'Hash') || !isHash(server)) continue;
    if (server.size !== 1) at.error('multiple hosts found', { found: describe(server), expected: 'one host with its tags' });
    for (const [host, tags] of [...server].slice(0, 1)) {
      const of = at.at(toS(host));
      if (checkType(of, tags, 'String', 'Array') && Array.isArray(tags)) checkArrayOfStrings(of, tags);
    }
  }
}

function checkPaths(context: Context, value: Value): void {
  if (!checkType(context, value, 'Array') || !Array.isArray(value)) return;
  for (const [index, path] of value.entries()) {
    const at = context.at(String(index));
    if (!checkType(at, path, 'String', 'Hash') || !isHash(path)) continue;
    for (const key of ['local', 'remote', 'mode', 'owner', 'options']) {
      const item = path.get(key);
      if (item !== undefined) checkType(at.at(key), item, 'String');
    }
  }
}

/** `check_unknown_keys!`, with the nearest known key and what replaced a Kamal 1 key as hints. */
export function checkUnknownKeys(context: Context, value: Hash, known: readonly string[], extensions = false): void {
  const unknown = [...value.keys()].filter((key) => !(typeof key === 'string' && known.includes(key)) && !(extensions && toS(key).startsWith('x-')));
  if (unknown.length === 0) return;
  const names = unknown.map(toS);
  context.error(`unknown ${names.length === 1 ? 'key' : 'keys'}: ${names.join(', ')}`, {
    key: [context.path, names[0] ?? ''].filter(Boolean).join('/'),
    found: names.join(', '),
    expected: `one of ${known.join(', ')}`,
    hint: names.map((name) => nearest(context.path, name, known, context.otherKeys)).filter(Boolean).join('; ') || undefined,
  });
}

/** `validate_labels!`: Kamal sets these labels itself. */
export function checkLabels(context: Context, labels: Value | undefined): void {
  if (!isHash(labels)) return;
  for (const key of labels.keys()) {
    if (key !== 'destination' && key !== 'role' && key !== 'service') continue;
    context.at('labels').at(key).error('invalid label. destination, role, and service are reserved labels', { found: key, expected: 'another name' });
  }
}

/** `validate_docker_options!`: the restart policy. */
export function checkDockerOptions(context: Context, options: Value | undefined): void {
  if (!isHash(options)) return;
  const entry = [...options].find(([key]) => toS(key) === 'restart');
  if (!entry) return;
  const at = context.at('options/restart');
  const policies = 'no, always, unless-stopped, on-failure, or on-failure:N';
  if (typeof entry[1] !== 'string') at.error('should be a string. Use "no" to disable restarts', { found: describe(entry[1]), expected: policies });
  else if (!/^(?:no|always|unless-stopped|on-failure(?::\d+)?)$/.test(entry[1]) || entry[1].endsWith('\n')) at.error(`should be ${policies}`, { found: entry[1], expected: policies });
}

/** Whether a hash has something non-blank under a key. */
export function has(hash: Value | undefined, key: string): boolean {
  return isHash(hash) && isPresent(hash.get(key));
}
