import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Colour only on a terminal, and not where NO_COLOR is set (FORCE_COLOR wins). */
function coloured(stream: NodeJS.WriteStream): boolean {
  if (process.env['FORCE_COLOR']) return process.env['FORCE_COLOR'] !== '0';
  return stream.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
}

function paint(style: Style) {
  return (text: string): string => (coloured(process.stdout) ? styleText(style, text, { validateStream: false }) : text);
}

export const bold = paint('bold');
export const dim = paint('dim');
export const green = paint('green');
export const red = paint('red');
export const yellow = paint('yellow');
export const cyan = paint('cyan');

export interface OutputOptions {
  /** stdout belongs to a script: text for people goes to stderr. */
  json?: boolean;
  /** Kamal's `-q`: only what went wrong, and the end. */
  quiet?: boolean;
  /** Kamal's `-v`: also where things are. */
  verbose?: boolean;
}

/** Text for people, and the one thing that a script gets. */
export class Output {
  readonly #options: OutputOptions;

  constructor(options: OutputOptions = {}) {
    this.#options = options;
  }

  /** What matters to everybody. */
  say(text = ''): void {
    (this.#options.json ? process.stderr : process.stdout).write(`${text}\n`);
  }

  /** How it goes on the way. */
  tell(text = ''): void {
    if (!this.#options.quiet) this.say(text);
  }

  /** For whoever looks for the reason of something. */
  detail(text: string): void {
    if (this.#options.verbose) this.say(dim(text));
  }

  result(value: unknown): void {
    if (this.#options.json) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  }
}
