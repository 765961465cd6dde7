import { Float, Sym } from '../ruby/value.ts';
import type { Block, Node, Parts } from './ast.ts';
import type { Cursor } from './cursor.ts';
import { ASSIGNMENTS, BINARY, CLOSING, REFUSED } from './grammar.ts';
import { codeTokens, type RawParts, type Token } from './lexer.ts';

/** What expressions need from the parser of statements. */
interface Outer {
  sequence(stops: readonly string[]): Node;
  statement(): Node;
  /** What begins with a keyword that has just been read; null when it is none. */
  keyword(name: string, line: number): Node | null;
  /** The code of an interpolation. */
  program(tokens: readonly Token[]): Node;
}

/** Ruby's expressions, by falling precedence. */
export class Expressions {
  private readonly cursor: Cursor;
  private readonly variables: Set<string>;
  private readonly outer: Outer;
  /** Whether `_1` and `it` are the block's first argument. */
  private inBlock = false;

  constructor(cursor: Cursor, variables: Set<string>, outer: Outer) {
    this.cursor = cursor;
    this.variables = variables;
    this.outer = outer;
  }

  /** With `and`, `or` and `not`. */
  expression(): Node {
    let left = this.negation();
    for (;;) {
      const { line } = this.cursor.peek();
      const type = this.cursor.accept('and', 'name') ? 'and' : this.cursor.accept('or', 'name') ? 'or' : null;
      if (type === null) return left;
      this.cursor.newlines();
      left = { type, left, right: this.negation(), line };
    }
  }

  private negation(): Node {
    const { line } = this.cursor.peek();
    return this.cursor.accept('not', 'name') ? { type: 'not', value: this.negation(), line } : this.assignment();
  }

  private assignment(): Node {
    const start = this.cursor.position;
    const target = this.ternary();
    const token = this.cursor.peek();
    if (token.type !== 'operator' || !ASSIGNMENTS.includes(token.text)) return target;
    const first = this.cursor.tokenAt(start);
    const single = this.cursor.position === start + 1;
    this.cursor.next();
    this.cursor.newlines();
    const operator = token.text.slice(0, -1);
    if (target.type === 'call' && target.name === '[]' && target.receiver && target.args.length === 1 && target.args[0]) {
      return { type: 'assign-index', target: target.receiver, key: target.args[0], operator, value: this.assignment(), line: token.line };
    }
    if (first?.type !== 'name' || !single) this.cursor.unsupported(token);
    this.variables.add(first.text);
    return { type: 'assign', name: first.text, operator, value: this.assignment(), line: token.line };
  }

  ternary(): Node {
    const condition = this.range();
    const { line } = this.cursor.peek();
    if (!this.cursor.accept('?')) return condition;
    this.cursor.newlines();
    const yes = this.ternary();
    this.cursor.newlines();
    this.cursor.expect(':');
    this.cursor.newlines();
    return { type: 'if', condition, yes, no: this.ternary(), line };
  }

  private range(): Node {
    const from = this.logical('||');
    const { line } = this.cursor.peek();
    const exclusive = this.cursor.is('...');
    if (!exclusive && !this.cursor.is('..')) return from;
    this.cursor.next();
    return { type: 'range', from, to: this.logical('||'), exclusive, line };
  }

  private logical(operator: '||' | '&&'): Node {
    const operand = () => (operator === '||' ? this.logical('&&') : this.not());
    let left = operand();
    for (;;) {
      const { line } = this.cursor.peek();
      if (!this.cursor.accept(operator)) return left;
      this.cursor.newlines();
      left = { type: operator === '||' ? 'or' : 'and', left, right: operand(), line };
    }
  }

  private not(): Node {
    const { line } = this.cursor.peek();
    return this.cursor.accept('!') ? { type: 'not', value: this.not(), line } : this.binary(0);
  }

