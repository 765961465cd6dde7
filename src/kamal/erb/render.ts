import type { ErbHost } from './host.ts';

/** A template can't be rendered. `expression` is the Ruby code that is at fault. */
export class ErbError extends Error {
  readonly line: number;
  readonly expression: string;
  readonly expected: string;
  readonly hint: string;

  constructor(message: string, { line, expression, expected, hint }: { line: number; expression: string; expected: string; hint: string }) {
    super(message);
    this.name = 'ErbError';
    this.line = line;
    this.expression = expression;
    this.expected = expected;
    this.hint = hint;
  }
}

export interface Rendered {
  readonly text: string;
  /** Line of the template (1-based) that a line of the text comes from. */
  lineOf(line: number): number;
}

/** Renders `<%= ENV["X"] %>`. */
export async function renderErb(template: string, host: ErbHost, _options: { trim: boolean; file: string }): Promise<Rendered> {
  const text = template.replace(/<%=\s*ENV\[["'](\w+)["']\]\s*-?%>/g, (_, name: string) => host.env[name] ?? '');
  const rest = /<%/.exec(text);
  if (rest) throw new ErbError('ERB is not supported here', { line: text.slice(0, rest.index).split('\n').length, expression: text.slice(rest.index, rest.index + 60), expected: '<%= ENV["NAME"] %>', hint: '' });
  return { text, lineOf: (line) => line };
}
