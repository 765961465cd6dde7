import { ErbUnsupported } from './errors.ts';
import type { Token } from './lexer.ts';

/** A place in a list of tokens. */
export class Cursor {
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  /** How many tokens are behind. */
  get position(): number {
    return this.at;
  }

  tokenAt(position: number): Token | undefined {
    return this.tokens[position];
  }

  peek(ahead = 0): Token {
    return this.tokens[this.at + ahead] ?? { type: 'end', line: this.tokens.at(-1)?.line ?? 1, spaced: true };
  }

  next(): Token {
    const token = this.peek();
    this.at++;
    return token;
  }

  is(text: string, type: 'operator' | 'name' = 'operator'): boolean {
    const token = this.peek();
    return token.type === type && token.text === text;
  }

  accept(text: string, type: 'operator' | 'name' = 'operator'): boolean {
    if (!this.is(text, type)) return false;
    this.at++;
    return true;
  }

  expect(text: string, type: 'operator' | 'name' = 'operator'): void {
    if (!this.accept(text, type)) this.unsupported();
  }

  newlines(): void {
    while (this.peek().type === 'newline') this.at++;
  }

  /** What stands here, or stood just before, is beyond the subset. */
  unsupported(token = this.peek()): never {
    const shown = 'text' in token && token.type !== 'text' ? token.text : token.type;
    throw new ErbUnsupported(`${shown} in Ruby code`, token.line);
  }
}
