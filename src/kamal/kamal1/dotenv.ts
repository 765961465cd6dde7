import { DotenvError, variables, type DotenvOptions } from '../secrets/dotenv.ts';

// Ruby's \s and \w know ASCII only, and its ^ and $ know only \n as the end of a line.
const LINE = new RegExp(
  [
    '(?<![^\\n])[ \\t\\r\\n\\f\\v]*(?:export[ \\t\\r\\n\\f\\v]+)?(?<key>[A-Za-z0-9_.]+)',
    '(?:[ \\t\\r\\n\\f\\v]*=[ \\t\\r\\n\\f\\v]*?|:[ \\t\\r\\n\\f\\v]+?)',
    "(?<value>[ \\t\\r\\n\\f\\v]*'(?:\\\\'|[^'])*'|[ \\t\\r\\n\\f\\v]*\"(?:\\\\\"|[^\"])*\"|[^#\\n]+)?",
    '[ \\t\\r\\n\\f\\v]*(?:#[^\\n]*)?(?![^\\n])',
  ].join(''),
  'g',
);

/**
 * Reads a `.env` file by the rules of Ruby's dotenv 2.8, with which Kamal 1 was released: in double quotes `\n` is a
 * newline, variables are filled in before commands run.
 * @throws DotenvError for `export KEY` of a key that has no value; whatever `run` throws
 */
export async function parseDotenv2(text: string, { env, run }: DotenvOptions): Promise<Map<string, string>> {
  const source = text.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n');
  const values = new Map<string, string>();
  for (const match of source.matchAll(LINE)) {
    const { key = '', value = '' } = match.groups ?? {};
    const line = lineOf(source, match.index + match[0].indexOf(key));
    values.set(key, await valueOf(value, (found) => variables(found, values, env), (command) => run(command, { line, key, written: command })));
  }
  for (const line of source.replace(LINE, '').split('\n')) {
    const [first, ...names] = line.trim().split(/\s+/);
    const unset = first === 'export' ? names.find((name) => !values.has(name)) : undefined;
    if (unset !== undefined) throw new DotenvError(`export ${unset} has an unset variable`, lineOf(source, source.indexOf(line)), unset);
  }
  return values;
}

async function valueOf(raw: string, lookup: (text: string) => string, run: (command: string) => Promise<string>): Promise<string> {
  // eslint-disable-next-line no-control-regex
  const stripped = raw.replace(/^[\0\s]+|[\0\s]+$/g, '');
  const quoted = stripped.length > 1 ? /^(['"])([\s\S]*)\1$/.exec(stripped) : null;
  if (quoted?.[1] === "'") return quoted[2] ?? '';
  const inner = quoted ? (quoted[2] ?? '').replaceAll('\\n', '\n').replaceAll('\\r', '\r') : stripped;
  return commands(lookup(inner.replace(/\\([^$])/g, '$1')), run);
}

/** Replaces each `$(…)` that no backslash stands before. */
async function commands(value: string, run: (command: string) => Promise<string>): Promise<string> {
  let result = '';
  for (let at = 0; at < value.length; ) {
    const escaped = value.startsWith('\\$(', at);
    const open = at + (escaped ? 2 : 1);
    const end = escaped || value.startsWith('$(', at) ? closing(value, open) : null;
    if (end === null) {
      result += value[at++];
      continue;
    }
    result += escaped ? value.slice(at + 1, end + 1) : await run(value.slice(open + 1, end));
    at = end + 1;
  }
  return result;
}

/** Where the parenthesis that opens at `open` is closed; null when it isn't, or one within is empty. */
function closing(value: string, open: number): number | null {
  for (let at = open + 1; at < value.length; at++) {
    if (value[at] === ')') return at > open + 1 ? at : null;
    if (value[at] !== '(') continue;
    const inner = closing(value, at);
    if (inner === null) return null;
    at = inner;
  }
  return null;
}

function lineOf(source: string, offset: number): number {
  return source.slice(0, Math.max(offset, 0)).split('\n').length;
}
