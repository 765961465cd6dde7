import { toJson } from '../ruby/json-text.ts';
import { Float, Sym, classOf, equal, inspect, isBlank, isHash, toS, type Hash, type Scalar, type Value } from '../ruby/value.ts';
import type { Block, Node, Parts } from './ast.ts';
import { callArray, callHash } from './collections.ts';
import { callConstant, LIBRARIES } from './constants.ts';
import { ErbUnsupported, RubyError } from './errors.ts';
import type { ErbHost } from './host.ts';
import { rangeOf, regexOf } from './literals.ts';
import { callNumber } from './numbers.ts';
import { Constant, noMethod, Regex, stringArg, truthy, valueOf, type Call, type Callable, type Thing } from './objects.ts';
import { BlockScope, type Scope } from './scope.ts';
import { callString, presenceOf } from './strings.ts';

/** Where a template's output goes, with the template's line that it comes from. */
export type Emit = (text: string, line: number, literal: boolean) => void;

/** Evaluates a parsed template. @throws RubyError, ErbUnsupported */
export async function evaluate(node: Node, host: ErbHost, emit: Emit): Promise<void> {
  await new Evaluator(host, emit).thing(node, new Map());
}

class Evaluator {
  private readonly host: ErbHost;
  private readonly emit: Emit;

  constructor(host: ErbHost, emit: Emit) {
    this.host = host;
    this.emit = emit;
  }

  private async value(node: Node, scope: Scope): Promise<Value> {
    return valueOf(await this.thing(node, scope), node.line);
  }

  async thing(node: Node, scope: Scope): Promise<Thing> {
    switch (node.type) {
      case 'literal':
        return node.value;
      case 'string':
        return this.joined(node.parts, scope);
      case 'symbol':
        return Sym.of(await this.joined(node.parts, scope));
      case 'command':
        return this.command(await this.joined(node.parts, scope), node.line);
      case 'regex':
        return regexOf(await this.joined(node.parts, scope), node.flags, node.line);
      case 'array': {
        const items: Value[] = [];
        for (const item of node.items) items.push(await this.value(item, scope));
        return items;
      }
      case 'hash': {
        const hash: Hash = new Map();
        for (const [key, item] of node.pairs) hash.set((await this.value(key, scope)) as Scalar, await this.value(item, scope));
        return hash;
      }
      case 'range':
        return rangeOf(await this.value(node.from, scope), await this.value(node.to, scope), node.exclusive, node.line);
      case 'variable':
        return scope.get(node.name) ?? null;
      case 'constant':
        return new Constant(node.name);
      case 'assign':
        return this.assign(node, scope);
      case 'assign-index':
        return this.assignIndex(node, scope);
      case 'and': {
        const left = await this.thing(node.left, scope);
        return truthy(left) ? this.thing(node.right, scope) : left;
      }
      case 'or': {
        const left = await this.thing(node.left, scope);
        return truthy(left) ? left : this.thing(node.right, scope);
      }
      case 'not':
        return !truthy(await this.thing(node.value, scope));
      case 'if':
        return this.thing(truthy(await this.thing(node.condition, scope)) ? node.yes : node.no, scope);
      case 'case':
        return this.caseOf(node, scope);
      case 'rescue':
        return this.rescue(node, scope);
      case 'sequence': {
        let last: Thing = null;
        for (const each of node.nodes) last = await this.thing(each, scope);
        return last;
      }
      case 'text':
        this.emit(node.text, node.line, true);
        return null;
      case 'output':
        this.emit(toS(await this.value(node.value, scope)), node.line, false);
        return null;
      case 'call':
        return this.call(node, scope);
    }
  }

  private async joined(parts: Parts, scope: Scope): Promise<string> {
    let text = '';
    for (const part of parts) text += typeof part === 'string' ? part : toS(await this.value(part, scope));
    return text;
  }

  private async command(line: string, at: number): Promise<string> {
    const output = await this.host.run(line);
    if (output === null) throw new RubyError(`No such file or directory - ${line.split(/\s/)[0] ?? ''}`, at);
    return output;
  }

  private async assign(node: Node & { type: 'assign' }, scope: Scope): Promise<Value> {
    const known = scope.get(node.name) ?? null;
    const value = await this.combined(node.operator, known, node.value, scope);
    scope.set(node.name, value);
    return value;
  }

  private async assignIndex(node: Node & { type: 'assign-index' }, scope: Scope): Promise<Value> {
    const target = await this.thing(node.target, scope);
    const key = await this.value(node.key, scope);
    if (target instanceof Constant && target.name === 'ENV' && typeof key === 'string') {
      const value = await this.combined(node.operator, this.host.env.get(key) ?? null, node.value, scope);
      if (value === null) this.host.env.delete(key);
      else this.host.env.set(key, toS(value));
      return value;
    }
    if (!(target instanceof Map)) throw new ErbUnsupported('setting an item of this', node.line);
    const value = await this.combined(node.operator, target.get(key as Scalar) ?? null, node.value, scope);
    target.set(key as Scalar, value);
    return value;
  }

  /** `=`, `||=`, `&&=`, `+=` … */
  private async combined(operator: string, known: Value, node: Node, scope: Scope): Promise<Value> {
    if (operator === '||' && truthy(known)) return known;
    if (operator === '&&' && !truthy(known)) return known;
    const value = await this.value(node, scope);
    if (operator === '' || operator === '||' || operator === '&&') return value;
    return valueOf(await this.send(known, { name: operator, args: [value], block: null, line: node.line }), node.line);
  }

