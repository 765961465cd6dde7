import { deepMerge, isHash, toS, type Hash } from '../kamal/ruby/value.ts';
import { YamlError } from '../kamal/yaml/read.ts';
import type { Place, Report } from './report.ts';
import { rewrite } from './rewrite.ts';
import { differenceOf, inOneForm, surplusOf, targetOf, withoutSsl } from './target.ts';
import { hasArch, isKamal1, sharedNetworks, signsOfKamal1, type View } from './view.ts';
import { flowPair } from './yaml/emit.ts';
import { ErbTags } from './yaml/mask.ts';
import { YamlText, type Path } from './yaml/text.ts';

/** A configuration file, as text. */
export interface ConfigurationFile {
  /** As named to the user, relative to the project. */
  readonly file: string;
  readonly text: string;
}

/** The file of a destination. */
export interface DestinationFile extends ConfigurationFile {
  readonly destination: string;
}

/** A file that can't be read as YAML even with its ERB hidden. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
  readonly place: Place;

  constructor(message: string, place: Place) {
    super(message);
    this.place = place;
  }
}

/** Whether the files are of a Kamal 1 project: a key that only it knows, or nothing to build for. */
export function isKamal1Project(base: ConfigurationFile, destinations: readonly ConfigurationFile[]): boolean {
  return kamal1Signs(base, destinations).length > 0;
}

/** What tells that they are, in words: keys that only Kamal 1 knows, with their file, or that there is nothing to build for. */
export function kamal1Signs(base: ConfigurationFile, destinations: readonly ConfigurationFile[]): string[] {
  const signs = [base, ...destinations].flatMap((each) => signsOfKamal1(read(each).value).map((key) => `${each.file}: ${key}`));
  return signs.length > 0 || hasArch(read(base).value) ? signs : [`${base.file}: no builder/arch`];
}

/**
 * Converts `deploy.yml` and files of destinations. Each destination, merged over the base, is to mean what it meant.
 * @param tags those by which the report puts ERB back
 * @returns the new texts by file, only of those that change
 * @throws Unreadable
 */
export function convertConfiguration(base: ConfigurationFile, destinations: readonly DestinationFile[], tags: ErbTags, report: Report): Map<string, string> {
  const baseText = read(base, tags);
  const fresh = isKamal1(baseText.value) || !hasArch(baseText.value);
  const result = new Map<string, string>();
  const own = targetOf(viewOf([{ file: base.file, text: baseText }], baseText.value, { destination: null, fresh, report }));
  const merges = destinations.map((each) => {
    const text = read(each, tags);
    const merged = deepMerge(baseText.value, text.value);
    const view = viewOf([{ file: base.file, text: baseText }, { file: each.file, text }], merged, { destination: each.destination, fresh, report });
    return { each, text, merged, target: targetOf(view) };
  });
  const [target = own, ...targets] = inOneForm([own, ...merges.map((merge) => merge.target)]);
  const converted = new Map<string, string>();
  const keep = ({ file, text }: ConfigurationFile, after: string) => {
    converted.set(file, after);
    if (after !== text) result.set(file, after);
    leftBehind(file, after, report);
  };
  keep(base, rewrite({ file: base.file, source: base.text, additions: without(target, baseText.value), networks: sharedNetworks(baseText.value), tags, report }));
  const valueOf = ({ file, text }: ConfigurationFile) => new YamlText(converted.get(file) ?? text, tags).value;
  if (destinations.length === 0) notPlaced(base.file, target, valueOf(base), report);
  for (const [index, { each, text, merged }] of merges.entries()) {
    const wanted = withoutSsl(targets[index] ?? new Map(), target);
    for (const path of surplusOf(wanted, target)) {
      report.lost({ file: each.file, line: null }, `${path.join('/')} of ${base.file} isn't meant for ${each.destination}`, 'a destination can\'t take a key away: put it into the files of the other destinations instead');
    }
    keep(each, rewrite({ file: each.file, source: each.text, additions: without(differenceOf(wanted, target), text.value), networks: sharedNetworks(merged), tags, report }));
    notPlaced(each.file, wanted, deepMerge(valueOf(base), valueOf(each)), report);
  }
  return result;
}

/** Folder of the project's hooks (Kamal 1.9: `hooks_path`). @throws Unreadable */
export function configuredHooksPath(base: ConfigurationFile): string {
  const path = read(base).value.get('hooks_path');
  return typeof path === 'string' && path.trim() !== '' ? path : '.kamal/hooks';
}

function read({ file, text }: ConfigurationFile, tags = new ErbTags()): YamlText {
  try {
    return new YamlText(text, tags);
  } catch (error) {
    if (error instanceof RangeError) throw new Unreadable(error.message, { file, line: 1 });
    if (!(error instanceof YamlError)) throw error;
    throw new Unreadable(error.message, { file, line: error.place.line });
  }
}

function viewOf(texts: readonly { file: string; text: YamlText }[], raw: Hash, rest: Pick<View, 'destination' | 'fresh' | 'report'>): View {
  const placeOf = (path: Path): Place => {
    for (let length = path.length; length > 0; length--) {
      for (const { file, text } of texts.toReversed()) {
        const line = text.lineOf(path.slice(0, length));
        if (line !== null) return { file, line };
      }
    }
    return { file: texts[0]?.file ?? '', line: null };
  };
  return { ...rest, raw, placeOf };
}

/** What is wanted and not there yet: whoever has begun by hand keeps what they wrote. */
function without(wanted: Hash, own: Hash): Hash {
  return new Map([...wanted].flatMap(([key, value]): [typeof key, typeof value][] => {
    const there = own.get(key);
    if (there === undefined || there === null) return [[key, value]];
    if (!isHash(value) || !isHash(there)) return isHash(there) || (isHash(value) && Array.isArray(there)) ? [[key, value]] : [];
    const inner = without(value, there);
    return inner.size > 0 ? [[key, inner]] : [];
  }));
}

/** What should be in the converted configuration, and for some reason has no place in the file. */
function notPlaced(file: string, wanted: Hash, actual: Hash, report: Report, path: Path = []): void {
  for (const [key, value] of wanted) {
    const at = [...path, toS(key)];
    const own = actual.get(key);
    if (isHash(value) && isHash(own)) notPlaced(file, value, own, report, at);
    else if (own === undefined || own === null || (isHash(value) && own !== true)) report.lost({ file, line: null }, `${at.join('/')} found no place`, `write it: ${flowPair(toS(key), value)}`);
  }
}

/** Kamal 1's keys that are still there: brought in by an alias, or somewhere that isn't understood. */
function leftBehind(file: string, converted: string, report: Report): void {
  const text = new YamlText(converted);
  const { value } = text;
  for (const key of ['traefik', 'healthcheck', 'stop_wait_time']) {
    if (value.has(key)) report.lost({ file, line: text.lineOf([key]) }, `${key}: an alias brings it in`, 'write it out, and convert again');
  }
  const servers = value.get('servers');
  if (!isHash(servers)) return;
  for (const [name, role] of servers) {
    for (const key of ['traefik', 'healthcheck']) {
      if (isHash(role) && role.has(key)) report.lost({ file, line: text.lineOf(['servers', toS(name)]) }, `servers/${toS(name)}/${key}: an alias brings it in`, 'write it out, and convert again');
    }
  }
}
