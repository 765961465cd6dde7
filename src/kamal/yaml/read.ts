import { LineCounter, isAlias, isMap, isScalar, isSeq, parseAllDocuments, type Alias, type Document, type Node, type Pair, type ParsedNode, type YAMLMap } from 'yaml';
import { Float, Sym, isHash, toS, type Hash, type Scalar, type Value } from '../ruby/value.ts';
import { plainScalar } from './scalar.ts';

/** 1-based place in a text. */
export interface Place {
  line: number;
  column: number;
}

/** What a YAML text says, and where each key's path (`proxy/app_port`, `servers/web/0`) stands. */
export interface Read {
  value: Value;
  places: Map<string, Place>;
}

/** The text isn't YAML that can be used. */
export class YamlError extends Error {
  readonly place: Place;

  constructor(message: string, place: Place) {
    super(message);
    this.name = 'YamlError';
    this.place = place;
  }
}

/** Values in a file with all aliases written out; real files have some thousands. */
const MAX_VALUES = 500_000;
const MAX_DEPTH = 200;
/** Blanks, dashes and the like at the start of a line: deeper than that is nobody's configuration, and brings the parser down. */
const DEEP = new RegExp(`^[ \\t?:-]{${MAX_DEPTH * 10},}`, 'm');

/** Outside what libyaml takes for text (its `IS_PRINTABLE`); a byte order mark may begin the file. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u;
/** For Ruby's parser the end of a line, for ours a character like others. */
const OTHER_LINE_ENDS = /[\u0085\u2028\u2029]/;

/**
 * Reads the first document of a YAML text as Ruby's Psych 4 does: YAML 1.1 scalars, `<<` merges in the order of keys,
 * a repeated key's last value wins.
 * @throws YamlError when it doesn't parse, an alias is unknown or refers to itself, or aliases multiply without bound
 */
export function readYaml(text: string): Read {
  const lines = new LineCounter();
  const deep = DEEP.exec(text);
  if (deep) throw new YamlError('nested too deeply', { line: text.slice(0, deep.index).split('\n').length, column: 1 });
  refuseCharacters(text);
  const documents = parseAllDocuments(text, { schema: 'failsafe', version: '1.1', uniqueKeys: false, merge: false, lineCounter: lines, stringKeys: false, logLevel: 'silent' });
  const document = Array.isArray(documents) ? documents[0] : undefined;
  if (!document) return { value: false, places: new Map() };
  const fault = document.errors[0];
  if (fault) throw new YamlError(/call stack/.test(fault.message) ? 'nested too deeply' : firstLine(fault.message), placeOf(lines, fault.pos[0]));
  if (document.contents === null) return { value: false, places: new Map() };
  return new Reader(document, lines).read();
}

function refuseCharacters(text: string): void {
  const refuse = (pattern: RegExp, message: (escape: string) => string) => {
    const at = text.replace(/^\ufeff/, ' ').search(pattern);
    if (at < 0) return;
    const before = text.slice(0, at).split('\n');
    const escape = `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`;
    throw new YamlError(message(escape), { line: before.length, column: (before.at(-1) ?? '').length + 1 });
  };
  refuse(CONTROL, (escape) => `control characters are not allowed; in double quotes it can be written as ${escape}`);
  refuse(OTHER_LINE_ENDS, (escape) => `this character ends a line for some YAML parsers and not for others; write it as ${escape}, in double quotes`);
}

class Reader {
  private readonly document: Document.Parsed;
  private readonly lines: LineCounter;
  private readonly anchors = new Map<string, Node>();
  private readonly values = new Map<Node, { value: Value; size: number }>();
  private readonly open = new Set<Node>();
  private readonly places = new Map<string, Place>();

  constructor(document: Document.Parsed, lines: LineCounter) {
    this.document = document;
    this.lines = lines;
  }

  read(): Read {
    const root = this.document.contents as ParsedNode;
    const { value } = this.node(root, '', 0);
    return { value, places: this.places };
  }

