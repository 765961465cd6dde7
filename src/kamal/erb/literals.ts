import type { Value } from '../ruby/value.ts';
import { ErbUnsupported } from './errors.ts';
import { Regex } from './objects.ts';

/** A regular expression as Ruby means it. @throws ErbUnsupported for what JavaScript's can't say */
export function regexOf(source: string, flags: string, line: number): Regex {
  if (/\\[AzZhHRXGpPk]|\(\?[<#]|\[\[:/.test(source)) throw new ErbUnsupported('this regular expression', line);
  try {
    // Ruby's ^ and $ are of lines always; its m lets the dot match newlines.
    return new Regex(new RegExp(source, `m${flags.includes('i') ? 'i' : ''}${flags.includes('m') ? 's' : ''}`));
  } catch {
    throw new ErbUnsupported('this regular expression', line);
  }
}

/** A range of whole numbers as the list of them. @throws ErbUnsupported for others, and very long ones */
export function rangeOf(from: Value, to: Value, exclusive: boolean, line: number): Value[] {
  if (typeof from !== 'number' || typeof to !== 'number' || to - from > 10_000) throw new ErbUnsupported('a range that is not of numbers', line);
  return Array.from({ length: Math.max(0, to - from + (exclusive ? 0 : 1)) }, (_, index) => from + index);
}
