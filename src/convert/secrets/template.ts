/** A line of `.env.erb` that assigns something. */
export interface TemplateLine {
  readonly key: string;
  readonly line: number;
  /** For `.kamal/secrets`: a literal, `$NAME` or `$(command)`. Null when the Ruby in it is more than that. */
  readonly raw: string | null;
}

/** What `kamal envify` made `.env` of. */
export interface Template {
  readonly lines: readonly TemplateLine[];
  /** Lines with Ruby that decides or prepares something. */
  readonly code: readonly number[];
}

const NAME = `(?:"([A-Za-z0-9_]+)"|'([A-Za-z0-9_]+)')`;
const VARIABLE = new RegExp(`^ENV(?:\\[\\s*${NAME}\\s*\\]|\\.fetch\\(?\\s*${NAME}\\s*\\)?)(?:\\.(?:strip|chomp|to_s))*$`);
const COMMAND = /^(?:`([^`]*)`|%x\(([\s\S]*)\)|%x\[([\s\S]*)\]|%x\{([\s\S]*)\})(?:\.(?:strip|chomp))*$/;

/** Reads `.env.erb`: values from the environment and of commands become what dotenv itself can do. */
export function templateOf(text: string): Template {
  const lines: TemplateLine[] = [];
  const code: number[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const assignment = /^\s*(?:export\s+)?([A-Za-z0-9_.]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (assignment) lines.push({ key: assignment[1] ?? '', line: index + 1, raw: rawOf(assignment[2] ?? '') });
    else if (/<%(?![=#%])/.test(line)) code.push(index + 1);
  }
  return { lines, code };
}

function rawOf(value: string): string | null {
  if (!value.includes('<%')) return value;
  const whole = /^(["']?)<%=\s*([\s\S]*?)\s*-?%>\1$/.exec(value);
  const expression = whole?.[2];
  if (expression === undefined || expression.includes('<%')) return null;
  const variable = VARIABLE.exec(expression);
  if (variable) return `$${variable.slice(1).find((name) => name !== undefined) ?? ''}`;
  const found = COMMAND.exec(expression);
  const command = found?.slice(1).find((each) => each !== undefined);
  // Ruby would have filled in `#{…}`; a `#` ends an unquoted value.
  if (command === undefined || command.includes('#') || command.includes('\n')) return null;
  return `$(${command.replaceAll('\\', '\\\\')})`;
}
