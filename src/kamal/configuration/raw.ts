import { isHash, isPresent, toS, type Hash, type Value } from '../ruby/value.ts';

/** A section of the configuration that may be missing: the empty hash then. */
export function section(hash: Hash, key: string): Hash {
  const value = hash.get(key);
  return isHash(value) ? value : new Map();
}

/** A value as text, null when it is missing or null. */
export function text(hash: Hash, key: string): string | null {
  const value = hash.get(key);
  return value === undefined || value === null ? null : toS(value);
}

/** A whole number, null when it is missing or of another type. */
export function number(hash: Hash, key: string): number | null {
  const value = hash.get(key);
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : null;
}

/** A list, empty when it is missing or of another type. */
export function list(hash: Hash, key: string): Value[] {
  const value = hash.get(key);
  return Array.isArray(value) ? value : [];
}

/** `config[key] || fallback`: nil and false count as missing. */
export function or<T extends Value>(value: Value | undefined, fallback: T): Value {
  return value === undefined || value === null || value === false ? fallback : value;
}

/** Drops what is null or undefined, as `[…].compact.join(separator)`. */
export function compactJoin(parts: readonly (string | null | undefined)[], separator: string): string {
  return parts.filter((part) => part !== null && part !== undefined).join(separator);
}

/** Each value once, in order of first appearance. */
export function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

/** The text of a present value, else null: `value.presence`. */
export function presence(value: Value | undefined): string | null {
  return isPresent(value) ? toS(value) : null;
}
