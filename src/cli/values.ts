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
