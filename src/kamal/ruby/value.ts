/**
 * The values that YAML gives to Kamal, as Ruby sees them. Plain JavaScript values lose what Kamal's output depends on:
 * the order of number-like keys, keys that are not strings (`YES:` is `true`), `1.0` beside `1`, symbols, dates.
 */
export type Scalar = string | number | bigint | boolean | null | Sym | Float | Timestamp;
export type Value = Scalar | Value[] | Hash;
export type Hash = Map<Scalar, Value>;

const symbols = new Map<string, Sym>();
const floats = new Map<string, Float>();
const timestamps = new Map<string, Timestamp>();

/** A Ruby Symbol. One object per name, so that it works as a key. */
export class Sym {
  readonly name: string;
  private constructor(name: string) {
    this.name = name;
  }
  static of(name: string): Sym {
    return remembered(symbols, name, () => new Sym(name));
  }
}

/** A Ruby Float: `1.0` prints as "1.0", never as "1". */
export class Float {
  readonly number: number;
  private constructor(number: number) {
    this.number = number;
  }
  static of(number: number): Float {
    return remembered(floats, Object.is(number, -0) ? '-0' : String(number), () => new Float(number));
  }
}

/** A Ruby Date or Time. Kamal never uses one; what matters is that it is neither a string nor a number. */
export class Timestamp {
  readonly kind: 'Date' | 'Time';
  readonly text: string;
  private constructor(kind: 'Date' | 'Time', text: string) {
    this.kind = kind;
    this.text = text;
  }
  static of(kind: 'Date' | 'Time', text: string): Timestamp {
    return remembered(timestamps, `${kind} ${text}`, () => new Timestamp(kind, text));
  }
}

function remembered<T>(known: Map<string, T>, key: string, make: () => T): T {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

export type ClassName = 'String' | 'Integer' | 'Float' | 'Symbol' | 'Date' | 'Time' | 'TrueClass' | 'FalseClass' | 'NilClass' | 'Array' | 'Hash';

/** Ruby's class of a value. */
export function classOf(value: Value): ClassName {
  if (value === null) return 'NilClass';
  if (typeof value === 'string') return 'String';
  if (typeof value === 'number' || typeof value === 'bigint') return 'Integer';
  if (typeof value === 'boolean') return value ? 'TrueClass' : 'FalseClass';
  if (value instanceof Sym) return 'Symbol';
  if (value instanceof Float) return 'Float';
  if (value instanceof Timestamp) return value.kind;
  return Array.isArray(value) ? 'Array' : 'Hash';
}

export function isHash(value: Value | undefined): value is Hash {
  return value instanceof Map;
}

/** `value.blank?` of ActiveSupport; a missing value counts as nil. */
export function isBlank(value: Value | undefined): boolean {
  if (value === undefined || value === null || value === false) return true;
  if (typeof value === 'string') return /^[\s\u0085]*$/.test(value);
  if (Array.isArray(value)) return value.length === 0;
  return isHash(value) && value.size === 0;
}

/** `value.present?` of ActiveSupport. */
export function isPresent(value: Value | undefined): value is Exclude<Value, null | false> {
  return !isBlank(value);
}

/** `value.to_s`. */
export function toS(value: Value | undefined): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  if (value instanceof Sym) return value.name;
  if (value instanceof Timestamp) return value.text;
  return inspect(value);
}

/** `value.inspect` as of Ruby 3.1 (`{"a"=>1}`). */
export function inspect(value: Value): string {
  if (value === null) return 'nil';
  if (typeof value === 'string') return inspectString(value);
  if (value instanceof Sym) return /^[A-Za-z_][A-Za-z0-9_]*[?!=]?$/.test(value.name) ? `:${value.name}` : `:${inspectString(value.name)}`;
  if (value instanceof Float) return floatToS(value.number);
  if (value instanceof Timestamp) return value.kind === 'Date' ? `#<Date: ${value.text}>` : value.text;
  if (Array.isArray(value)) return `[${value.map(inspect).join(', ')}]`;
  if (isHash(value)) return value.size === 0 ? '{}' : `{${[...value].map(([k, v]) => `${inspect(k)}=>${inspect(v)}`).join(', ')}}`;
  return String(value);
}

/** `Float#to_s`: always with a fraction, scientific from 1e16 on and below 1e-4. */
function floatToS(number: number): string {
  if (Number.isNaN(number)) return 'NaN';
  if (!Number.isFinite(number)) return number > 0 ? 'Infinity' : '-Infinity';
  const size = Math.abs(number);
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) {
    const [mantissa = '', exponent = ''] = number.toExponential().split('e');
    const power = Number(exponent);
    return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  const text = Object.is(number, -0) ? '-0' : String(number);
  return text.includes('.') ? text : `${text}.0`;
}

const ESCAPES: Record<string, string> = {
  '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\f': '\\f', '\v': '\\v', '\b': '\\b', '\u0007': '\\a', '\u001b': '\\e',
};

function inspectString(text: string): string {
  return `"${text.replace(/["\\\p{Cc}]|#(?=[$@{])/gu, (c) => (c === '#' ? '\\#' : (ESCAPES[c] ?? `\\x${hex(c)}`)))}"`;
}

/**
 * `String#dump`: double quotes, every character outside ASCII's printable ones escaped, `#` escaped where it would
 * interpolate.
 */
export function dump(text: string): string {
  // eslint-disable-next-line no-control-regex
  return `"${text.replace(/["\\\u0000-\u001f\u007f-\u{10ffff}]|#(?=[$@{])/gu, (c) => (c === '#' ? '\\#' : (ESCAPES[c] ?? dumped(c))))}"`;
}

function dumped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return `\\x${hex(character)}`;
  const digits = code.toString(16).toUpperCase();
  return code > 0xffff ? `\\u{${digits}}` : `\\u${digits.padStart(4, '0')}`;
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
}

/** `a.deep_merge(b)` of ActiveSupport: hashes merge, everything else (arrays and nil too) is replaced. */
export function deepMerge(base: Hash, other: Hash): Hash {
  const merged: Hash = new Map(base);
  for (const [key, value] of other) {
    const own = merged.get(key);
    merged.set(key, isHash(own) && isHash(value) ? deepMerge(own, value) : value);
  }
  return merged;
}

/** `a == b` of Ruby; the order of a hash's keys doesn't count, `1 == 1.0`. */
export function equal(a: Value, b: Value): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => equal(item, b[i] ?? null));
  if (isHash(a) && isHash(b)) {
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && equal(value, b.get(key) ?? null));
  }
  return numberOf(a) === numberOf(b);
}

function numberOf(value: Value): Value {
  return value instanceof Float ? value.number : value;
}
