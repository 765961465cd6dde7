/** Keywords whose value is a shell command: the rest of the line as it stands, quotes and `#` included. */
const COMMANDS = new Set(['proxycommand', 'localcommand', 'remotecommand', 'knownhostscommand']);

export interface ConfigLine {
  /** In lower case. */
  keyword: string;
  args: string[];
}

/**
 * Takes one line of an ssh_config(5) apart.
 * @returns null for a blank line or a comment
 * @throws Error saying what is wrong with the line: no value, or a quote that isn't closed
 */
export function parseConfigLine(line: string): ConfigLine | null {
  const text = line.trim();
  if (text === '' || text.startsWith('#')) return null;
  const match = /^"?([^\s="]+)"?\s*=?\s*(.*)$/s.exec(text);
  const keyword = match?.[1]?.toLowerCase();
  const rest = match?.[2] ?? '';
  if (keyword === undefined || rest === '') throw new Error(`\`${text}\` has no value`);
  return { keyword, args: COMMANDS.has(keyword) ? [rest] : splitArguments(rest) };
}

/**
 * Splits a value as OpenSSH does: both kinds of quotes, a backslash only
 * before a quote, a backslash or (unquoted) a space, and `#` at the start of a
 * word begins a comment.
 * @throws Error when a quote isn't closed
 */
export function splitArguments(text: string): string[] {
  const args: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i);
    const next = text.charAt(i + 1);
    if (c === '\\' && next !== '' && (`"'\\`.includes(next) || (next === ' ' && quote === ''))) {
      word = (word ?? '') + next;
      i++;
    } else if (quote !== '') {
      if (c === quote) quote = '';
      else word = (word ?? '') + c;
    } else if (c === '"' || c === "'") {
      quote = c;
      word ??= '';
    } else if (c === ' ' || c === '\t') {
      if (word !== undefined) args.push(word);
      word = undefined;
    } else if (c === '#' && word === undefined) {
      return args;
    } else {
      word = (word ?? '') + c;
    }
  }
  if (quote !== '') throw new Error(`a quote (${quote}) isn't closed`);
  if (word !== undefined) args.push(word);
  return args;
}
