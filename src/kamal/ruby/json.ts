import { Float, Sym, Timestamp, isHash, type Hash, type Scalar, type Value } from './value.ts';

/** A Ruby value as JSON. What JSON can't say is an object with one key that starts with `$`. */
export type Encoded = string | number | boolean | null | Encoded[] | { [key: string]: Encoded };

/** Writes a value as JSON, losing nothing: order of keys, keys that are no strings, floats, symbols, dates. */
export function encode(value: Value): Encoded {
  if (value instanceof Sym) return { $symbol: value.name };
  if (value instanceof Float) return { $float: String(value.number) };
  if (value instanceof Timestamp) return value.kind === 'Date' ? { $date: value.text } : { $time: value.text };
  if (typeof value === 'bigint') return { $integer: String(value) };
  if (Array.isArray(value)) return value.map(encode);
  if (isHash(value)) {
    const entries = [...value].map(([key, item]) => [encode(key), encode(item)] as const);
    // An object would move number-like keys to the front, and `__proto__` would vanish.
    const plain = entries.every(([key]) => typeof key === 'string' && !/^(\d|\$|__proto__$)/.test(key));
    return plain ? Object.fromEntries(entries as [string, Encoded][]) : { $hash: entries.map(([key, item]) => [key, item]) };
  }
  return value;
}

/** Reads what {@link encode} wrote. */
export function decode(encoded: Encoded): Value {
  if (encoded === null || typeof encoded !== 'object') return encoded;
  if (Array.isArray(encoded)) return encoded.map(decode);
  const keys = Object.keys(encoded);
  const tag = keys[0];
  const tagged = keys.length === 1 && tag !== undefined ? encoded[tag] : undefined;
  if (typeof tagged === 'string') {
    if (tag === '$symbol') return Sym.of(tagged);
    if (tag === '$float') return Float.of(Number(tagged));
    if (tag === '$date') return Timestamp.of('Date', tagged);
    if (tag === '$time') return Timestamp.of('Time', tagged);
    if (tag === '$integer') return BigInt(tagged);
  }
  if (tag === '$hash' && Array.isArray(tagged)) return hashOf(tagged);
  return new Map(Object.entries(encoded).map(([key, item]) => [key, decode(item)]));
}

function hashOf(pairs: Encoded[]): Hash {
  const hash: Hash = new Map();
  for (const pair of pairs) {
    if (!Array.isArray(pair)) continue;
    hash.set(decode(pair[0] ?? null) as Scalar, decode(pair[1] ?? null));
  }
  return hash;
}
