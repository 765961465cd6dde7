/** A piece of a template. `line` is where it begins, 1-based. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string; readonly line: number }
  | { readonly kind: 'code' | 'output'; readonly code: string; readonly line: number };

/**
 * Takes a template apart as Ruby's ERB does. With `trim` (Kamal reads deploy.yml with `trim_mode: "-"`) `<%-` swallows
 * the blanks before it on its line and `-%>` the end of its line.
 */
export function piecesOf(template: string, { trim }: { trim: boolean }): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let line = 1;
  let text = '';
  let textLine = 1;
  const advance = (to: number) => {
    for (; at < to; at++) if (template[at] === '\n') line++;
  };
  const flush = () => {
    if (text !== '') pieces.push({ kind: 'text', text, line: textLine });
    text = '';
  };
  const append = (more: string) => {
    if (text === '') textLine = line;
    text += more;
  };
  while (at < template.length) {
    const open = template.indexOf('<%', at);
    if (open < 0) {
      append(template.slice(at));
      break;
    }
    append(template.slice(at, open));
    advance(open);
    if (template[open + 2] === '%') {
      append('<%');
      advance(open + 3);
      continue;
    }
    const tag = tagAt(template, open, trim);
    if (tag.stripBefore) text = text.replace(/(^|\n)[ \t]*$/, '$1');
    flush();
    const codeLine = line;
    advance(tag.end);
    if (tag.kind !== 'comment') pieces.push({ kind: tag.kind, code: tag.code, line: codeLine });
    if (tag.stripAfter && template[at] === '\n') advance(at + 1);
  }
  flush();
  return pieces;
}

interface Tag {
  readonly kind: 'code' | 'output' | 'comment';
  readonly code: string;
  readonly end: number;
  readonly stripBefore: boolean;
  readonly stripAfter: boolean;
}

function tagAt(template: string, open: number, trim: boolean): Tag {
  let start = open + 2;
  const marker = template[start];
  const stripBefore = trim && marker === '-';
  const kind = marker === '=' ? 'output' : marker === '#' ? 'comment' : 'code';
  if (kind !== 'code' || stripBefore) start++;
  let close = template.indexOf('%>', start);
  // `%%>` is a literal `%>` within code.
  while (close > start && template[close - 1] === '%') close = template.indexOf('%>', close + 2);
  const end = close < 0 ? template.length : close + 2;
  const raw = template.slice(start, close < 0 ? template.length : close).replaceAll('%%>', '%>');
  const stripAfter = trim && raw.endsWith('-');
  return { kind, code: stripAfter ? raw.slice(0, -1) : raw, end, stripBefore, stripAfter };
}
