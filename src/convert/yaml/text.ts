import { isMap, isScalar, isSeq, Lexer, parseDocument, type Node, type Pair, type ParsedNode, type YAMLMap } from 'yaml';
import { isHash, toS, type Hash, type Value } from '../../kamal/ruby/value.ts';
import { readYaml } from '../../kamal/yaml/read.ts';
import { blockPair, flowPair, flowText } from './emit.ts';
import { ErbTags, maskErb, type Masked } from './mask.ts';

/** Keys from the top level down. */
export type Path = readonly string[];
/** What is to stand in a mapping: key and value. */
export type Entry = readonly [key: string, value: Value];

interface Found {
  readonly map: YAMLMap;
  readonly pair: Pair<Node, Node | null>;
}

/**
 * A YAML text with ERB in it that is changed key by key. Whatever isn't touched stays as it is, byte for byte; comments
 * of what is removed stay as lines of their own.
 */
export class YamlText {
  readonly #tags: ErbTags;
  #masked: Masked;
  #source: string;
  #parsed: ParsedNode | null | undefined;
  #value: Hash | undefined;

  /**
   * @param tags shared by texts whose values go from one to the other
   * @throws YamlError when the text, its ERB hidden, isn't YAML; RangeError for too much ERB
   */
  constructor(source: string, tags = new ErbTags()) {
    this.#source = source;
    this.#tags = tags;
    this.#masked = maskErb(source, tags);
    readYaml(this.#masked.text);
  }

  get source(): string {
    return this.#source;
  }

  /** What the text says, ERB as private characters. */
  get value(): Hash {
    if (this.#value) return this.#value;
    const { value } = readYaml(this.#masked.text);
    this.#value = isHash(value) ? new Map([...value].map(([key, item]) => [toS(key), item])) : new Map();
    return this.#value;
  }

  /** Private characters as the ERB that they stand for. */
  reveal(text: string): string {
    return this.#tags.reveal(text);
  }

  /** 1-based line on which a key stands, null when it stands in no place of its own. */
  lineOf(path: Path): number | null {
    const found = this.#find(path);
    return found ? this.#source.slice(0, start(found.pair.key)).split('\n').length : null;
  }

  /** Whether the key is written here, not merely brought in by an alias. */
  has(path: Path): boolean {
    return this.#find(path) !== null;
  }

  /** Takes a key and its value away, and puts others into its place. */
  replace(path: Path, entries: readonly Entry[]): void {
    const found = this.#find(path);
    if (found) this.#edit(found.map.flow ? this.#replaceInFlow(found, entries) : this.#replaceInBlock(found, entries));
  }

  remove(path: Path): void {
    this.replace(path, []);
  }

  /** Another name for a key, its value untouched. */
  rename(path: Path, name: string): void {
    const key = this.#find(path)?.pair.key;
    if (key?.range) this.#edit({ from: key.range[0], to: key.range[1], text: name });
  }

  /** Makes a mapping of a list: it moves below `key`. */
  nest(path: Path, key: string): void {
    const value = this.#find(path)?.pair.value;
    if (!isSeq(value) || !value.range) return;
    const [from] = value.range;
    const to = lastOf(value);
    const own = this.#source.slice(from, to);
    if (value.flow) {
      this.#edit({ from, to, text: `{ ${key}: ${own} }` });
      return;
    }
    const column = this.#column(from);
    const first = from - column;
    const end = endOfLine(this.#source, to);
    const lines = this.#source.slice(first, end).replaceAll(/^(?=.)/gm, ' '.repeat(this.#step()));
    this.#edit({ from: first, to: end, text: `${' '.repeat(column)}${key}:\n${lines}` });
  }

  /**
   * Gives a key a value: in the place of the one it has, else at the end of its mapping. Where the key above has a value
   * that is no mapping, nothing happens.
   */
  put(path: Path, value: Value): void {
    const found = this.#find(path);
    if (found) {
      this.#edit(this.#replaceValue(found, value));
      return;
    }
    const parent = path.slice(0, -1);
    const map = this.#mapAt(parent);
    const key = path.at(-1) ?? '';
    if (map && map.items.length > 0) this.#edit(map.flow ? this.#insertInFlow(map, [key, value]) : this.#insertInBlock(map, [key, value]));
    else if (parent.length > 0 && !this.#occupied(parent)) this.put(parent, new Map([[key, value]]));
    else if (parent.length === 0) this.#edit({ from: this.#source.length, to: this.#source.length, text: `${lineEnd(this.#source)}${blockPair(key, value, this.#step()).join('\n')}\n` });
  }

  /** A line above everything but comments, document marks and ERB at the top. */
  insertOnTop(line: string): void {
    const top = /^(?:\ufeff)?(?:---[^\n]*\n)?/.exec(this.#source)?.[0].length ?? 0;
    this.#edit({ from: top, to: top, text: `${line}\n` });
  }

  /** Whether a key has a value that isn't a mapping. */
  #occupied(path: Path): boolean {
    const value = this.#find(path)?.pair.value ?? null;
    if (value === null || isMap(value)) return false;
    return !isScalar(value) || (value.source ?? '') !== '';
  }

  #edit({ from, to, text }: { from: number; to: number; text: string }): void {
    const lines = this.#source.includes('\r\n') ? text.replaceAll('\n', '\r\n') : text;
    this.#source = this.#source.slice(0, from) + this.reveal(lines) + this.#source.slice(to);
    this.#masked = maskErb(this.#source, this.#tags);
    this.#parsed = undefined;
    this.#value = undefined;
  }

  #root(): ParsedNode | null {
    this.#parsed ??= parseDocument(this.#masked.text, { schema: 'failsafe', version: '1.1', uniqueKeys: false, merge: false, logLevel: 'silent' }).contents;
    return this.#parsed;
  }

  #mapAt(path: Path): YAMLMap | null {
    let node: Node | null = this.#root();
    for (const key of path) node = isMap(node) ? (lastPair(node, key)?.value ?? null) : null;
    return isMap(node) ? node : null;
  }

  #find(path: Path): Found | null {
    const map = this.#mapAt(path.slice(0, -1));
    const pair = map && lastPair(map, path.at(-1) ?? '');
    return map && pair ? { map, pair } : null;
  }

  /** Blanks that a level of this file has. */
  #step(): number {
    const root = this.#root();
    if (!isMap(root) || root.flow) return 2;
    const steps = root.items.flatMap(({ value }) => (isMap(value) && !value.flow && value.items[0] ? [this.#column(start(value.items[0].key as Node))] : []));
    return steps[0] && steps[0] <= 8 ? steps[0] : 2;
  }

  #column(offset: number): number {
    return offset - (this.#source.lastIndexOf('\n', offset - 1) + 1);
  }

  #replaceInBlock({ map, pair }: Found, entries: readonly Entry[]) {
    const column = this.#column(start(pair.key));
    const from = start(pair.key) - column;
    const to = endOfLine(this.#source, contentEnd(this.#masked.text, pair));
    const comments = this.#comments(from, to);
    const lines = [...comments, ...entries.flatMap(([key, value]) => blockPair(key, value, this.#step()))].map((line) => ' '.repeat(column) + line);
    const text = lines.map((line) => `${line}\n`).join('');
    const first = this.#masked.text.slice(from, start(pair.key));
    if (first.trim() !== '' && map.items[0] === pair) return { from: start(pair.key), to, text: text.trimStart() };
    return { from, to, text };
  }

  #replaceInFlow({ map, pair }: Found, entries: readonly Entry[]) {
    const from = start(pair.key);
    const to = contentEnd(this.#masked.text, pair);
    if (entries.length > 0) return { from, to, text: entries.map(([key, value]) => flowPair(key, value)).join(', ') };
    const after = /^\s*,[ \t]*/.exec(this.#masked.text.slice(to));
    if (after) return { from, to: to + after[0].length, text: '' };
    const before = map.items[0] === pair ? null : /,\s*$/.exec(this.#masked.text.slice(0, from));
    return { from: from - (before?.[0].length ?? 0), to, text: '' };
  }

  #replaceValue({ map, pair }: Found, value: Value) {
    const key = pair.key.range?.[1] ?? start(pair.key);
    const colon = this.#masked.text.indexOf(':', key) + 1;
    const to = Math.max(contentEnd(this.#masked.text, pair), colon);
    if (map.flow || !isHash(value) || value.size === 0) return { from: colon, to, text: ` ${flowText(value, keyText(pair))}` };
    const column = this.#column(start(pair.key));
    const [, ...lines] = blockPair('x', value, this.#step());
    const comments = this.#comments(colon, endOfLine(this.#source, to));
    return { from: colon, to: endOfLine(this.#source, to), text: `\n${[...comments.map((line) => ' '.repeat(this.#step()) + line), ...lines].map((line) => `${' '.repeat(column)}${line}\n`).join('')}` };
  }

  #insertInFlow(map: YAMLMap, [key, value]: Entry) {
    const last = map.items.at(-1) as Pair<Node, Node | null>;
    const at = contentEnd(this.#masked.text, last);
    return { from: at, to: at, text: `, ${flowPair(key, value)}` };
  }

  #insertInBlock(map: YAMLMap, [key, value]: Entry) {
    const first = map.items[0] as Pair<Node, Node | null>;
    const column = this.#column(start(first.key));
    const text = blockPair(key, value, this.#step()).map((line) => `${' '.repeat(column)}${line}\n`).join('');
    const at = endOfLine(this.#source, contentEnd(this.#masked.text, map.items.at(-1) as Pair<Node, Node | null>));
    return { from: at, to: at, text: `${at > 0 && this.#source[at - 1] !== '\n' ? '\n' : ''}${text}` };
  }

  /** Comments, ERB lines among them, that begin in a part of the text. */
  #comments(from: number, to: number): string[] {
    const comments: string[] = [];
    let at = 0;
    let scalar = false;
    for (const token of new Lexer().lex(this.#masked.text)) {
      if (token === '\u0002' || token === '\u0018' || token === '\u001f') {
        scalar = token === '\u001f';
        continue;
      }
      if (token.startsWith('#') && !scalar && at >= from && at < to) comments.push(this.#source.slice(at, at + token.length).trimEnd());
      scalar = false;
      at += token.length;
    }
    return comments;
  }
}

function lastPair(map: YAMLMap, key: string): Pair<Node, Node | null> | null {
  const pairs = (map.items as Pair<Node, Node | null>[]).filter((pair) => keyText(pair) === key);
  return pairs.at(-1) ?? null;
}

function keyText(pair: Pair<Node, Node | null>): string {
  if (!isScalar(pair.key)) return '';
  const text = String(pair.key.value);
  return pair.key.type === 'PLAIN' ? text.replace(/^:(?=.)/, '') : text;
}

function start(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

/** Where a pair's last character stands, blanks and comments behind it not counted. */
function contentEnd(text: string, pair: Pair<Node, Node | null>): number {
  const end = pair.value ? lastOf(pair.value) : 0;
  const key = pair.key.range?.[1] ?? 0;
  const from = Math.max(end, key);
  return pair.value && isScalar(pair.value) && (pair.value.type ?? '').startsWith('BLOCK') ? text.slice(0, from).trimEnd().length : from;
}

function lastOf(node: Node): number {
  const collection = (isMap(node) || isSeq(node)) && !node.flow && node.items.length > 0;
  if (!collection) return node.range?.[1] ?? 0;
  const last = node.items.at(-1) as Pair<Node, Node | null> | Node;
  if (!('key' in last)) return lastOf(last);
  return Math.max(last.value ? lastOf(last.value) : 0, last.key.range?.[1] ?? 0);
}

function endOfLine(text: string, offset: number): number {
  const end = text.indexOf('\n', Math.max(offset, 0));
  return end < 0 ? text.length : end + 1;
}

function lineEnd(text: string): string {
  return text === '' || text.endsWith('\n') ? '' : '\n';
}
