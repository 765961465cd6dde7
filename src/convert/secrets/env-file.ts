import { parseDotenv2 } from '../../kamal/kamal1/dotenv.ts';
import { DotenvError, dotenvEntries, parseDotenv, type DotenvEntry } from '../../kamal/secrets/dotenv.ts';

/** What a command in a dotenv file would have given, for comparisons: it is never run here. */
const UNKNOWN = (command: string) => `\0${command}\0`;

/** Names of variables that a value refers to. */
export function referencesOf(raw: string): string[] {
  if (/^\s*'/.test(raw)) return [];
  return [...raw.matchAll(/(\\)?\$(?!\()\{?([A-Za-z0-9_]+)\}?/g)].flatMap(([, backslash, name]) => (backslash === undefined && name !== undefined ? [name] : []));
}

/** Whether a value is nothing but a variable's or a command's, so that showing it shows no secret. */
export function isReference(raw: string | undefined): boolean {
  return raw !== undefined && /^\s*(["']?)\$(?:\{?[A-Za-z0-9_]+\}?)\1\s*$/.test(raw);
}

/**
 * An entry as it has to be written for Kamal 2's dotenv (3.2), where Kamal 1's (2.8) made something else of it: `\n`
 * within double quotes was a new line. Null when it can't be written so that it means the same.
 */
export async function forDotenv3(entry: DotenvEntry): Promise<string | null> {
  const raw = entry.raw ?? '';
  const wanted = await valueOf(raw, parseDotenv2);
  if ((await valueOf(raw, parseDotenv)) === wanted) return raw;
  for (const attempt of [raw.replaceAll('\\n', '\n'), `'${wanted}'`]) {
    if (wanted !== null && (await valueOf(attempt, parseDotenv)) === wanted) return attempt;
  }
  return null;
}

async function valueOf(raw: string, parse: typeof parseDotenv): Promise<string | null> {
  try {
    const values = await parse(`KEY=${raw}`, { env: {}, run: async (command) => UNKNOWN(command) });
    return values.size === 1 ? (values.get('KEY') ?? null) : null;
  } catch (error) {
    if (error instanceof DotenvError) return null;
    throw error;
  }
}

/** Whether a value is cut off by a `#` that nobody meant as a comment: there is no blank before it. */
export function cutByHash(text: string, entry: DotenvEntry): boolean {
  return !/^\s*["']/.test(entry.raw ?? '') && /\S$/.test(entry.raw ?? '') && text[entry.end] === '#';
}

/** A dotenv file for people: names, and values only where they are mere references. */
export function withoutValues(text: string): string {
  const source = text.replace(/\r\n?/g, '\n');
  let result = '';
  let at = 0;
  for (const entry of dotenvEntries(source)) {
    result += withoutText(source.slice(at, entry.start)).replace(/^#/, at === 0 ? '#' : ' #') + `${entry.exported ? 'export ' : ''}${entry.key}=${shown(entry.raw)}`;
    at = entry.end;
  }
  return result + withoutText(source.slice(at));
}

function shown(raw: string | undefined): string {
  if (isReference(raw)) return raw?.trim() ?? '';
  return /^\s*["']?\$\(/.test(raw ?? '') ? '$(…)' : '…';
}

/** What stands between assignments may be an assignment of old, or the rest of a value behind a `#`. */
function withoutText(text: string): string {
  return text.replace(/^[^\n]+/, (rest) => (rest.trim().startsWith('#') || rest.trim() === '' ? rest.replace(/#.*/, '# …') : '…')).replaceAll(/\n([ \t]*)#[^\n]*/g, '\n$1# …').replaceAll(/\n[ \t]*[^\s#][^\n]*/g, '\n…');
}
