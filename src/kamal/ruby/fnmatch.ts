/**
 * `File.fnmatch(pattern, text, File::FNM_EXTGLOB)`: `*`, `?`, `[…]`, `{a,b}`, backslash escapes. `*` matches slashes;
 * a leading dot of the text must be matched by a dot.
 */
export function fnmatch(pattern: string, text: string): boolean {
  return braces(pattern).some((alternative) => {
    const source = regexp(alternative);
    return source !== null && new RegExp(`^${source}$`, 'su').test(text) && !(text.startsWith('.') && /^[*?[]/.test(alternative));
  });
}

/** All the patterns that a pattern with `{a,b}` stands for. */
function braces(pattern: string): string[] {
  const open = findBrace(pattern);
  if (open === null) return [pattern];
  const { start, end, parts } = open;
  return parts.flatMap((part) => braces(pattern.slice(0, start) + part + pattern.slice(end + 1)));
}

function findBrace(pattern: string): { start: number; end: number; parts: string[] } | null {
  let depth = 0;
  let start = -1;
  let from = 0;
  let parts: string[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i];
    if (c === '\\') i++;
    else if (c === '{') {
      if (depth++ === 0) {
        start = i;
        from = i + 1;
        parts = [];
      }
    } else if (depth === 1 && c === ',') {
      parts.push(pattern.slice(from, i));
      from = i + 1;
    } else if (c === '}' && depth > 0 && --depth === 0) return { start, end: i, parts: [...parts, pattern.slice(from, i)] };
  }
  return null;
}

function regexp(pattern: string): string | null {
  let source = '';
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] ?? '';
    if (c === '*') source += '.*';
    else if (c === '?') source += '.';
    else if (c === '[') {
      const end = pattern.indexOf(']', i + 2);
      if (end < 0) return null;
      const set = pattern.slice(i + 1, end).replace(/[\\[\]&]/g, '\\$&');
      source += `[${set.replace(/^[!^]/, '^')}]`;
      i = end;
    } else {
      const literal = c === '\\' && i + 1 < pattern.length ? (pattern[++i] ?? '') : c;
      source += literal.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
    }
  }
  return source;
}
