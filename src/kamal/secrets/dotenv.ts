/** A line of a secrets file that can't be used; the message says which key and why, never a value. */
export class DotenvError extends Error {
  readonly line: number;
  readonly key: string;

  constructor(message: string, line: number, key: string) {
    super(message);
    this.name = 'DotenvError';
    this.line = line;
    this.key = key;
  }
}

/** Runs what stands between `$(` and `)`, variables replaced, and gives its output without the last newline. */
export type RunCommand = (command: string, at: { line: number; key: string; written: string }) => Promise<string>;

export interface DotenvOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly run: RunCommand;
  /** Value of a key that is set already and stays so (`Dotenv.load`); the files' own values win unless given. */
  readonly keep?: (key: string) => string | undefined;
}

// Ruby's \s and \w know ASCII only, and its ^ and $ know only \n as the end of a line.
const LINE = new RegExp(
  [
    '(?<![^\\n])[ \\t\\r\\n\\f\\v]*(?<export>export[ \\t\\r\\n\\f\\v]+)?(?<key>[A-Za-z0-9_.]+)',
    '(?:(?:[ \\t\\r\\n\\f\\v]*=[ \\t\\r\\n\\f\\v]*?|:[ \\t\\r\\n\\f\\v]+?)',
    "(?<value>[ \\t\\r\\n\\f\\v]*'(?:\\\\'|[^'])*'|[ \\t\\r\\n\\f\\v]*\"(?:\\\\\"|[^\"])*\"|[^#\\n]+)?)?",
    '[ \\t\\r\\n\\f\\v]*(?:#[^\\n]*)?(?![^\\n])',
  ].join(''),
  'gd',
);
const VARIABLE = /(\\)?\$(?!\()\{?([A-Z0-9_]+)?\}?/gi;

/** One assignment of a dotenv file, as written. */
export interface DotenvEntry {
  readonly key: string;
  /** What stands behind the `=`, quotes and all; undefined when nothing does. */
  readonly raw: string | undefined;
  readonly exported: boolean;
  /** Where key (or `export`) and value stand in the text with `\n` as the only end of lines; what is around them isn't counted. */
  readonly start: number;
  readonly end: number;
  readonly line: number;
}

/** The assignments of a dotenv file, in their order; values over several lines are one entry. */
export function dotenvEntries(text: string): DotenvEntry[] {
  const source = text.replace(/\r\n?/g, '\n');
  return [...source.matchAll(LINE)].map((match) => {
    const { export: exported, key = '', value } = match.groups ?? {};
    const { export: from, key: at, value: span } = match.indices?.groups ?? {};
    const keyEnd = at?.[1] ?? match.index;
    const separator = /^[ \t]*[=:]/.exec(source.slice(keyEnd))?.[0] ?? '';
    const line = source.slice(0, at?.[0]).split('\n').length;
    return { key, raw: value, exported: exported !== undefined, start: from?.[0] ?? at?.[0] ?? match.index, end: span?.[1] ?? keyEnd + separator.length, line };
  });
}

/**
 * Reads a secrets file by the rules of Ruby's dotenv 3.2 with Kamal's command substitution: quotes, escapes, values
 * over several lines, `$VAR` and `${VAR}` from earlier lines and the environment, `$(command)`.
 * @throws DotenvError for `export KEY` of a key that has no value; whatever `run` throws
 */
export async function parseDotenv(text: string, options: DotenvOptions): Promise<Map<string, string>> {
  const values = new Map<string, string>();
  for (const { key, raw: value, exported, line } of dotenvEntries(text)) {
    const kept = options.keep?.(key);
    if (kept !== undefined) values.set(key, kept);
    else if (exported && value === undefined) {
      if (!values.has(key)) throw new DotenvError(`export ${key} has an unset variable`, line, key);
    } else values.set(key, await valueOf(value ?? '', values, { line, key }, options));
  }
  return values;
}

async function valueOf(raw: string, known: ReadonlyMap<string, string>, at: { line: number; key: string }, options: DotenvOptions): Promise<string> {
  // eslint-disable-next-line no-control-regex
  const stripped = raw.replace(/^[\0\s]+|[\0\s]+$/g, '');
  const quoted = /^(['"])([\s\S]*)\1$/.exec(stripped);
  const quote = quoted && stripped.length > 1 ? quoted[1] : undefined;
  let value = quote === undefined ? stripped : (quoted?.[2] ?? '');
  if (quote === "'") return value;
  if (quote === '"') value = expandNewlines(value, known.get('DOTENV_LINEBREAK_MODE') ?? options.env.DOTENV_LINEBREAK_MODE);
  value = value.replace(/\\([^$])/g, '$1');
  const lookup = (text: string) => variables(text, known, options.env);
  return lookup(await commands(value, lookup, (command, written) => options.run(command, { ...at, written })));
}

/** dotenv 3 keeps `\n` as backslash and n, unless it is told to do as before. */
function expandNewlines(value: string, mode: string | undefined): string {
  if (mode === 'legacy') return value.replaceAll('\\n', '\n').replaceAll('\\r', '\r');
  return value.replaceAll('\\n', '\\\\\\n').replaceAll('\\r', '\\\\\\r');
}

/** Replaces `$NAME` and `${NAME}` that no backslash escapes; unknown ones are empty. */
export function variables(value: string, known: ReadonlyMap<string, string>, env: DotenvOptions['env']): string {
  return value.replace(VARIABLE, (whole: string, backslash: string | undefined, name: string | undefined) => {
    if (backslash !== undefined) return whole.slice(1);
    return name === undefined ? whole : (known.get(name) ?? env[name] ?? '');
  });
}

/** Replaces each `$(…)` that no backslash escapes. */
async function commands(value: string, lookup: (text: string) => string, run: (command: string, written: string) => Promise<string>): Promise<string> {
  let result = '';
  for (let at = 0; at < value.length; ) {
    const escaped = value.startsWith('\\$(', at);
    const open = at + (escaped ? 2 : 1);
    const end = (escaped || value.startsWith('$(', at)) ? closing(value, open) : null;
    if (end === null) {
      result += value[at++];
      continue;
    }
    const written = value.slice(open + 1, end);
    result += escaped ? value.slice(at + 1, end + 1) : await run(lookup(written), written);
    at = end + 1;
  }
  return result;
}

/** Where the parenthesis that opens at `open` is closed; null when it isn't, or is empty. Backslashes escape. */
function closing(value: string, open: number): number | null {
  let content = false;
  for (let at = open + 1; at < value.length; at++) {
    const c = value[at];
    if (c === ')') return content ? at : null;
    content = true;
    if (c === '\\') {
      if (at + 1 >= value.length || value[at + 1] === '\n') return null;
      at++;
    } else if (c === '(') {
      const inner = closing(value, at);
      if (inner === null) return null;
      at = inner;
    }
  }
  return null;
}