  private node(node: Node | null, path: string, depth: number): { value: Value; size: number } {
    if (node === null) return { value: null, size: 1 };
    if (depth > MAX_DEPTH) this.fail('nested too deeply', node);
    if (isAlias(node)) return this.alias(node);
    const anchor = (isScalar(node) || isMap(node) || isSeq(node)) && node.anchor;
    if (anchor) this.anchors.set(anchor, node);
    this.open.add(node);
    const read = this.content(node, path, depth);
    if (read.size > MAX_VALUES) this.fail(`aliases written out give more than ${MAX_VALUES} values`, node);
    this.open.delete(node);
    this.values.set(node, read);
    return read;
  }

  private alias(node: Alias): { value: Value; size: number } {
    const target = this.anchors.get(node.source);
    if (!target) this.fail(`unknown anchor: *${node.source}`, node);
    if (this.open.has(target)) this.fail(`*${node.source} refers to itself`, node);
    return this.values.get(target) ?? this.fail(`unknown anchor: *${node.source}`, node);
  }

  private content(node: Node, path: string, depth: number): { value: Value; size: number } {
    if (isSeq(node)) {
      const items: Value[] = [];
      let size = 1;
      for (const [index, item] of node.items.entries()) {
        const place = join(path, String(index));
        this.remember(place, item as Node);
        const read = this.node(item as Node, place, depth + 1);
        items.push(read.value);
        size += read.size;
      }
      return { value: items, size };
    }
    if (isMap(node)) return this.hash(node, path, depth);
    return { value: isScalar(node) ? this.scalar(node) : null, size: 1 };
  }

  private hash(node: YAMLMap, path: string, depth: number): { value: Hash; size: number } {
    const hash: Hash = new Map();
    let size = 1;
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const key = this.node(pair.key, join(path, '?'), depth + 1).value;
      if (isHash(key) || Array.isArray(key)) this.fail('a key must be a single value', pair.key);
      const place = join(path, toS(key));
      if (key !== '<<') this.remember(place, pair.key);
      const read = this.node(pair.value ?? null, key === '<<' ? path : place, depth + 1);
      size += 1 + read.size;
      if (key === '<<') merge(hash, read.value);
      else hash.set(key, read.value);
    }
    return { value: hash, size };
  }

  private scalar(node: Node): Scalar {
    if (!isScalar(node)) return null;
    const text = typeof node.value === 'string' ? node.value : '';
    const quoted = node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE' || node.type === 'BLOCK_FOLDED' || node.type === 'BLOCK_LITERAL';
    switch (node.tag) {
      case undefined:
        return quoted ? text : plainScalar(text);
      case 'tag:yaml.org,2002:str':
      case '!str':
      case '!':
        return text;
      case 'tag:yaml.org,2002:float':
        return Float.of(Number(text));
      case 'tag:yaml.org,2002:int':
      case 'tag:yaml.org,2002:bool':
      case 'tag:yaml.org,2002:null':
        return plainScalar(text);
      case '!ruby/symbol':
      case '!ruby/sym':
      case '!sym':
        return Sym.of(text);
      default:
        return this.fail(`tag ${node.tag} is not supported`, node);
    }
  }

  private remember(path: string, node: Node | null): void {
    if (node?.range) this.places.set(path, placeOf(this.lines, node.range[0]));
  }

  private fail(message: string, node: Node | null): never {
    throw new YamlError(message, placeOf(this.lines, node?.range?.[0] ?? 0));
  }
}

/** Psych's `<<`: the merged hash's values win over keys that stand before it; of several hashes the first wins. */
function merge(hash: Hash, value: Value): void {
  const sources = Array.isArray(value) ? value.toReversed() : [value];
  if (!sources.every(isHash)) {
    hash.set('<<', value);
    return;
  }
  const merged: Hash = new Map();
  for (const source of sources) for (const [key, item] of source) merged.set(key, item);
  for (const [key, item] of merged) hash.set(key, item);
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}/${key}`;
}

function placeOf(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function firstLine(message: string): string {
  return (message.split('\n')[0] ?? message).replace(/ at line \d+, column \d+:?$/, '');
}
