import type { Quoting } from '../ruby/args.ts';
import { dump, toS, type Value } from '../ruby/value.ts';
import { asciiRuns, forShell } from '../shell.ts';

/** The Kamal whose rules this folder follows. */
export const KAMAL1_VERSION = '1.9.3';

/**
 * Kamal 1's quoting (Kamal 1.9: `Utils.escape_shell_value`): Ruby's `String#dump` over all of the text, so that `é`
 * arrives as the six characters `\u00E9`.
 */
export function kamal1Quote(value: Value | undefined): string {
  return forShell(dump(toS(value)));
}

/** `false` counts as blank: a label or variable that is false is written as its name alone. */
export const KAMAL1: Quoting = { quote: kamal1Quote, keepsFalse: false };

/** A value in a Docker env file as Kamal 1 writes it (Kamal 1.9: `EnvFile`); `#{` arrives as `\#{`. */
export function kamal1EnvFileValue(value: Value | undefined): string {
  return asciiRuns(toS(value), (part) => dump(part).slice(1, -1).replaceAll('\\"', '"'));
}
