import { Float, Sym, inspect, isBlank, toS, type Value } from '../ruby/value.ts';
import { ErbUnsupported } from './errors.ts';
import { noMethod, numberArg, Regex, splitText, stringArg, valueOf, type Call, type Thing } from './objects.ts';

type Method = (text: string, call: Call) => Value;

const METHODS: Record<string, Method> = {
  strip: (text) => text.replace(/^[\0\s]+|[\0\s]+$/g, ''),
  lstrip: (text) => text.replace(/^\s+/, ''),
  rstrip: (text) => text.replace(/[\0\s]+$/, ''),
  chomp: (text, call) => (call.args.length > 0 ? suffixless(text, stringArg(call, 0)) : text.replace(/\r?\n$|\r$/, '')),
  chop: (text) => text.slice(0, -1),
  squish: (text) => text.trim().replace(/\s+/g, ' '),
  upcase: (text) => text.toUpperCase(),
  downcase: (text) => text.toLowerCase(),
  capitalize: (text) => text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase(),
  to_i: (text) => Number.parseInt(text.replaceAll('_', ''), 10) || 0,
  to_f: (text) => Float.of(Number.parseFloat(text) || 0),
  to_sym: (text) => Sym.of(text),
  to_str: (text) => text,
  length: (text) => Array.from(text).length,
  size: (text) => Array.from(text).length,
  'empty?': (text) => text === '',
  reverse: (text) => Array.from(text).toReversed().join(''),
  'include?': (text, call) => text.includes(stringArg(call, 0)),
  'start_with?': (text, call) => call.args.some((arg) => typeof arg === 'string' && text.startsWith(arg)),
  'end_with?': (text, call) => call.args.some((arg) => typeof arg === 'string' && text.endsWith(arg)),
  'match?': (text, call) => matches(text, call.args[0]),
  '=~': (text, call) => position(text, call.args[0]),
  split: (text, call) => splitText(text, call.args[0]),
  lines: (text) => text.match(/[^\n]*\n|[^\n]+/g) ?? [],
  chars: (text) => Array.from(text),
  delete_prefix: (text, call) => (text.startsWith(stringArg(call, 0)) ? text.slice(stringArg(call, 0).length) : text),
  delete_suffix: (text, call) => suffixless(text, stringArg(call, 0)),
  gsub: (text, call) => replaced(text, call, true),
  sub: (text, call) => replaced(text, call, false),
  tr: (text, call) => translated(text, stringArg(call, 0), stringArg(call, 1)),
  delete: (text, call) => translated(text, stringArg(call, 0), ''),
  count: (text, call) => text.split(stringArg(call, 0)).length - 1,
  index: (text, call) => (text.includes(stringArg(call, 0)) ? text.indexOf(stringArg(call, 0)) : null),
  '[]': at,
  slice: at,
  '+': (text, call) => text + stringArg(call, 0),
  concat: (text, call) => text + stringArg(call, 0),
  '*': (text, call) => text.repeat(numberArg(call, 0, 1)),
  '%': (text, call) => formatted(text, call),
  ljust: (text, call) => text.padEnd(numberArg(call, 0, 0)),
  rjust: (text, call) => text.padStart(numberArg(call, 0, 0), call.args.length > 1 ? stringArg(call, 1) : ' '),
  'casecmp?': (text, call) => text.toLowerCase() === stringArg(call, 0).toLowerCase(),
  '<': (text, call) => text < stringArg(call, 0),
  '>': (text, call) => text > stringArg(call, 0),
};

/** A method of String. @throws RubyError, ErbUnsupported */
export function callString(text: string, call: Call): Value {
  const method = Object.hasOwn(METHODS, call.name) ? METHODS[call.name] : undefined;
  if (method) return method(text, call);
  if (call.name === '<<') throw new ErbUnsupported('changing a string with <<', call.line);
  if (KNOWN_ELSEWHERE.test(call.name)) throw new ErbUnsupported(`String#${call.name}`, call.line);
  throw noMethod(text, call);
}

/** Methods that Ruby's strings have and ours don't: real Ruby may know better. Arrays' and hashes' own are errors. */
const KNOWN_ELSEWHERE = /^(?!(map|each|first|last|join|keys|values|fetch|dig|any\?|select|reject|compact|uniq|flatten)$)/;

function suffixless(text: string, suffix: string): string {
  return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
}

function matches(text: string, pattern: Thing | undefined): boolean {
  return position(text, pattern) !== null;
}

function position(text: string, pattern: Thing | undefined): number | null {
  const found = pattern instanceof Regex ? text.search(new RegExp(pattern.pattern)) : text.indexOf(toS(pattern as Value));
  return found < 0 ? null : found;
}

function replaced(text: string, call: Call, all: boolean): string {
  const [pattern] = call.args;
  const replacement = stringArg(call, 1);
  if (call.block || /\\[\dk&]/.test(replacement)) throw new ErbUnsupported(`${call.name} with a block or a reference`, call.line);
  if (pattern instanceof Regex) return text.replace(new RegExp(pattern.pattern.source, pattern.pattern.flags.replace('g', '') + (all ? 'g' : '')), () => replacement);
  const search = stringArg(call, 0);
  return all ? text.replaceAll(search, () => replacement) : text.replace(search, () => replacement);
}

/** `tr`: characters of one set to those of another; ranges `a-z`, and `^` for all others. */
function translated(text: string, from: string, to: string): string {
  const negated = from.length > 1 && from.startsWith('^');
  const source = expanded(negated ? from.slice(1) : from);
  const target = expanded(to);
  return Array.from(text)
    .map((c) => {
      const index = source.indexOf(c);
      if (negated ? index >= 0 : index < 0) return c;
      return target.length === 0 ? '' : (target[negated ? target.length - 1 : Math.min(index, target.length - 1)] ?? '');
    })
    .join('');
}

function expanded(set: string): string[] {
  return Array.from(set.replace(/(.)-(.)/gs, (_, from: string, to: string) => {
    let range = '';
    for (let code = from.charCodeAt(0); code <= to.charCodeAt(0); code++) range += String.fromCharCode(code);
    return range;
  }));
}

function at(text: string, call: Call): Value {
  const [index, length] = call.args;
  if (typeof index === 'string') return text.includes(index) ? index : null;
  if (index instanceof Regex) return new RegExp(index.pattern).exec(text)?.[typeof length === 'number' ? length : 0] ?? null;
  const characters = Array.from(text);
  if (Array.isArray(index)) return index.map((i) => characters.at(Number(i)) ?? '').join('');
  const start = numberArg(call, 0, 0);
  if (length === undefined) return characters.at(start) ?? null;
  const from = start < 0 ? characters.length + start : start;
  return characters.slice(from, from + numberArg(call, 1, 0)).join('');
}

function formatted(text: string, call: Call): string {
  const arg = valueOf(call.args[0] ?? null, call.line);
  const values = Array.isArray(arg) ? [...arg] : [arg];
  if (/%(?!%|0?\d*[sdp])/.test(text.replaceAll('%%', ''))) throw new ErbUnsupported('this format', call.line);
  return text.replace(/%(%|(0?)(\d*)([sdp]))/g, (whole, _all, zero: string, width: string, kind: string) => {
    if (whole === '%%') return '%';
    const value = values.shift() ?? null;
    const shown = kind === 'p' ? inspect(value) : toS(value);
    return shown.padStart(Number(width || 0), zero === '0' ? '0' : ' ');
  });
}

/** `presence`, as ActiveSupport adds it. */
export function presenceOf(value: Value): Value {
  return isBlank(value) ? null : value;
}
