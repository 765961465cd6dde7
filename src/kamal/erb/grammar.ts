/** Operators of two sides, the weakest first. */
export const BINARY: readonly (readonly string[])[] = [
  ['==', '!=', '=~', '!~', '===', '<=>'],
  ['<', '<=', '>', '>='],
  ['|'],
  ['&'],
  ['<<'],
  ['+', '-'],
  ['*', '/', '%'],
];
export const ASSIGNMENTS = ['=', '||=', '&&=', '+=', '-=', '*='];
/** Keywords that end a sequence of statements or stand behind an expression. */
export const CLOSING = ['end', 'else', 'elsif', 'when', 'rescue', 'ensure', 'then', 'do'];
/** Keywords beyond the subset. */
export const REFUSED = [
  'def', 'class', 'module', 'while', 'until', 'for', 'return', 'yield', 'lambda', 'proc', 'ensure', 'redo', 'retry', 'alias', 'undef', 'BEGIN', 'END', 'self', 'super',
  '__FILE__', '__dir__', 'defined?', 'break', 'next',
];
