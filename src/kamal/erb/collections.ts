import { equal, isHash, toS, type Hash, type Scalar, type Value } from '../ruby/value.ts';
import { ErbUnsupported, RubyError } from './errors.ts';
import { className, noMethod, numberArg, truthy, valueOf, type Call, type Callable } from './objects.ts';

type ArrayMethod = (items: Value[], call: Call) => Value | Promise<Value>;
type HashMethod = (hash: Hash, call: Call) => Value | Promise<Value>;

const ARRAY: Record<string, ArrayMethod> = {
  join: (items, call) => items.flat(Infinity as 1).map((item) => toS(item)).join(call.args.length > 0 ? toS(value(call, 0)) : ''),
  each: async (items, call) => (await mapped(items, need(call)), items),
  // Without a block it is an enumerator of pairs, which an array of them stands for.
  each_with_index: async (items, call) => {
    const pairs = items.map((each, index): Value => [each, index]);
    if (!call.block) return pairs;
    await mapped(pairs, call.block);
    return items;
  },
  each_slice: async (items, call) => {
    const size = numberArg(call, 0, 1);
    const slices = Array.from({ length: Math.ceil(items.length / size) }, (_, index): Value => items.slice(index * size, (index + 1) * size));
    if (!call.block) return slices;
    await mapped(slices, call.block);
    return items;
  },
  map: (items, call) => mapped(items, need(call)),
  collect: (items, call) => mapped(items, need(call)),
  flat_map: async (items, call) => (await mapped(items, need(call))).flat() as Value[],
  filter_map: async (items, call) => (await mapped(items, need(call))).filter(truthy),
  select: (items, call) => filtered(items, need(call)),
  filter: (items, call) => filtered(items, need(call)),
  reject: async (items, call) => filtered(items, async (...args) => !truthy(await need(call)(...args))),
  find: async (items, call) => (await filtered(items, need(call)))[0] ?? null,
  detect: async (items, call) => (await filtered(items, need(call)))[0] ?? null,
  'any?': async (items, call) => (call.block ? (await filtered(items, call.block)).length > 0 : items.some(truthy)),
  'all?': async (items, call) => (call.block ? (await filtered(items, call.block)).length === items.length : items.every(truthy)),
  'none?': async (items, call) => (call.block ? (await filtered(items, call.block)).length === 0 : !items.some(truthy)),
  count: async (items, call) => (call.block ? (await filtered(items, call.block)).length : items.length),
  length: (items) => items.length,
  size: (items) => items.length,
  'empty?': (items) => items.length === 0,
  first: (items, call) => (call.args.length > 0 ? items.slice(0, numberArg(call, 0, 1)) : (items[0] ?? null)),
  last: (items, call) => (call.args.length > 0 ? items.slice(-numberArg(call, 0, 1)) : (items.at(-1) ?? null)),
  take: (items, call) => items.slice(0, numberArg(call, 0, 0)),
  drop: (items, call) => items.slice(numberArg(call, 0, 0)),
  '[]': (items, call) => item(items, call),
  slice: (items, call) => item(items, call),
  at: (items, call) => items.at(numberArg(call, 0, 0)) ?? null,
  'include?': (items, call) => items.some((each) => equal(each, value(call, 0))),
  index: (items, call) => { const at = items.findIndex((each) => equal(each, value(call, 0))); return at < 0 ? null : at; },
  uniq: (items) => items.filter((each, index) => items.findIndex((other) => equal(other, each)) === index),
  compact: (items) => items.filter((each) => each !== null),
  flatten: (items) => items.flat(Infinity as 1) as Value[],
  reverse: (items) => items.toReversed(),
  sort: (items) => items.toSorted(order),
  sum: (items) => items.reduce<number>((sum, each) => sum + Number(each), 0),
  min: (items) => items.toSorted(order)[0] ?? null,
  max: (items) => items.toSorted(order).at(-1) ?? null,
  sort_by: async (items, call) => {
    const keys = await mapped(items, need(call));
    return items.map((each, index) => [each, keys[index] ?? null] as const).toSorted((a, b) => order(a[1], b[1])).map(([each]) => each);
  },
  '+': (items, call) => [...items, ...array(call, 0)],
  '-': (items, call) => items.filter((each) => !array(call, 0).some((other) => equal(other, each))),
  '&': (items, call) => items.filter((each) => array(call, 0).some((other) => equal(other, each))),
  '|': (items, call) => [...items, ...array(call, 0).filter((each) => !items.some((other) => equal(other, each)))],
  '*': (items, call) => items.map((each) => toS(each)).join(toS(value(call, 0))),
  '<<': (items, call) => (items.push(value(call, 0)), items),
  push: (items, call) => (items.push(...call.args.map((_, index) => value(call, index))), items),
  concat: (items, call) => (items.push(...array(call, 0)), items),
  zip: (items, call) => items.map((each, index) => [each, array(call, 0)[index] ?? null]),
  to_a: (items) => items,
  to_h: async (items, call) => new Map((call.block ? await mapped(items, call.block) : items).map((pair) => (Array.isArray(pair) ? [pair[0] as Scalar, pair[1] ?? null] : [null, null]))),
  dig: (items, call) => dig(items, call),
};

