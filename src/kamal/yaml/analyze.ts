/** Which styles a scalar can be written in, outside of flow collections (libyaml: `yaml_emitter_analyze_scalar`). */
export interface Analysis {
  readonly multiline: boolean;
  readonly plain: boolean;
  readonly single: boolean;
  readonly block: boolean;
}

export function analyze(text: string): Analysis {
  if (text === '') return { multiline: false, plain: true, single: true, block: false };
  const characters = Array.from(text);
  const special = characters.some((c) => !printable(c));
  const multiline = characters.some(isBreak);
  const blank = (c: string | undefined) => c !== undefined && (c === ' ' || isBreak(c));
  const leading = blank(characters[0]);
  const trailing = blank(characters.at(-1));
  const breakSpace = characters.some((c, index) => c === ' ' && isBreak(characters[index - 1] ?? ''));
  const spaceBreak = characters.some((c, index) => isBreak(c) && characters[index - 1] === ' ');
  const broken = spaceBreak || special;
  return {
    multiline,
    plain: !leading && !trailing && !breakSpace && !broken && !multiline && !hasIndicators(text),
    single: !breakSpace && !broken,
    block: !text.endsWith(' ') && !broken,
  };
}

/** Characters that mean something to YAML where they stand. */
function hasIndicators(text: string): boolean {
  return /^(---|\.\.\.)/.test(text) || /^[#,[\]{}&*!|>'"%@`]/.test(text) || /^[?:-]([\s]|$)/.test(text) || /:(\s|$)/.test(text) || /(^|\s)#/.test(text);
}

/** Whether libyaml writes a character as it is: no control characters, no tab, nothing beyond the basic plane. */
export function printable(c: string): boolean {
  const code = c.codePointAt(0) ?? 0;
  if (code === 0x0a || (code >= 0x20 && code <= 0x7e)) return true;
  return code >= 0xa0 && code <= 0xffff && !(code >= 0xd800 && code <= 0xdfff) && code !== 0xfeff && code !== 0xfffe && code !== 0xffff;
}

/** What libyaml takes for the end of a line. */
export function isBreak(c: string): boolean {
  return c === '\n' || c === '\r' || c === '\u0085' || c === '\u2028' || c === '\u2029';
}
