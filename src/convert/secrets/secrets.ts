import { dotenvEntries, type DotenvEntry } from '../../kamal/secrets/dotenv.ts';
import type { Report } from '../report.ts';
import { cutByHash, forDotenv3, isReference, referencesOf } from './env-file.ts';
import { templateOf, type Template } from './template.ts';

/** One dotenv file of Kamal 1 and the secrets file that comes of it. */
export interface SecretsSource {
  /** `.env` or `.env.staging`. */
  readonly file: string;
  readonly text: string | null;
  /** Text of `.env.erb` or `.env.staging.erb`. */
  readonly template: string | null;
  /** `.kamal/secrets`, `.kamal/secrets-common` or `.kamal/secrets.staging`. */
  readonly target: string;
}

/** Which names matter, and for what. */
export interface Names {
  /** Named by the configuration as secrets. */
  readonly secrets: ReadonlySet<string>;
  /** Read by ERB in the configuration. */
  readonly erb: ReadonlySet<string>;
  /** Secrets that no file holds: Kamal 1 took them from the environment. */
  readonly fromEnvironment: readonly string[];
}

/** A secrets file as it is to be. */
export interface SecretsFile {
  readonly file: string;
  readonly text: string;
  /** It holds values themselves, so git has to ignore it. */
  readonly plain: boolean;
}

/** Writes the secrets file of a dotenv file. Null when there is nothing to put into it. */
export async function secretsFile(source: SecretsSource, base: SecretsSource | null, names: Names, report: Report): Promise<SecretsFile | null> {
  const template = source.template === null ? null : templateOf(source.template);
  const text = (source.text ?? '').replace(/\r\n?/g, '\n');
  const entries = dotenvEntries(text);
  const wanted = wantedKeys(entries, template, names);
  const lines: string[] = [];
  for (const key of borrowed(entries, base)) lines.push(...(await linesOf(base, key, report)));
  let plain = lines.length > 0;
  if (template) {
    lines.push(...fromTemplate(template, source, entries, wanted, report));
    plain ||= template.lines.some(({ raw, key }) => wanted.has(key) && raw !== null && !raw.startsWith('$'));
  }
  const made = new Set(template?.lines.filter(({ raw }) => raw !== null).map(({ key }) => key));
  const kept = await keptText({ source, text, comments: template === null, keep: ({ key }) => wanted.has(key) && !made.has(key) }, report);
  plain ||= kept.plain;
  lines.push(...kept.text.replace(/\n$/, '').split('\n'));
  for (const key of names.fromEnvironment) {
    lines.push(`${key}=$${key}`);
    report.change({ file: source.target, line: null }, `${key}=$${key}`, 'Kamal 1 took it from the environment; Kamal 2 looks into secrets files only', 'secrets');
  }
  if (!lines.some((line) => line.trim() !== '')) return null;
  if (entries.length > 0 || template) {
    const from = source.template !== null ? `${source.file}.erb` : source.file;
    report.change({ file: from, line: null }, `${source.target}, from ${from}`, 'Kamal 2 reads its secrets there; .env stays for the way back', template ? 'interpolation' : 'secrets');
  }
  return { file: source.target, text: `${tidy(lines)}\n`, plain };
}

interface Kept {
  readonly source: SecretsSource;
  readonly text: string;
  readonly comments: boolean;
  readonly keep: (entry: DotenvEntry) => boolean;
}

/** The dotenv file with some of its entries, and with what stands between them. */
async function keptText({ source, text, comments, keep }: Kept, report: Report): Promise<{ text: string; plain: boolean }> {
  let result = '';
  let at = 0;
  let plain = false;
  let dropped = false;
  const gap = (to: number) => {
    const between = text.slice(at, to);
    // The rest of a line whose entry is gone goes with it.
    const rest = dropped ? between.replace(/^[^\n]*\n?/, '') : between;
    return comments ? rest : '\n';
  };
  for (const entry of dotenvEntries(text)) {
    result += gap(entry.start);
    at = entry.end;
    dropped = !keep(entry);
    if (dropped) continue;
    result += await assignment(source, text, entry, report);
    plain ||= !isReference(entry.raw);
  }
  return { text: result + gap(text.length), plain };
}