  private async caseOf(node: Node & { type: 'case' }, scope: Scope): Promise<Thing> {
    const subject = await this.value(node.subject, scope);
    for (const when of node.whens) {
      for (const each of when.values) {
        const candidate = await this.thing(each, scope);
        const matches = candidate instanceof Regex ? candidate.pattern.test(toS(subject)) : !(candidate instanceof Constant) && (equal(candidate, subject) || (each.type === 'range' && Array.isArray(candidate) && candidate.some((item) => equal(item, subject))));
        if (candidate instanceof Constant) throw new ErbUnsupported(`when ${candidate.name}`, each.line);
        if (matches) return this.thing(when.body, scope);
      }
    }
    return this.thing(node.else, scope);
  }

  private async rescue(node: Node & { type: 'rescue' }, scope: Scope): Promise<Thing> {
    try {
      return await this.thing(node.body, scope);
    } catch (error) {
      if (error instanceof RubyError) return this.thing(node.rescue, scope);
      throw error;
    }
  }

  private async call(node: Node & { type: 'call' }, scope: Scope): Promise<Thing> {
    const receiver = node.receiver && (await this.thing(node.receiver, scope));
    if (node.safe && receiver === null) return null;
    const args: Thing[] = [];
    for (const arg of node.args) args.push(await this.thing(arg, scope));
    const call: Call = { name: node.name, args, block: node.block && (await this.callable(node.block, scope)), line: node.line };
    return node.receiver === null ? this.bare(call) : this.send(receiver, call);
  }

  private async callable(block: Block | Node, scope: Scope): Promise<Callable> {
    if ('params' in block) {
      return async (...args) => {
        // One array for several parameters is taken apart.
        const values = block.params.length > 1 && args.length === 1 && Array.isArray(args[0]) ? args[0] : args;
        const inner = new BlockScope(scope, new Map(block.params.map((name, index) => [name, values[index] ?? null])));
        if (block.params.length === 0) for (const name of ['it', '_1']) inner.own.set(name, values[0] ?? null);
        return this.value(block.body, inner);
      };
    }
    const method = await this.value(block, scope);
    if (!(method instanceof Sym)) throw new ErbUnsupported('& with something else than a symbol', block.line);
    return async (receiver = null, ...args) => valueOf(await this.send(receiver, { name: method.name, args, block: null, line: block.line }), block.line);
  }

  /** A call without a receiver. */
  private async bare(call: Call): Promise<Thing> {
    const { name, args, line } = call;
    if ((name === 'require' || name === 'require_relative') && LIBRARIES.includes(toS(valueOf(args[0] ?? null, line)))) return true;
    if (name === 'raise' || name === 'fail' || name === 'abort') throw new RubyError(typeof args.at(-1) === 'string' ? stringArg(call, args.length - 1) : 'raised', line);
    if (name === 'Integer' && typeof args[0] === 'string' && /^\s*[-+]?\d+\s*$/.test(args[0])) return Number(args[0]);
    if (name === 'String') return toS(valueOf(args[0] ?? null, line));
    if (name === 'Array') { const value = valueOf(args[0] ?? null, line); return value === null ? [] : Array.isArray(value) ? value : [value]; }
    throw new ErbUnsupported(`${name} in Ruby code`, line);
  }

  private async send(receiver: Thing, call: Call): Promise<Thing> {
    if (receiver instanceof Constant) return callConstant(receiver.name, call, this.host);
    if (receiver instanceof Regex) {
      if (call.name === 'match?' || call.name === '=~' || call.name === '===') return receiver.pattern.test(stringArg(call, 0));
      throw new ErbUnsupported(`Regexp#${call.name}`, call.line);
    }
    const common = await this.common(receiver, call);
    if (common !== undefined) return common;
    if (typeof receiver === 'string') return callString(receiver, call);
    if (Array.isArray(receiver)) return callArray(receiver, call);
    if (isHash(receiver)) return callHash(receiver, call);
    if (typeof receiver === 'number' || receiver instanceof Float) return callNumber(receiver, call);
    if (receiver instanceof Sym && call.name !== '<<') return callString(receiver.name, call);
    if (receiver === null && call.name === 'to_a') return [];
    if (receiver === null && call.name === 'to_i') return 0;
    if (receiver === null && call.name === 'to_h') return new Map();
    throw noMethod(receiver, call);
  }

  /** Methods that every object has, ActiveSupport's among them. */
  private async common(receiver: Value, call: Call): Promise<Thing | undefined> {
    switch (call.name) {
      case 'to_s':
        return toS(receiver);
      case 'inspect':
        return inspect(receiver);
      case 'to_json':
        return toJson(receiver);
      case 'nil?':
        return receiver === null;
      case 'blank?':
        return isBlank(receiver);
      case 'present?':
        return !isBlank(receiver);
      case 'presence':
        return presenceOf(receiver);
      case '==':
      case 'eql?':
      case '===':
        return equal(receiver, valueOf(call.args[0] ?? null, call.line));
      case '!=':
        return !equal(receiver, valueOf(call.args[0] ?? null, call.line));
      case '!~':
        return !truthy(await this.send(receiver, { ...call, name: '=~' }));
      case 'freeze':
      case 'dup':
      case 'itself':
        return receiver;
      case 'then':
      case 'yield_self':
        return call.block ? call.block(receiver) : undefined;
      case 'try': {
        const [method, ...args] = call.args;
        return receiver === null ? null : method instanceof Sym ? this.send(receiver, { ...call, name: method.name, args }) : undefined;
      }
      case 'in?':
        return this.send(call.args[0] ?? null, { ...call, name: 'include?', args: [receiver] });
      case 'is_a?':
      case 'kind_of?': {
        const [constant] = call.args;
        return constant instanceof Constant && classOf(receiver) === constant.name;
      }
      default:
        return undefined;
    }
  }
}
