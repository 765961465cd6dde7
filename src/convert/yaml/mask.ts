/** One ERB tag of a text. */
export interface ErbTag {
  /** Offset of `<%`. */
  readonly start: number;
  /** Offset behind `%>`. */
  readonly end: number;
  /** With its `<%` and `%>`. */
  readonly source: string;
  readonly line: number;
}

/** A text in which no YAML parser stumbles over ERB, every other character where it was. */
export interface Masked {
  readonly text: string;
  readonly tags: readonly ErbTag[];
}

/** Private characters: one that says which tag it is, then as many of these as the tag is long. */
const FIRST = 0xe000;
const MANY = 0xf000 - FIRST;
const FILL = '\uf8ff';
const TOKEN = /[\ue000-\uefff]\uf8ff*/g;

/** ERB tags by the private characters that stand for them: the same in all files of a project. */
export class ErbTags {
  readonly #sources: string[] = [];

  /** The private character of a tag. @throws RangeError when there are no more of them */
  characterOf(source: string): string {
    let index = this.#sources.indexOf(source);
    if (index < 0) index = this.#sources.push(source) - 1;
    if (index >= MANY) throw new RangeError(`more than ${MANY} different ERB tags`);
    return String.fromCharCode(FIRST + index);
  }

  /** Puts the tags back into a piece of masked text, or into a text made from such pieces. */
  reveal(text: string): string {
    return text.replaceAll(TOKEN, (token) => this.#sources[token.charCodeAt(0) - FIRST] ?? token);
  }
}

/** Whether a value came, all or in part, from ERB. */
export function hasErb(text: string): boolean {
  return /[\ue000-\uefff]/.test(text);
}

/** Whether a value is one ERB tag and nothing else. */
export function isErb(text: string): boolean {
  return /^[\ue000-\uefff]\uf8ff*$/.test(text);
}

/**
 * Hides ERB from a YAML parser without moving anything: a tag within a line becomes a word of private characters of
 * the same length, a line of nothing but tags becomes a comment.
 * @throws RangeError for more tags than there are private characters (4096)
 */
export function maskErb(source: string, known = new ErbTags()): Masked {
  const tags = tagsOf(source);
  const lone = loneTags(source, tags);
  let text = '';
  let at = 0;
  for (const [index, tag] of tags.entries()) {
    text += source.slice(at, tag.start) + (lone.has(index) ? asComment(tag.source) : asWord(tag.source, known.characterOf(tag.source)));
    at = tag.end;
  }
  text += source.slice(at);
  return { text, tags };
}

function tagsOf(source: string): ErbTag[] {
  const tags: ErbTag[] = [];
  for (let at = source.indexOf('<%'); at >= 0; at = source.indexOf('<%', at)) {
    if (source[at + 2] === '%') {
      at += 3;
      continue;
    }
    let close = source.indexOf('%>', at + 2);
    // `%%>` is a literal `%>` within code.
    while (close > 0 && source[close - 1] === '%') close = source.indexOf('%>', close + 2);
    const end = close < 0 ? source.length : close + 2;
    tags.push({ start: at, end, source: source.slice(at, end), line: source.slice(0, at).split('\n').length });
    at = end;
  }
  return tags;
}

/** Tags on whose lines stands nothing else. */
function loneTags(source: string, tags: readonly ErbTag[]): ReadonlySet<number> {
  const lone = new Set<number>();
  for (let first = 0; first < tags.length; ) {
    let last = first;
    while (last + 1 < tags.length && /^[ \t]*$/.test(source.slice(tags[last]?.end, tags[last + 1]?.start))) last++;
    const before = source.slice(source.lastIndexOf('\n', (tags[first]?.start ?? 0) - 1) + 1, tags[first]?.start);
    const after = /^[^\n]*/.exec(source.slice(tags[last]?.end))?.[0] ?? '';
    if (before.trim() === '' && after.trim() === '') for (let index = first; index <= last; index++) lone.add(index);
    first = last + 1;
  }
  return lone;
}

function asComment(tag: string): string {
  return tag.split('\n').map((line) => (line === '' ? '' : `#${FILL.repeat(line.length - 1)}`)).join('\n');
}

function asWord(tag: string, character: string): string {
  return character + tag.slice(1).replaceAll(/[^\n]/g, FILL);
}