/** All that isn't read by ERB alone, and what those values refer to. */
function wantedKeys(entries: readonly DotenvEntry[], template: Template | null, { secrets, erb }: Names): ReadonlySet<string> {
  const keys = [...entries.map(({ key }) => key), ...(template?.lines.map(({ key }) => key) ?? [])];
  const wanted = new Set(keys.filter((key) => secrets.has(key) || !erb.has(key)));
  for (const { key, raw } of entries.toReversed()) if (wanted.has(key)) for (const name of referencesOf(raw ?? '')) if (keys.includes(name)) wanted.add(name);
  return wanted;
}

/** Names that a destination's values take from `.env`; Kamal 2 reads each secrets file by itself. */
function borrowed(entries: readonly DotenvEntry[], base: SecretsSource | null): string[] {
  if (!base) return [];
  const own = new Set(entries.map(({ key }) => key));
  const others = dotenvEntries(base.text ?? '');
  const wanted = new Set<string>();
  const add = (raw: string | undefined) => {
    for (const name of referencesOf(raw ?? '')) {
      const other = others.findLast(({ key }) => key === name);
      if (own.has(name) || wanted.has(name) || !other) continue;
      add(other.raw);
      wanted.add(name);
    }
  };
  for (const { raw } of entries) add(raw);
  return [...wanted];
}

async function linesOf(source: SecretsSource | null, key: string, report: Report): Promise<string[]> {
  const text = (source?.text ?? '').replace(/\r\n?/g, '\n');
  const entry = dotenvEntries(text).findLast((each) => each.key === key);
  return source && entry ? [await assignment(source, text, entry, report)] : [];
}

async function assignment(source: SecretsSource, text: string, entry: DotenvEntry, report: Report): Promise<string> {
  const place = { file: source.file, line: entry.line };
  if (cutByHash(text, entry)) {
    report.note(place, `${entry.key}: a # ends the value, since it isn't quoted`, 'nothing, if the app runs with what stands before it; else quote the whole, and tell whatever else has that value', [entry.key]);
  }
  const raw = await forDotenv3(entry);
  if (raw === null) report.lost(place, `${entry.key}: Kamal 2's dotenv reads this value differently`, 'quote it in single quotes, new lines as new lines');
  const written = text.slice(entry.start, entry.end).trimEnd();
  if (raw === null || raw === (entry.raw ?? '')) return written;
  return `${entry.exported ? 'export ' : ''}${entry.key}=${raw.trim()}`;
}

function fromTemplate(template: Template, source: SecretsSource, entries: readonly DotenvEntry[], wanted: ReadonlySet<string>, report: Report): string[] {
  const file = `${source.file}.erb`;
  const lines: string[] = [];
  for (const { key, line, raw } of template.lines) {
    if (!wanted.has(key)) continue;
    if (raw !== null) lines.push(`${key}=${raw}`);
    else {
      const has = entries.some((entry) => entry.key === key);
      report.lost({ file, line }, `${key}: its Ruby is more than a variable or a command`, has ? `${source.target} has the value that ${source.file} has now; write ${key}=$(command) there instead` : `write ${key}=$(command) into ${source.target}`);
    }
  }
  for (const line of template.code) report.note({ file, line }, 'Ruby that decides or prepares something', `see whether ${source.target} needs it: dotenv knows $NAME and $(command), \`kamal secrets fetch\` among them`);
  return lines;
}

/** No blank lines at the ends, never two of them in a row. */
function tidy(lines: readonly string[]): string {
  return lines.join('\n').replace(/^\n+|\n+$/g, '').replaceAll(/\n{3,}/g, '\n\n');
}
