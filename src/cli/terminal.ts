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

/** Text for people; goes to stderr when stdout belongs to a script (`--json`). */
export class Output {
  readonly json: boolean;

  constructor(json = false) {
    this.json = json;
  }

  say(text = ''): void {
    (this.json ? process.stderr : process.stdout).write(`${text}\n`);
  }

  /** The one thing that a script gets. */
  result(value: unknown): void {
    if (this.json) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  }
}
