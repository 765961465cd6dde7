import { shellQuote } from '../../src/kamal/shell.ts';

/** Shorthand for the one quoting function, for templates that read like the shell they become. */
export const q = (value: string): string => shellQuote(value);

/** A here-document that carries bytes through a script unharmed, whatever they are. */
export function fromBase64(content: string | Buffer): string {
  const text = Buffer.from(content).toString('base64');
  return `base64 -d <<'BACTRIAN_BYTES'\n${text}\nBACTRIAN_BYTES`;
}

/** A line of Kamal's audit log, written by Kamal's own command; a log that can't be written stops nothing. */
export function audit(command: string): string {
  return `{ ${command}; } || note 'the audit log could not be written'`;
}
