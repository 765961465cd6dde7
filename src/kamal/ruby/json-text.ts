import { Float, isHash, toS, type Value } from './value.ts';

/** `JSON.parse` of Ruby. @throws SyntaxError */
export function fromJson(text: string): Value {
  return valueOf(JSON.parse(text));
}

function valueOf(parsed: unknown): Value {
  if (Array.isArray(parsed)) return parsed.map(valueOf);
  if (typeof parsed === 'object' && parsed !== null) return new Map(Object.entries(parsed).map(([key, item]) => [key, valueOf(item)]));
  if (typeof parsed === 'number') return Number.isInteger(parsed) ? parsed : Float.of(parsed);
  return typeof parsed === 'string' || typeof parsed === 'boolean' ? parsed : null;
}

/** `to_json` of Ruby. */
export function toJson(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`;
  if (isHash(value)) return `{${[...value].map(([key, item]) => `${JSON.stringify(toS(key))}:${toJson(item)}`).join(',')}}`;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean' || value instanceof Float) return toS(value);
  return value === null ? 'null' : JSON.stringify(toS(value));
}
