import { quote } from 'shlex';
import { dump, toS, type Value } from './ruby/value.ts';

/** The words of a shell line, each quoted as Kamal quotes it (that is: sometimes not at all); see {@link line}. */
export type Command = readonly string[];

/** A command as one line for a POSIX shell, as Kamal joins it. */
export function line(command: Command): string {
  return command.join(' ');
}

/** The line that SSHKit 1.25 sends for a command: a first word other than `docker` goes through `/usr/bin/env`. */
export function sshkitLine(command: Command): string {
  return command[0] === 'docker' ? line(command) : `/usr/bin/env ${line(command)}`;
}

/**
 * Quotes a value of ours for a POSIX shell, so that it arrives as one argument, byte for byte. For values that Kamal
 * quotes in its own way there is {@link kamalQuote}.
 * @throws TypeError for a value with a NUL character, which no argument can carry
 */
export function shellQuote(value: string): string {
  if (value.includes('\0')) throw new TypeError('a shell argument cannot contain a NUL character');
  return quote(value);
}

/**
 * Kamal's quoting (Kamal 2.12: `Utils.escape_shell_value`): Ruby's `String#dump` over each run of ASCII characters,
 * other characters bare between the quotes; `$` escaped but for `${…}`, which the remote shell expands. A newline
 * arrives as backslash and n. Never use it for values of ours.
 */
export function kamalQuote(value: Value | undefined): string {
  return asciiRuns(toS(value), (part) => forShell(dump(part)));
}

/** What Kamal escapes for the shell in a dumped string: backticks, and `$` but for `${…}`. */
export function forShell(dumped: string): string {
  return dumped.replaceAll('`', '\\`').replace(/\$(?!\{[^}]*\})/g, '\\$');
}

/**
 * A value in a Docker env file as Kamal writes it (Kamal 2.12: `EnvFile`). Docker takes the line as it is: a newline
 * in a value reaches the app as backslash and n, a backslash as two.
 */
export function envFileValue(value: Value | undefined): string {
  return asciiRuns(toS(value), (part) => dump(part).slice(1, -1).replaceAll('\\"', '"').replaceAll('\\#', '#'));
}

/** Replaces each run of ASCII characters, leaving others as they are. */
export function asciiRuns(text: string, escape: (run: string) => string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u007f]+/g, escape);
}
