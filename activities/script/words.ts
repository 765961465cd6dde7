import { shellQuote } from '../../src/kamal/shell.ts';

/** Shorthand for the one quoting function, for templates that read like the shell they become. */
export const q = (value: string): string => shellQuote(value);

/**
 * A here-document that carries bytes through a script unharmed, whatever they are.
 *
 * @param then the rest of the command line: a pipe or a redirection
 */
export function fromBase64(content: string | Buffer, then: string): string {
  return `base64 -d <<'BACTRIAN_BYTES' ${then}\n${Buffer.from(content).toString('base64')}\nBACTRIAN_BYTES`;
}

/**
 * A line that carries the user's own values, as Kamal sends it: the login shell reads it. In a value, `${NAME}` is what
 * that shell knows by the name, and never a variable of the script around it.
 */
export function inLoginShell(command: string): string {
  return `"\${SHELL:-/bin/sh}" -c ${q(command)}`;
}

/** A line of Kamal's audit log, written by Kamal's own command; a log that can't be written stops nothing. */
export function audit(command: string): string {
  return `{ ${command}; } || note 'the audit log could not be written'`;
}
