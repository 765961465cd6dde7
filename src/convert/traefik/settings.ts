import type { Value } from '../../kamal/ruby/value.ts';
import { toS } from '../../kamal/ruby/value.ts';
import type { Place } from '../report.ts';

/** One label or argument of Traefik. */
export interface Setting {
  /** As written. */
  readonly key: string;
  readonly value: string;
  readonly place: Place;
}

/**
 * Labels or arguments of Traefik by name. Traefik doesn't mind upper and lower case. Whatever is asked for counts as
 * understood; what nobody asked for is left over.
 */
export class Settings {
  readonly #settings = new Map<string, Setting>();
  readonly #used = new Set<string>();

  add(key: string, value: Value, place: Place): void {
    this.#settings.set(key.toLowerCase(), { key, value: toS(value), place });
  }

  /** The text of a setting, undefined when it isn't given. */
  get(key: string): string | undefined {
    return this.use(key)?.value;
  }

  use(key: string): Setting | undefined {
    const setting = this.#settings.get(key.toLowerCase());
    if (setting) this.#used.add(key.toLowerCase());
    return setting;
  }

  /** Whether a setting is given, without calling it understood. */
  peek(key: string): Setting | undefined {
    return this.#settings.get(key.toLowerCase());
  }

  /** Settings whose names match, understood by being asked for. */
  take(pattern: RegExp): Setting[] {
    const found = [...this.#settings].filter(([key]) => pattern.test(key));
    for (const [key] of found) this.#used.add(key);
    return found.map(([, setting]) => setting);
  }

  /** The different texts in the first group of a pattern: names of routers, middlewares, entry points. */
  names(pattern: RegExp): string[] {
    return [...new Set([...this.#settings.keys()].flatMap((key) => pattern.exec(key)?.[1] ?? []))];
  }

  leftOver(): Setting[] {
    return [...this.#settings].filter(([key]) => !this.#used.has(key)).map(([, setting]) => setting);
  }

  get size(): number {
    return this.#settings.size;
  }
}

/** `true` as Traefik reads it. */
export function isOn(text: string | undefined): boolean {
  return text !== undefined && ['true', '1', 't', 'yes', ''].includes(text.toLowerCase());
}

/** Seconds of a duration as Go and Docker write it (`1m30s`, `500ms`, `5`), null when it is something else. */
export function seconds(text: string): number | null {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  const units: Record<string, number> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, ns: 1e-9 };
  if (!/^(\d+(\.\d+)?(h|ms|m|s|us|ns))+$/.test(text)) return null;
  return [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)/g)].reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0), 0);
}