  private binary(level: number): Node {
    const operators = BINARY[level];
    if (!operators) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const token = this.cursor.peek();
      if (token.type !== 'operator' || !operators.includes(token.text)) return left;
      this.cursor.next();
      this.cursor.newlines();
      left = { type: 'call', receiver: left, name: token.text, args: [this.binary(level + 1)], block: null, safe: false, line: token.line };
    }
  }

  private unary(): Node {
    const { line } = this.cursor.peek();
    if (this.cursor.is('!')) return this.not();
    if (this.cursor.accept('-')) return { type: 'call', receiver: this.unary(), name: '-@', args: [], block: null, safe: false, line };
    const base = this.postfix();
    return this.cursor.accept('**') ? { type: 'call', receiver: base, name: '**', args: [this.unary()], block: null, safe: false, line } : base;
  }

  private postfix(): Node {
    let node = this.primary();
    for (;;) {
      const token = this.cursor.peek();
      if (this.cursor.is('.') || this.cursor.is('&.')) {
        this.cursor.next();
        this.cursor.newlines();
        const name = this.cursor.next();
        if (name.type !== 'name' && name.type !== 'constant') this.cursor.unsupported(name);
        node = this.call(node, name.text, token.line, token.type === 'operator' && token.text === '&.');
      } else if (this.cursor.is('::')) {
        this.cursor.next();
        const name = this.cursor.next();
        if (name.type !== 'constant' || node.type !== 'constant') this.cursor.unsupported(name);
        node = { type: 'constant', name: `${node.name}::${name.text}`, line: token.line };
      } else if (this.cursor.is('[') && (!token.spaced || node.type === 'constant')) {
        this.cursor.next();
        node = { type: 'call', receiver: node, name: '[]', args: this.list(']'), block: null, safe: false, line: token.line };
      } else return node;
    }
  }

  private call(receiver: Node | null, name: string, line: number, safe = false): Node {
    const args: Node[] = [];
    let block: Block | Node | null = null;
    if (this.cursor.is('(') && !this.cursor.peek().spaced) {
      this.cursor.next();
      args.push(...this.list(')', (node) => (block = node)));
    } else if (this.beginsArgument()) {
      do {
        this.cursor.newlines();
        args.push(this.argument());
      } while (this.cursor.accept(','));
    }
    const own = this.block();
    return { type: 'call', receiver, name, args: joinPairs(args, line), block: own ?? block, safe, line };
  }

  /** Whether what follows can be an argument without parentheses. */
  private beginsArgument(): boolean {
    const token = this.cursor.peek();
    if (!token.spaced) return false;
    if (['string', 'number', 'symbol', 'words', 'constant', 'label', 'command'].includes(token.type)) return true;
    if (token.type === 'name') return ![...CLOSING, 'if', 'unless', 'and', 'or', 'while', 'until'].includes(token.text);
    return token.type === 'operator' && token.text === '[' && !this.cursor.peek(1).spaced;
  }

  private argument(): Node {
    const token = this.cursor.peek();
    if (token.type === 'label') {
      this.cursor.next();
      this.cursor.newlines();
      return { type: 'hash', pairs: [[{ type: 'literal', value: Sym.of(token.text), line: token.line }, this.negation()]], bare: true, line: token.line };
    }
    const value = this.negation();
    if (!this.cursor.accept('=>')) return value;
    this.cursor.newlines();
    return { type: 'hash', pairs: [[value, this.negation()]], bare: true, line: token.line };
  }

  /** Arguments or items up to the closing bracket; `onBlock` takes `&:name`. */
  private list(close: string, onBlock?: (node: Node) => void): Node[] {
    const items: Node[] = [];
    this.cursor.newlines();
    while (!this.cursor.accept(close)) {
      if (onBlock && this.cursor.accept('&')) onBlock(this.unary());
      else if (this.cursor.is('*') || this.cursor.is('**')) this.cursor.unsupported();
      else items.push(this.argument());
      this.cursor.newlines();
      if (!this.cursor.accept(',') && !this.cursor.is(close)) this.cursor.unsupported();
      this.cursor.newlines();
    }
    return joinPairs(items, this.cursor.peek().line);
  }

  private block(): Block | null {
    const brace = this.cursor.is('{');
    if (!brace && !this.cursor.is('do', 'name')) return null;
    this.cursor.next();
    const params = this.cursor.accept('|') ? this.params() : [];
    for (const name of params) this.variables.add(name);
    const outside = this.inBlock;
    this.inBlock = true;
    const body = this.outer.sequence(['end']);
    this.inBlock = outside;
    if (brace) this.cursor.expect('}');
    else this.cursor.expect('end', 'name');
    return { params, body };
  }

  private params(): string[] {
    const params: string[] = [];
    while (!this.cursor.accept('|')) {
      const token = this.cursor.next();
      if (token.type !== 'name') this.cursor.unsupported(token);
      params.push(token.text);
      if (!this.cursor.accept(',') && !this.cursor.is('|')) this.cursor.unsupported();
    }
    return params;
  }

  private primary(): Node {
    const token = this.cursor.next();
    const { line } = token;
    switch (token.type) {
      case 'number':
        return { type: 'literal', value: token.float ? Float.of(token.value) : token.value, line };
      case 'string': {
        // Strings beside each other are one.
        const parts = [...token.parts];
        for (let next = this.cursor.peek(); next.type === 'string'; next = this.cursor.peek()) {
          parts.push(...next.parts);
          this.cursor.next();
        }
        return { type: 'string', parts: this.interpolated(parts), line };
      }
      case 'command':
      case 'symbol':
        return { type: token.type, parts: this.interpolated(token.parts), line };
      case 'regex':
        return { type: 'regex', parts: this.interpolated(token.parts), flags: token.flags, line };
      case 'words':
        return { type: 'array', items: token.words.map((word) => ({ type: 'literal', value: token.symbols ? Sym.of(word) : word, line })), line };
      case 'constant':
        return this.cursor.is('(') && !this.cursor.peek().spaced ? this.call(null, token.text, line) : { type: 'constant', name: token.text, line };
      case 'name':
        return this.named(token, token.text);
      case 'operator':
        return this.bracketed(token, token.text);
      default:
        return this.cursor.unsupported(token);
    }
  }

  private bracketed(token: Token, text: string): Node {
    const { line } = token;
    if (text === '(') {
      this.cursor.newlines();
      const node = this.outer.statement();
      this.cursor.newlines();
      this.cursor.expect(')');
      return node;
    }
    if (text === '[') return { type: 'array', items: this.list(']'), line };
    if (text !== '{') return this.cursor.unsupported(token);
    const [pairs] = this.list('}');
    if (pairs === undefined) return { type: 'hash', pairs: [], line };
    return pairs.type === 'hash' && pairs.bare ? { ...pairs, bare: false } : this.cursor.unsupported(token);
  }

  private named(token: Token, name: string): Node {
    const { line } = token;
    if (name === 'nil') return { type: 'literal', value: null, line };
    if (name === 'true' || name === 'false') return { type: 'literal', value: name === 'true', line };
    const structure = this.outer.keyword(name, line);
    if (structure !== null) return structure;
    if (REFUSED.includes(name) || CLOSING.includes(name)) this.cursor.unsupported(token);
    if (this.inBlock && (name === '_1' || name === 'it')) return { type: 'variable', name, line };
    const called = (this.cursor.is('(') && !this.cursor.peek().spaced) || !this.variables.has(name);
    return called ? this.call(null, name, line) : { type: 'variable', name, line };
  }

  private interpolated(parts: RawParts): Parts {
    return parts.map((part) => (typeof part === 'string' ? part : this.outer.program(codeTokens(part.code, part.line))));
  }
}

/** `a => 1, b: 2` at the end of a list is one hash. */
function joinPairs(items: readonly Node[], line: number): Node[] {
  const first = items.findIndex((item) => item.type === 'hash' && item.bare);
  if (first < 0 || !items.slice(first).every((item) => item.type === 'hash' && item.bare)) return [...items];
  const pairs = items.slice(first).flatMap((item) => (item.type === 'hash' ? item.pairs : []));
  return [...items.slice(0, first), { type: 'hash', pairs, bare: true, line }];
}