const HASH: Record<string, HashMethod> = {
  '[]': (hash, call) => hash.get(key(call, 0)) ?? null,
  dig: (hash, call) => dig(hash, call),
  fetch: async (hash, call) => {
    if (hash.has(key(call, 0))) return hash.get(key(call, 0)) ?? null;
    if (call.block) return call.block(key(call, 0));
    if (call.args.length > 1) return value(call, 1);
    throw new RubyError(`key not found: ${JSON.stringify(toS(key(call, 0)))}`, call.line);
  },
  'key?': (hash, call) => hash.has(key(call, 0)),
  'has_key?': (hash, call) => hash.has(key(call, 0)),
  'include?': (hash, call) => hash.has(key(call, 0)),
  'member?': (hash, call) => hash.has(key(call, 0)),
  keys: (hash) => [...hash.keys()],
  values: (hash) => [...hash.values()],
  length: (hash) => hash.size,
  size: (hash) => hash.size,
  'empty?': (hash) => hash.size === 0,
  to_h: (hash) => hash,
  to_a: (hash) => [...hash].map(([name, each]) => [name, each]),
  each: async (hash, call) => (await mapped([...hash], need(call)), hash),
  each_pair: async (hash, call) => (await mapped([...hash], need(call)), hash),
  map: (hash, call) => mapped([...hash], need(call)),
  collect: (hash, call) => mapped([...hash], need(call)),
  flat_map: async (hash, call) => (await mapped([...hash], need(call))).flat() as Value[],
  select: async (hash, call) => new Map((await filtered([...hash], need(call))) as [Scalar, Value][]),
  filter: async (hash, call) => new Map((await filtered([...hash], need(call))) as [Scalar, Value][]),
  reject: async (hash, call) => new Map((await filtered([...hash], async (...args) => !truthy(await need(call)(...args)))) as [Scalar, Value][]),
  'any?': async (hash, call) => (call.block ? (await filtered([...hash], call.block)).length > 0 : hash.size > 0),
  transform_values: async (hash, call) => {
    const changed: Hash = new Map();
    for (const [name, each] of hash) changed.set(name, await need(call)(each));
    return changed;
  },
  merge: (hash, call) => { const other = value(call, 0); return new Map([...hash, ...(isHash(other) ? other : new Map<Scalar, Value>())]); },
  slice: (hash, call) => new Map([...hash].filter(([name]) => call.args.includes(name))),
  except: (hash, call) => new Map([...hash].filter(([name]) => !call.args.includes(name))),
  sort: (hash) => [...hash].toSorted(([a], [b]) => order(a, b)).map(([name, each]) => [name, each]),
};

/** A method of Array. @throws RubyError, ErbUnsupported */
export function callArray(items: Value[], call: Call): Value | Promise<Value> {
  const method = Object.hasOwn(ARRAY, call.name) ? ARRAY[call.name] : undefined;
  if (method) return method(items, call);
  return unknown(items, call);
}

/** A method of Hash. @throws RubyError, ErbUnsupported */
export function callHash(hash: Hash, call: Call): Value | Promise<Value> {
  const method = Object.hasOwn(HASH, call.name) ? HASH[call.name] : undefined;
  if (method) return method(hash, call);
  return unknown(hash, call);
}

function unknown(receiver: Value, call: Call): never {
  if (['strip', 'split', 'upcase', 'downcase', 'chomp', 'gsub', 'start_with?', 'end_with?'].includes(call.name)) throw noMethod(receiver, call);
  throw new ErbUnsupported(`${className(receiver)}#${call.name}`, call.line);
}

function need({ block, name, line }: Call): Callable {
  if (!block) throw new ErbUnsupported(`${name} without a block`, line);
  return block;
}

async function mapped(items: readonly Value[], block: Callable): Promise<Value[]> {
  const results: Value[] = [];
  for (const each of items) results.push(await block(each));
  return results;
}

async function filtered(items: readonly Value[], block: Callable): Promise<Value[]> {
  const results: Value[] = [];
  for (const each of items) if (truthy(await block(each))) results.push(each);
  return results;
}

function value(call: Call, index: number): Value {
  return valueOf(call.args[index] ?? null, call.line);
}

function key(call: Call, index: number): Scalar {
  const found = value(call, index);
  if (Array.isArray(found) || isHash(found)) throw new ErbUnsupported('a collection as a key', call.line);
  return found;
}

function array(call: Call, index: number): Value[] {
  const found = value(call, index);
  if (!Array.isArray(found)) throw new RubyError(`${call.name}: no implicit conversion of ${className(found)} into Array`, call.line);
  return found;
}

function item(items: Value[], call: Call): Value {
  const [index, length] = call.args;
  if (Array.isArray(index)) return index.map((each) => items.at(Number(each)) ?? null);
  const start = numberArg(call, 0, 0);
  if (length === undefined) return items.at(start) ?? null;
  const from = start < 0 ? items.length + start : start;
  return items.slice(from, from + numberArg(call, 1, 0));
}

function dig(from: Value, call: Call): Value {
  return call.args.reduce<Value>((found, step) => {
    if (Array.isArray(found)) return found.at(Number(step)) ?? null;
    return isHash(found) ? (found.get(step as Scalar) ?? null) : null;
  }, from);
}

function order(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return toS(a) < toS(b) ? -1 : toS(a) > toS(b) ? 1 : 0;
}
