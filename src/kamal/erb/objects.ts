import { RubyError } from './errors.ts';
import { classOf, toS, type Value } from '../ruby/value.ts';

/** A class or module that code names: `ENV`, `File`, `JSON`. */
export class Constant {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A regular expression literal. */
export class Regex {
  readonly pattern: RegExp;
  constructor(pattern: RegExp) {
    this.pattern = pattern;
  }
}

export type Thing = Value | Constant | Regex;

/** A block or `&:method`, ready to be called. */
export type Callable = (...args: Value[]) => Promise<Value>;

/** A method call, arguments evaluated. */
export interface Call {
  readonly name: string;
  readonly args: readonly Thing[];
  readonly block: Callable | null;
  readonly line: number;
}

export function truthy(value: Thing): boolean {
  return value !== null && value !== false;
}

/** The value when it is one, else what Ruby would say. */
export function valueOf(thing: Thing, line: number): Value {
  if (thing instanceof Constant || thing instanceof Regex) throw new RubyError('a class or regular expression is no value here', line);
  return thing;
}

/** An argument as a string. @throws RubyError when it is something else */
export function stringArg(call: Call, index: number): string {
  const arg = call.args[index];
  if (typeof arg === 'string') return arg;
  throw new RubyError(`${call.name}: no implicit conversion of ${arg === undefined ? 'nothing' : className(arg)} into String`, call.line);
}

/** An argument as a whole number, the fallback when it is missing. */
export function numberArg(call: Call, index: number, fallback: number): number {
  const arg = call.args[index];
  if (arg === undefined) return fallback;
  if (typeof arg === 'number') return arg;
  throw new RubyError(`${call.name}: no implicit conversion of ${className(arg)} into Integer`, call.line);
}

export function className(thing: Thing): string {
  if (thing instanceof Constant) return thing.name;
  return thing instanceof Regex ? 'Regexp' : classOf(thing);
}

/** `undefined method …`, as Ruby says it. */
export function noMethod(receiver: Thing, call: Call): RubyError {
  return new RubyError(`undefined method \`${call.name}' for ${receiver === null ? 'nil' : className(receiver)}`, call.line);
}

/** The pieces of a text split by a text or a regular expression; by blanks when nothing is given. Empty ends are dropped. */
export function splitText(text: string, separator: Thing | undefined): string[] {
  if (separator === undefined || separator === null || separator === ' ') return text.trim() === '' ? [] : text.trim().split(/\s+/);
  const parts = separator instanceof Regex ? text.split(separator.pattern) : text.split(toS(separator as Value));
  while (parts.length > 0 && parts.at(-1) === '') parts.pop();
  return parts;
}
