import type { Node } from './ast.ts';
import { Cursor } from './cursor.ts';
import { Expressions } from './expressions.ts';
import { CLOSING } from './grammar.ts';
import { tokensOf, type Token } from './lexer.ts';
import type { Piece } from './template.ts';

/** Parses a template. @throws ErbUnsupported for Ruby beyond the subset */
export function parseTemplate(pieces: readonly Piece[]): Node {
  return new Statements(tokensOf(pieces), new Set()).program();
}

/** Statements and what is made of them: conditions, `case`, `begin`. */
class Statements {
  private readonly cursor: Cursor;
  private readonly expressions: Expressions;

  constructor(tokens: readonly Token[], variables: Set<string>) {
    this.cursor = new Cursor(tokens);
    this.expressions = new Expressions(this.cursor, variables, {
      sequence: (stops) => this.sequence(stops),
      statement: () => this.statement(),
      keyword: (name, line) => this.keyword(name, line),
      program: (code) => new Statements(code, variables).program(),
    });
  }

  program(): Node {
    const node = this.sequence([]);
    if (this.cursor.peek().type !== 'end') this.cursor.unsupported();
    return node;
  }

  /** Statements up to one of the keywords, the end of an output tag, or a closing brace. */
  private sequence(stops: readonly string[]): Node {
    const { line } = this.cursor.peek();
    const nodes: Node[] = [];
    for (;;) {
      this.cursor.newlines();
      const token = this.cursor.peek();
      if (token.type === 'end' || token.type === 'output-end' || this.cursor.is('}')) break;
      if (token.type === 'name' && (stops.includes(token.text) || CLOSING.includes(token.text))) break;
      nodes.push(this.statement());
    }
    return nodes.length === 1 && nodes[0] ? nodes[0] : { type: 'sequence', nodes, line };
  }

  private statement(): Node {
    const token = this.cursor.peek();
    if (token.type === 'text') {
      this.cursor.next();
      return { type: 'text', text: token.text, line: token.line };
    }
    if (token.type === 'output-begin') {
      this.cursor.next();
      const value = this.sequence([]);
      if (this.cursor.next().type !== 'output-end') this.cursor.unsupported();
      return { type: 'output', value, line: token.line };
    }
    return this.modified(this.expressions.expression());
  }

  /** `… if x`, `… unless x`, `… rescue x` behind a statement. */
  private modified(statement: Node): Node {
    let node = statement;
    for (;;) {
      const { line } = this.cursor.peek();
      const nothing: Node = { type: 'literal', value: null, line };
      if (this.cursor.accept('if', 'name')) node = { type: 'if', condition: this.expressions.expression(), yes: node, no: nothing, line };
      else if (this.cursor.accept('unless', 'name')) node = { type: 'if', condition: this.expressions.expression(), yes: nothing, no: node, line };
      else if (this.cursor.accept('rescue', 'name')) node = { type: 'rescue', body: node, rescue: this.expressions.expression(), line };
      else return node;
    }
  }

  /** What begins with a keyword; null when the name is none. */
  private keyword(name: string, line: number): Node | null {
    if (name === 'if' || name === 'unless') return this.conditional(name, line);
    if (name === 'case') return this.caseOf(line);
    return name === 'begin' ? this.begin(line) : null;
  }

  private conditional(keyword: string, line: number): Node {
    const condition = this.expressions.expression();
    this.cursor.accept('then', 'name');
    const yes = this.sequence(['elsif', 'else', 'end']);
    const at = this.cursor.peek().line;
    if (this.cursor.accept('elsif', 'name')) return { type: 'if', condition, yes, no: this.conditional('if', at), line };
    const rest: Node = this.cursor.accept('else', 'name') ? this.sequence(['end']) : { type: 'literal', value: null, line };
    this.cursor.expect('end', 'name');
    return keyword === 'if' ? { type: 'if', condition, yes, no: rest, line } : { type: 'if', condition, yes: rest, no: yes, line };
  }

  private caseOf(line: number): Node {
    const subject = this.expressions.expression();
    this.cursor.newlines();
    const whens: { values: Node[]; body: Node }[] = [];
    // Text between case and the first when is blank in a template.
    while (this.cursor.peek().type === 'text') this.cursor.next();
    this.cursor.newlines();
    while (this.cursor.accept('when', 'name')) {
      const values = [this.expressions.ternary()];
      while (this.cursor.accept(',')) {
        this.cursor.newlines();
        values.push(this.expressions.ternary());
      }
      this.cursor.accept('then', 'name');
      whens.push({ values, body: this.sequence(['when', 'else', 'end']) });
    }
    const rest: Node = this.cursor.accept('else', 'name') ? this.sequence(['end']) : { type: 'literal', value: null, line };
    this.cursor.expect('end', 'name');
    return { type: 'case', subject, whens, else: rest, line };
  }

  private begin(line: number): Node {
    const body = this.sequence(['rescue', 'end']);
    if (this.cursor.accept('end', 'name')) return body;
    this.cursor.expect('rescue', 'name');
    // A class or a variable behind rescue: which errors it takes is Ruby's business.
    if (this.cursor.peek().type !== 'newline' && !this.cursor.is('then', 'name')) this.cursor.unsupported();
    this.cursor.accept('then', 'name');
    const rescue = this.sequence(['end']);
    this.cursor.expect('end', 'name');
    return { type: 'rescue', body, rescue, line };
  }
}
