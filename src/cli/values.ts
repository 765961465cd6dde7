import { InvalidArgumentError } from 'commander';

/** A whole number from 1 on, for commander. @throws InvalidArgumentError */
export function wholeNumber(text: string): number {
  return numberFrom(text, 1);
}

/** A whole number from 0 on, for commander. @throws InvalidArgumentError */
export function countFrom0(text: string): number {
  return numberFrom(text, 0);
}

function numberFrom(text: string, least: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least) throw new InvalidArgumentError(`a whole number from ${least} on is expected`);
  return value;
}

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600 };

/** A time like `90s`, `10m`, `1h` or, in seconds, `90`; for commander. @returns seconds @throws InvalidArgumentError */
export function duration(text: string): number {
  const match = /^(\d+)([smh]?)$/.exec(text.trim());
  if (!match) throw new InvalidArgumentError('a time like 90s, 10m or 1h is expected');
  return Number(match[1]) * (SECONDS[match[2] ?? ''] ?? 1);
}

/** Names between commas, for commander. @throws InvalidArgumentError when there are none */
export function names(text: string): string[] {
  const list = text.split(',').map((name) => name.trim()).filter((name) => name !== '');
  if (list.length === 0) throw new InvalidArgumentError('names between commas are expected');
  return [...new Set(list)];
}

/**
 * A load balancer's check, added to those before it; for commander. It is stored with the run, and shown: so it can't carry
 * a password, which a check of a load balancer has none of.
 * @throws InvalidArgumentError
 */
export function probeUrl(text: string, before: string[]): string[] {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol)) throw new InvalidArgumentError('a URL to ask is expected: http://… or https://…');
  if (url.username !== '' || url.password !== '') throw new InvalidArgumentError('a URL without user and password is expected: it is kept with the run, and asked without them');
  return [...before, text];
}

/** `1 host`, `3 hosts` */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
