const WORD = /\s*(?:([^\0\s\\'"]+)|'([^\0']*)'|"((?:[^\0"\\]|\\[^\0])*)"|(\\[^\0]?)|(\S))(\s|$(?![\s\S]))?/gy;

/** `Shellwords.split` of Ruby. @throws Error for an unmatched quote */
export function shellSplit(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let started = false;
  WORD.lastIndex = 0;
  for (let match = WORD.exec(text); match !== null && match[0] !== ''; match = WORD.exec(text)) {
    const [, bare, single, double, escape, garbage, end] = match;
    if (garbage !== undefined) throw new Error('unmatched quote');
    word += bare ?? single ?? double?.replace(/\\([$`"\\\n])/g, '$1') ?? escape?.replace(/\\([^\n])/, '$1') ?? '';
    started = true;
    if (end === undefined) continue;
    words.push(word);
    word = '';
    started = false;
  }
  return started ? [...words, word] : words;
}

/** `String#shellescape` of Ruby. */
export function shellEscape(text: string): string {
  return text === '' ? "''" : text.replace(/[^A-Za-z0-9_\-.,:+/@\n]/gu, '\\$&').replaceAll('\n', "'\n'");
}
