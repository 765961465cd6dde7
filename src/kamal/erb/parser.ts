import { Float, Sym } from '../ruby/value.ts';
import type { Block, Node, Parts } from './ast.ts';
import { ErbUnsupported } from './errors.ts';
import { codeTokens, tokensOf, type RawParts, type Token } from './lexer.ts';
import type { Piece } from './template.ts';

const BINARY: readonly (readonly string[])[] = [
  ['==', '!=', '=~', '!~', '===', '<=>'],
  ['<', '<=', '>', '>='],
  ['|'],
  ['&'],
  ['<<'],
  ['+', '-'],
  ['*', '/', '%'],
];
const ASSIGNMENTS = ['=', '||=', '&&=', '+=', '-=', '*='];
const CLOSING = ['end', 'else', 'elsif', 'when', 'rescue', 'ensure', 'then', 'do'];
const REFUSED = ['def', 'class', 'module', 'while', 'until', 'for', 'return', 'yield', 'lambda', 'proc', 'ensure', 'redo', 'retry', 'alias', 'undef', 'BEGIN', 'END', 'self', 'super', '__FILE__', '__dir__', 'defined?', 'break', 'next'];

/** Parses a template. @throws ErbUnsupported for Ruby beyond the subset */
export function parseTemplate(pieces: readonly Piece[]): Node {
  return new Parser(tokensOf(pieces)).program();
}

class Parser {
  private readonly tokens: readonly Token[];
  private at = 0;
  private readonly variables = new Set<string>();

  constructor(tokens: readonly Token[], variables: Iterable<string> = []) {
    this.tokens = tokens;
    for (const name of variables) this.variables.add(name);
  }

  program(): Node {
    const node = this.sequence([]);
    if (this.peek().type !== 'end') this.unsupported();
    return node;
  }

  private peek(ahead = 0): Token {
    return this.tokens[this.at + ahead] ?? { type: 'end', line: this.tokens.at(-1)?.line ?? 1, spaced: true };
  }

  private is(text: string, type: 'operator' | 'name' = 'operator'): boolean {
    const token = this.peek();
    return token.type === type && token.text === text;
  }

  private accept(text: string, type: 'operator' | 'name' = 'operator'): boolean {
    if (!this.is(text, type)) return false;
    this.at++;
    return true;
  }

  private expect(text: string, type: 'operator' | 'name' = 'operator'): void {
    if (!this.accept(text, type)) this.unsupported();
  }

  private newlines(): void {
    while (this.peek().type === 'newline') this.at++;
  }

  private unsupported(what?: string): never {
    const token = this.peek();
    const shown = 'text' in token && token.type !== 'text' ? token.text : token.type;
    throw new ErbUnsupported(what ?? `${shown} in Ruby code`, token.line);
  }

  /** Statements up to one of the keywords, the end of an output tag, or a closing brace. */
  private sequence(stops: readonly string[]): Node {
    const { line } = this.peek();
    const nodes: Node[] = [];
    for (;;) {
      this.newlines();
      const token = this.peek();
      if (token.type === 'end' || token.type === 'output-end' || this.is('}')) break;
      if (token.type === 'name' && (stops.includes(token.text) || CLOSING.includes(token.text))) break;
      nodes.push(this.statement());
    }
    return nodes.length === 1 && nodes[0] ? nodes[0] : { type: 'sequence', nodes, line };
  }

  private statement(): Node {
    const token = this.peek();
    if (token.type === 'text') {
      this.at++;
      return { type: 'text', text: token.text, line: token.line };
    }
    if (token.type === 'output-begin') {
      this.at++;
      const value = this.sequence([]);
      if (this.peek().type !== 'output-end') this.unsupported();
      this.at++;
      return { type: 'output', value, line: token.line };
    }
    let node = this.expression();
    for (;;) {
      const { line } = this.peek();
      const nothing: Node = { type: 'literal', value: null, line };
      if (this.accept('if', 'name')) node = { type: 'if', condition: this.expression(), yes: node, no: nothing, line };
      else if (this.accept('unless', 'name')) node = { type: 'if', condition: this.expression(), yes: nothing, no: node, line };
      else if (this.accept('rescue', 'name')) node = { type: 'rescue', body: node, rescue: this.expression(), line };
      else return node;
    }
  }

