import type { Text } from './shape.ts';

/** Shorter values stand in texts by chance, and are no secrets. */
const SHORTEST = 4;

/**
 * A function that puts the names of secrets in the place of their values.
 *
 * @param secrets values by name
 */
export function masking(secrets: Readonly<Record<string, string>>): (text: string) => Text {
  // Longest first: a value may be part of another one.
  const known = Object.entries(secrets).filter(([, value]) => value.length >= SHORTEST).sort(([, a], [, b]) => b.length - a.length);
  return (text) => {
    const parts = known.reduce<(string | { secret: string })[]>((before, [secret, value]) => before.flatMap((part) => (typeof part === 'string' ? between(part.split(value), { secret }) : [part])), [text]);
    return parts.every((part) => typeof part === 'string') ? parts.join('') : parts.filter((part) => part !== '');
  };
}

function between(parts: string[], what: { secret: string }): (string | { secret: string })[] {
  return parts.flatMap((part, at) => (at === 0 ? [part] : [what, part]));
}

/**
 * The text with the secrets' values of now.
 *
 * @param valueOf what gives a secret's value, or throws
 */
export function unmask(text: Text, valueOf: (secret: string) => string): string {
  return typeof text === 'string' ? text : text.map((part) => (typeof part === 'string' ? part : valueOf(part.secret))).join('');
}
