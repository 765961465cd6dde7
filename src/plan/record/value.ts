import { arrives } from '../../kamal/mangling.ts';
import { kamal1Quote } from '../../kamal/kamal1/quoting.ts';

/**
 * What a Kamal 1 configuration has to say so that this text arrives at Docker: its quoting changes some.
 *
 * @returns null when nothing does (a text with `${…}`, which the shell on the host fills in)
 */
export function configured(wanted: string): string | null {
  const plain = wanted.replaceAll(/\\#(?=[$@{])/g, '#').replaceAll(/\\u\{([0-9A-F]{5,6})\}|\\u([0-9A-F]{4})/g, (_, long: string | undefined, short: string | undefined) => String.fromCodePoint(Number.parseInt(long ?? short ?? '0', 16)));
  return [wanted, plain].find((text) => arrives(text, kamal1Quote) === wanted) ?? null;
}