  private expression(): Node {
    let left = this.negation();
    for (;;) {
      const { line } = this.peek();
      if (this.accept('and', 'name')) left = { type: 'and', left, right: (this.newlines(), this.negation()), line };
      else if (this.accept('or', 'name')) left = { type: 'or', left, right: (this.newlines(), this.negation()), line };
      else return left;
    }
  }

  private negation(): Node {
    const { line } = this.peek();
    return this.accept('not', 'name') ? { type: 'not', value: this.negation(), line } : this.assignment();
  }

  private assignment(): Node {
    const start = this.at;
    const target = this.ternary();
    const token = this.peek();
    if (token.type !== 'operator' || !ASSIGNMENTS.includes(token.text)) return target;
    this.at++;
    this.newlines();
    const operator = token.text.slice(0, -1);
    if (target.type === 'call' && target.name === '[]' && target.receiver && target.args.length === 1 && target.args[0]) {
      return { type: 'assign-index', target: target.receiver, key: target.args[0], operator, value: this.assignment(), line: token.line };
    }
    const first = this.tokens[start];
    if (first?.type !== 'name' || this.tokens[start + 1] !== token) this.unsupported();
    this.variables.add(first.text);
    return { type: 'assign', name: first.text, operator, value: this.assignment(), line: token.line };
  }

  private ternary(): Node {
    const condition = this.range();
    const { line } = this.peek();
    if (!this.accept('?')) return condition;
    this.newlines();
    const yes = this.ternary();
    this.newlines();
    // `a ? b : c` with b directly before the colon is read as a label by the lexer only behind an opening.
    this.expect(':');
    this.newlines();
    return { type: 'if', condition, yes, no: this.ternary(), line };
  }

  private range(): Node {
    const from = this.or();
    const { line } = this.peek();
    if (this.is('..') || this.is('...')) {
      const exclusive = this.is('...');
      this.at++;
      return { type: 'range', from, to: this.or(), exclusive, line };
    }
    return from;
  }

  private or(): Node {
    let left = this.and();
    for (let { line } = this.peek(); this.accept('||'); { line } = this.peek()) left = { type: 'or', left, right: (this.newlines(), this.and()), line };
    return left;
  }

  private and(): Node {
    let left = this.not();
    for (let { line } = this.peek(); this.accept('&&'); { line } = this.peek()) left = { type: 'and', left, right: (this.newlines(), this.not()), line };
    return left;
  }

  private not(): Node {
    const { line } = this.peek();
    return this.accept('!') ? { type: 'not', value: this.not(), line } : this.binary(0);
  }

