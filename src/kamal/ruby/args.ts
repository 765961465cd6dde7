import { kamalQuote } from '../shell.ts';
import { isHash, isPresent, toS, type Hash, type Value } from './value.ts';

/** How a Kamal writes values into arguments. */
export interface Quoting {
  readonly quote: (value: Value | undefined) => string;
  /** `false` is written (`key=false`); else it counts as blank, and the key stands alone. */
  readonly keepsFalse: boolean;
}

const KAMAL2: Quoting = { quote: kamalQuote, keepsFalse: true };

type Attributes = Hash | readonly Value[] | Value | undefined;

/** `Utils.argumentize`: the argument before each attribute; `key="value"`, `key=false`, or the key alone when blank. */
export function argumentize(argument: string, attributes: Attributes, { quote, keepsFalse }: Quoting = KAMAL2): string[] {
  return pairs(attributes).flatMap(([key, value]) => {
    if (isPresent(value)) return [argument, `${toS(key)}=${quote(value)}`];
    return [argument, value === false && keepsFalse ? `${toS(key)}=false` : toS(key)];
  });
}

function pairs(attributes: Attributes): (readonly [Value, Value])[] {
  if (attributes === undefined || attributes === null) return [];
  if (isHash(attributes as Value)) return [...(attributes as Hash)];
  const items = (Array.isArray(attributes) ? attributes : [attributes]) as Value[];
  return items.map((item) => (Array.isArray(item) ? [item[0] ?? null, item[1] ?? null] : [item, null]));
}

/**
 * `Utils.optionize`: `--key "value"` for each pair, one per item of a list, a bare flag for `true`. With `joint` the
 * two are one word (`--key="value"`).
 */
export function optionize(options: Hash | Record<string, Value | undefined>, joint?: string, { quote }: Quoting = KAMAL2): string[] {
  const entries: [Value, Value | undefined][] = options instanceof Map ? [...options] : Object.entries(options);
  return entries.flatMap(([key, value]) => {
    if (value === undefined) return [];
    const items: Value[] = Array.isArray(value) ? value : isHash(value) ? [...value] : [value];
    return items.flatMap((item) => {
      if (item === true) return [`--${toS(key)}`];
      return joint === undefined ? [`--${toS(key)}`, quote(item)] : [`--${toS(key)}${joint}${quote(item)}`];
    });
  });
}
