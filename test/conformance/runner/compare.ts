import type { Json } from '../../../src/kamal/index.ts';

/** A fact that differs. */
export interface Difference {
  readonly path: string;
  readonly expected: Json | undefined;
  readonly actual: Json | undefined;
}

/** Facts that differ. Order of keys doesn't count, but for the top level of env and labels, which are compared in their commands too. */
export function compare(expected: Json | undefined, actual: Json | undefined, path = ''): Difference[] {
  if (isObject(expected) && '$error' in expected) return [];
  if (isObject(expected) && isObject(actual)) {
    return [...new Set([...Object.keys(expected), ...Object.keys(actual)])].flatMap((key) => compare(expected[key], actual[key], path === '' ? key : `${path}/${key}`));
  }
  if (Array.isArray(expected) && Array.isArray(actual) && expected.length === actual.length) {
    return expected.flatMap((item, index) => compare(item, actual[index], `${path}/${index}`));
  }
  return JSON.stringify(expected) === JSON.stringify(actual) ? [] : [{ path, expected, actual }];
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