  private binary(level: number): Node {
    const operators = BINARY[level];
    if (!operators) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const token = this.peek();
      if (token.type !== 'operator' || !operators.includes(token.text)) return left;
      this.at++;
      this.newlines();
      left = { type: 'call', receiver: left, name: token.text, args: [this.binary(level + 1)], block: null, safe: false, line: token.line };
    }
  }

  private unary(): Node {
    const { line } = this.peek();
    if (this.is('!')) return this.not();
    if (this.accept('-')) return { type: 'call', receiver: this.unary(), name: '-@', args: [], block: null, safe: false, line };
    return this.postfix();
  }

  private postfix(): Node {
    let node = this.primary();
    for (;;) {
      const token = this.peek();
      if (this.is('.') || this.is('&.')) {
        this.at++;
        this.newlines();
        const name = this.peek();
        if (name.type !== 'name' && name.type !== 'constant') this.unsupported();
        this.at++;
        node = this.call(node, name.text, token.line, token.type === 'operator' && token.text === '&.');
      } else if (this.is('::')) {
        this.at++;
        const name = this.peek();
        if (name.type !== 'constant' || node.type !== 'constant') this.unsupported();
        this.at++;
        node = { type: 'constant', name: `${node.name}::${name.text}`, line: token.line };
      } else if (this.is('[') && (!token.spaced || node.type === 'constant')) {
        this.at++;
        node = { type: 'call', receiver: node, name: '[]', args: this.list(']'), block: null, safe: false, line: token.line };
      } else return node;
    }
  }

  private call(receiver: Node | null, name: string, line: number, safe = false): Node {
    const args: Node[] = [];
    let block: Block | Node | null = null;
    const token = this.peek();
    if (this.is('(') && !token.spaced) {
      this.at++;
      args.push(...this.list(')', (node) => (block = node)));
    } else if (this.beginsArgument()) {
      do {
        this.newlines();
        args.push(this.argument());
      } while (this.accept(','));
    }
    const own = this.block();
    return { type: 'call', receiver, name, args: joinPairs(args, line), block: own ?? block, safe, line };
  }

  /** Whether what follows can be an argument without parentheses. */
  private beginsArgument(): boolean {
    const token = this.peek();
    if (!token.spaced) return false;
    if (['string', 'number', 'symbol', 'words', 'constant', 'label'].includes(token.type)) return true;
    if (token.type === 'name') return ![...CLOSING, 'if', 'unless', 'and', 'or', 'do', 'rescue', 'while', 'until'].includes(token.text);
    return token.type === 'operator' && token.text === '[' && !(this.peek(1).type === 'operator' && this.peek(1).spaced);
  }

  private argument(): Node {
    const token = this.peek();
    if (token.type === 'label') {
      this.at++;
      this.newlines();
      return { type: 'hash', pairs: [[{ type: 'literal', value: Sym.of(token.text), line: token.line }, this.negation()]], bare: true, line: token.line };
    }
    const value = this.negation();
    if (!this.accept('=>')) return value;
    this.newlines();
    return { type: 'hash', pairs: [[value, this.negation()]], bare: true, line: token.line };
  }

  /** Arguments or items up to the closing bracket; `onBlock` takes `&:name`. */
  private list(close: string, onBlock?: (node: Node) => void): Node[] {
    const items: Node[] = [];
    this.newlines();
    while (!this.accept(close)) {
      if (onBlock && this.accept('&')) onBlock(this.unary());
      else if (this.is('*') || this.is('**')) this.unsupported();
      else items.push(this.argument());
      this.newlines();
      if (!this.accept(',') && !this.is(close)) this.unsupported();
      this.newlines();
    }
    return joinPairs(items, this.peek().line);
  }

  private block(): Block | null {
    const brace = this.is('{');
    if (!brace && !this.is('do', 'name')) return null;
    this.at++;
    const params: string[] = [];
    if (this.accept('|')) {
      while (!this.accept('|')) {
        const token = this.peek();
        if (token.type !== 'name') this.unsupported();
        params.push(token.text);
        this.at++;
        if (!this.accept(',') && !this.is('|')) this.unsupported();
      }
    }
    for (const name of params) this.variables.add(name);
    const body = this.sequence(['end']);
    if (brace) this.expect('}');
    else this.expect('end', 'name');
    return { params, body };
  }

  private primary(): Node {
    const token = this.peek();
    this.at++;
    const { line } = token;
    switch (token.type) {
      case 'number':
        return { type: 'literal', value: token.float ? Float.of(token.value) : token.value, line };
      case 'string': {
        let { parts } = token;
        // Strings beside each other are one.
        for (let next = this.peek(); next.type === 'string'; next = this.peek()) {
          parts = [...parts, ...next.parts];
          this.at++;
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
        if (this.is('(') && !this.peek().spaced) return this.call(null, token.text, line);
        return { type: 'constant', name: token.text, line };
      case 'name':
        return this.named(token.text, line);
      case 'operator':
        return this.bracketed(token.text, line);
      default:
        this.at--;
        return this.unsupported();
    }
  }

  private bracketed(text: string, line: number): Node {
    if (text === '(') {
      this.newlines();
      const node = this.statement();
      this.newlines();
      this.expect(')');
      return node;
    }
    if (text === '[') return { type: 'array', items: this.list(']'), line };
    if (text === '{') {
      const [pairs] = this.list('}');
      if (pairs === undefined) return { type: 'hash', pairs: [], line };
      return pairs.type === 'hash' ? pairs : this.unsupported();
    }
    this.at--;
    return this.unsupported();
  }

  private named(name: string, line: number): Node {
    if (name === 'nil') return { type: 'literal', value: null, line };
    if (name === 'true' || name === 'false') return { type: 'literal', value: name === 'true', line };
    if (name === 'if' || name === 'unless') return this.conditional(name, line);
    if (name === 'case') return this.caseOf(line);
    if (name === 'begin') return this.begin(line);
    if (REFUSED.includes(name) || CLOSING.includes(name)) {
      this.at--;
      return this.unsupported();
    }
    const call = (this.is('(') && !this.peek().spaced) || (!this.variables.has(name) && this.beginsArgument());
    if (this.variables.has(name) && !call) return { type: 'variable', name, line };
    return this.call(null, name, line);
  }

  private conditional(keyword: string, line: number): Node {
    const condition = this.expression();
    this.accept('then', 'name');
    const yes = this.sequence(['elsif', 'else', 'end']);
    const nothing: Node = { type: 'literal', value: null, line };
    let rest: Node = nothing;
    const at = this.peek().line;
    if (this.accept('elsif', 'name')) return { type: 'if', condition, yes, no: this.conditional('if', at), line };
    if (this.accept('else', 'name')) rest = this.sequence(['end']);
    this.expect('end', 'name');
    return keyword === 'if' ? { type: 'if', condition, yes, no: rest, line } : { type: 'if', condition, yes: rest, no: yes, line };
  }

  private caseOf(line: number): Node {
    const subject = this.expression();
    this.newlines();
    const whens: { values: Node[]; body: Node }[] = [];
    // Text between case and the first when is blank in a template.
    while (this.peek().type === 'text') this.at++;
    this.newlines();
    while (this.accept('when', 'name')) {
      const values = [this.ternary()];
      while (this.accept(',')) values.push((this.newlines(), this.ternary()));
      this.accept('then', 'name');
      whens.push({ values, body: this.sequence(['when', 'else', 'end']) });
    }
    const rest: Node = this.accept('else', 'name') ? this.sequence(['end']) : { type: 'literal', value: null, line };
    this.expect('end', 'name');
    return { type: 'case', subject, whens, else: rest, line };
  }

  private begin(line: number): Node {
    const body = this.sequence(['rescue', 'end']);
    if (!this.accept('rescue', 'name')) {
      this.expect('end', 'name');
      return body;
    }
    // A class or a variable behind rescue: which errors it takes is Ruby's business.
    if (this.peek().type !== 'newline' && !this.is('then', 'name')) this.unsupported();
    const rescue = this.sequence(['end']);
    this.expect('end', 'name');
    return { type: 'rescue', body, rescue, line };
  }

  private interpolated(parts: RawParts): Parts {
    return parts.map((part) => (typeof part === 'string' ? part : new Parser(codeTokens(part.code, part.line), this.variables).program()));
  }
}

/** `a => 1, b: 2` at the end of a list is one hash. */
function joinPairs(items: readonly Node[], line: number): Node[] {
  const firstPair = items.findIndex((item) => item.type === 'hash' && item.bare);
  if (firstPair < 0 || !items.slice(firstPair).every((item) => item.type === 'hash' && item.bare)) return [...items];
  const pairs = items.slice(firstPair).flatMap((item) => (item.type === 'hash' ? item.pairs : []));
  return [...items.slice(0, firstPair), { type: 'hash', pairs, line }];
}
