import { ErbUnsupported } from './errors.ts';
import type { Piece } from './template.ts';

/** A string's text, with the code of its interpolations. */
export type RawParts = (string | { readonly code: string; readonly line: number })[];

export type Token = { readonly line: number; /** Blank before it, which decides what `a [1]` and `a -1` are. */ readonly spaced: boolean } & (
  | { readonly type: 'number'; readonly value: number; readonly float: boolean }
  | { readonly type: 'string' | 'command' | 'symbol'; readonly parts: RawParts }
  | { readonly type: 'regex'; readonly parts: RawParts; readonly flags: string }
  | { readonly type: 'words'; readonly words: readonly string[]; readonly symbols: boolean }
  | { readonly type: 'label' | 'name' | 'constant' | 'operator'; readonly text: string }
  | { readonly type: 'newline' | 'end' }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'output-begin' | 'output-end' }
);

const OPERATORS = [
  '**=', '||=', '&&=', '<=>', '===', '...', '<<~', '<<-', '**', '==', '!=', '>=', '<=', '&&', '||', '=~', '!~', '<<', '>>', '+=', '-=', '*=', '/=', '..', '::', '&.', '=>', '->',
  '+', '-', '*', '/', '%', '=', '<', '>', '!', '&', '|', '^', '~', '?', ':', ',', '.', '(', ')', '[', ']', '{', '}', ';',
];
const CLOSERS: Record<string, string> = { '(': ')', '[': ']', '{': '}', '<': '>' };

/** Tokens of a whole template: its text and the code in it, one after the other. @throws ErbUnsupported */
export function tokensOf(pieces: readonly Piece[]): Token[] {
  const tokens: Token[] = [];
  for (const piece of pieces) {
    const at = { line: piece.line, spaced: true };
    if (piece.kind === 'text') tokens.push({ ...at, type: 'text', text: piece.text });
    else if (piece.kind === 'output') tokens.push({ ...at, type: 'output-begin' }, ...codeTokens(piece.code, piece.line), { ...at, type: 'output-end' });
    else tokens.push(...codeTokens(piece.code, piece.line), { ...at, type: 'newline' });
  }
  return [...tokens, { type: 'end', line: pieces.at(-1)?.line ?? 1, spaced: true }];
}

/** Tokens of a piece of Ruby. @throws ErbUnsupported */
export function codeTokens(code: string, line: number): Token[] {
  return new Lexer(code, line).all();
}

class Lexer {
  private readonly code: string;
  private at = 0;
  private line: number;
  private readonly tokens: Token[] = [];

  constructor(code: string, line: number) {
    this.code = code;
    this.line = line;
  }

  all(): Token[] {
    while (this.at < this.code.length) this.next();
    return this.tokens;
  }

