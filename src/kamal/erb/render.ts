import { evaluate } from './evaluate.ts';
import { ErbError, ErbUnsupported, RubyError } from './errors.ts';
import { renderWithRuby } from './foreign.ts';
import type { ErbHost } from './host.ts';
import { parseTemplate } from './parser.ts';
import { piecesOf } from './template.ts';

export { ErbError } from './errors.ts';

export interface Rendered {
  readonly text: string;
  /** Line of the template (1-based) that a line of the text comes from. */
  readonly lineOf: (line: number) => number;
}

export interface RenderOptions {
  /** Kamal renders deploy.yml with `trim_mode: "-"`, accessories' files without. */
  readonly trim: boolean;
}

/**
 * Renders an ERB template without Ruby, for the part of Ruby that configurations use. Beyond it an installed `ruby` or
 * `kamal` renders the template.
 * @throws ErbError naming the line and the expression
 */
export async function renderErb(template: string, host: ErbHost, options: RenderOptions): Promise<Rendered> {
  if (!template.includes('<%')) return { text: template, lineOf: (line) => line };
  try {
    return await renderOwn(template, host, options);
  } catch (error) {
    if (error instanceof RangeError) throw new ErbError('ERB: too deeply nested, or too long a result', { line: 1, expression: expressionAt(template, 1), expected: 'less' });
    if (error instanceof RubyError) {
      throw new ErbError(error.message, { line: error.line, expression: expressionAt(template, error.line), expected: 'an expression that can be evaluated', hint: hintFor(error.message) });
    }
    if (!(error instanceof ErbUnsupported)) throw error;
    const foreign = await renderWithRuby(template, host, options);
    if (foreign !== null) return { text: foreign, lineOf: (line) => line };
    throw new ErbError(`ERB: ${error.message} is not understood without Ruby`, {
      line: error.line,
      expression: expressionAt(template, error.line),
      expected: 'ENV[…], ENV.fetch, File.read, `commands`, strings, conditions and loops',
      hint: 'install ruby or kamal on this machine, and the template is rendered by it; or put the value into the environment',
    });
  }
}

async function renderOwn(template: string, host: ErbHost, { trim }: RenderOptions): Promise<Rendered> {
  const tree = parseTemplate(piecesOf(template, { trim }));
  let text = '';
  const lines: number[] = [];
  await evaluate(tree, host, (piece, line, literal) => {
    let current = line;
    if (text === '' || text.endsWith('\n')) lines.push(current);
    for (let at = piece.indexOf('\n'); at >= 0; at = piece.indexOf('\n', at + 1)) {
      if (literal) current++;
      if (at + 1 < piece.length) lines.push(current);
    }
    text += piece;
  });
  return { text, lineOf: (line) => lines[line - 1] ?? lines.at(-1) ?? line };
}

/** The template's code on a line, for the message. */
function expressionAt(template: string, line: number): string {
  const text = template.split('\n')[line - 1]?.trim() ?? '';
  return /<%[-=]?\s*(.*?)\s*-?%>/.exec(text)?.[1] ?? text;
}

function hintFor(message: string): string {
  const key = /^key not found: "(\w+)"$/.exec(message)?.[1];
  return key === undefined ? '' : `set ${key} in the environment, or give a default: ENV.fetch("${key}", "…")`;
}