  private next(): void {
    const spaced = this.blanks();
    const c = this.code[this.at];
    if (c === undefined) return;
    const at = { line: this.line, spaced };
    if (c === '\n') return this.newline(at);
    const number = this.match(/\d[\d_]*(\.\d[\d_]*)?([eE][+-]?\d+)?/y);
    if (number !== null) return this.add({ ...at, type: 'number', value: Number(number.replaceAll('_', '')), float: /[.e]/i.test(number) });
    if (c === "'" || c === '"' || c === '`') {
      this.at++;
      const parts = this.parts(c, null, c !== "'");
      const label = c !== '`' && this.code[this.at] === ':' && this.code[this.at + 1] !== ':' && this.afterOpening();
      if (label && parts.every((part) => typeof part === 'string')) {
        this.at++;
        return this.add({ ...at, type: 'label', text: parts.join('') });
      }
      return this.add({ ...at, type: c === '`' ? 'command' : 'string', parts });
    }
    if (c === ':' && /[A-Za-z_"']/.test(this.code[this.at + 1] ?? '') && this.code[this.at - 1] !== ':') return this.symbol(at);
    if (c === '%' && this.valueExpected() && this.percent(at)) return;
    if (c === '/' && this.valueExpected()) return this.regex(at);
    const label = this.match(/[A-Za-z_][A-Za-z0-9_]*[?!]?:(?!:)/y);
    if (label !== null && (this.afterOpening() || this.labelFollows())) return this.add({ ...at, type: 'label', text: label.slice(0, -1) });
    if (label !== null) this.at -= label.length;
    const name = this.match(/[A-Za-z_][A-Za-z0-9_]*([?!](?!=))?/y);
    if (name !== null) return this.add({ ...at, type: /^[A-Z]/.test(name) ? 'constant' : 'name', text: name });
    const operator = OPERATORS.find((each) => this.code.startsWith(each, this.at));
    if (operator === undefined || operator === '<<~' || operator === '<<-' || operator === '->') throw new ErbUnsupported(`${operator ?? c} in Ruby code`, this.line);
    this.at += operator.length;
    if (operator === ';') return this.add({ ...at, type: 'newline' });
    this.add({ ...at, type: 'operator', text: operator });
  }

  private add(token: Token): void {
    this.tokens.push(token);
  }

  private match(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.code)?.[0] ?? null;
    if (found !== null) this.at += found.length;
    return found;
  }

  private blanks(): boolean {
    return this.match(/(?:[ \t\r\f\v]|\\\n|#[^\n]*)+/y) !== null || this.at === 0;
  }

  /** A line that begins with a dot goes on with the one before it. */
  private newline(at: { line: number; spaced: boolean }): void {
    this.at++;
    this.line++;
    if (!/^\s*(&?\.)(?!\.)/.test(this.code.slice(this.at))) this.add({ ...at, type: 'newline' });
  }

  private symbol(at: { line: number; spaced: boolean }): void {
    this.at++;
    const quote = this.code[this.at];
    if (quote === '"' || quote === "'") {
      this.at++;
      this.add({ ...at, type: 'symbol', parts: this.parts(quote, null, quote === '"') });
    } else this.add({ ...at, type: 'symbol', parts: [this.match(/[A-Za-z_][A-Za-z0-9_]*[?!=]?/y) ?? ''] });
  }

  /** `%w[…]`, `%i[…]`, `%q(…)`, `%Q(…)`, `%(…)`, `%x(…)`. */
  private percent(at: { line: number; spaced: boolean }): boolean {
    const start = /^%([wWiIqQx]?)([([{<|!/])/.exec(this.code.slice(this.at));
    if (!start) return false;
    const [whole, kind = '', open = ''] = start;
    this.at += whole.length;
    const parts = this.parts(CLOSERS[open] ?? open, CLOSERS[open] === undefined ? null : open, !['w', 'i', 'q'].includes(kind));
    if (/[wi]/i.test(kind)) {
      const text = parts.map((part) => (typeof part === 'string' ? part : '')).join('');
      if (parts.some((part) => typeof part !== 'string')) throw new ErbUnsupported(`%${kind} with #{}`, this.line);
      this.add({ ...at, type: 'words', words: text.split(/\s+/).filter(Boolean), symbols: kind.toLowerCase() === 'i' });
    } else this.add({ ...at, type: kind === 'x' ? 'command' : 'string', parts });
    return true;
  }

  private regex(at: { line: number; spaced: boolean }): void {
    this.at++;
    const parts = this.parts('/', null, true, true);
    this.add({ ...at, type: 'regex', parts, flags: this.match(/[a-z]*/y) ?? '' });
  }

  /** Text up to the closing character; `nests` is the opening one where pairs nest. */
  private parts(close: string, nests: string | null, interpolates: boolean, raw = false): RawParts {
    const parts: RawParts = [];
    let text = '';
    let depth = 0;
    for (;;) {
      const c = this.code[this.at];
      if (c === undefined) throw new ErbUnsupported('a string without end', this.line);
      if (c === close && depth === 0) break;
      if (c === '\n') this.line++;
      if (c === nests) depth++;
      if (c === close) depth--;
      if (c === '\\') {
        text += this.escape(close, interpolates, raw);
        continue;
      }
      if (interpolates && c === '#' && this.code[this.at + 1] === '{') {
        if (text !== '') parts.push(text);
        text = '';
        parts.push(this.interpolation());
        continue;
      }
      text += c;
      this.at++;
    }
    this.at++;
    if (text !== '' || parts.length === 0) parts.push(text);
    return parts;
  }

  private escape(close: string, interpolates: boolean, raw: boolean): string {
    const c = this.code[this.at + 1] ?? '';
    this.at += 2;
    if (raw) return c === '/' ? '/' : `\\${c}`;
    if (!interpolates) return c === close || c === '\\' ? c : `\\${c}`;
    const simple: Record<string, string> = { n: '\n', t: '\t', r: '\r', e: '\u001b', s: ' ', '0': '\0', a: '\u0007', b: '\b', f: '\f', v: '\v', '\n': '' };
    if (c === 'u' || c === 'x') throw new ErbUnsupported(`\\${c} in a string`, this.line);
    return simple[c] ?? c;
  }

  private interpolation(): { code: string; line: number } {
    const start = this.at + 2;
    const line = this.line;
    let depth = 0;
    let quote: string | null = null;
    for (this.at = start; this.at < this.code.length; this.at++) {
      const c = this.code[this.at];
      if (c === '\n') this.line++;
      if (quote !== null) {
        if (c === '\\') this.at++;
        else if (c === quote) quote = null;
      } else if (c === '"' || c === "'" || c === '`') quote = c;
      else if (c === '{') depth++;
      else if (c === '}' && depth-- === 0) {
        const code = this.code.slice(start, this.at);
        this.at++;
        return { code, line };
      }
    }
    throw new ErbUnsupported('#{ without end', line);
  }

  /** Whether a value can stand here, so that `/` and `%` begin one. */
  private valueExpected(): boolean {
    const last = this.tokens.at(-1);
    if (last === undefined || last.type === 'newline') return true;
    if (last.type === 'operator') return ![')', ']', '}'].includes(last.text);
    if (last.type === 'label') return true;
    return last.type === 'name' && ['if', 'unless', 'elsif', 'and', 'or', 'not', 'return', 'when', 'then', 'else', 'do'].includes(last.text);
  }

  private afterOpening(): boolean {
    const last = this.tokens.at(-1);
    return last?.type === 'operator' && ['(', '{', ',', '|'].includes(last.text);
  }

  /** `render name: 1`: a label as an argument without parentheses; `a ? b : c` has a blank before the colon. */
  private labelFollows(): boolean {
    return this.tokens.at(-1)?.type === 'name' && !this.tokens.some((token) => token.type === 'operator' && token.text === '?');
  }
}
