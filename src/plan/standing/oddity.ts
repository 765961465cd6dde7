/**
 * `fail`: clients get no good answer from this host; `warn`: it is half way, or something is left that somebody should
 * deal with; `note`: as it should be, and worth knowing.
 */
export type Weight = 'fail' | 'warn' | 'note';

/** What an oddity is about. Ids stay as they are: scripts read them. */
export type OddityId =
  | 'unreachable' | 'docker' | 'role' | 'versions' | 'two-generations' | 'two-networks' | 'half-booted' | 'unhealthy'
  | 'traefik' | 'proxy' | 'no-service' | 'lock' | 'cut-off' | 'steering' | 'kept' | 'record' | 'accessory' | 'fleet';

/** Something about a host that isn't as one generation of Kamal leaves it, or that decides what can be done with it. */
export interface Oddity {
  id: OddityId;
  weight: Weight;
  what: string;
  /** What to do about it; null where that is nothing. */
  todo: string | null;
}

/** The two commands that bring a host that is half way home. */
export const HOME = '`bactrian upgrade` brings it to Kamal 2, `bactrian downgrade` back to Kamal 1';

/**
 * How long ago something was, in the largest unit that tells: `3 minutes`, `7 days`.
 * @param ms milliseconds
 */
export function span(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  const [number, unit] = minutes < 60 ? [minutes, 'minute'] : minutes < 48 * 60 ? [Math.floor(minutes / 60), 'hour'] : [Math.floor(minutes / 1440), 'day'];
  return `${number} ${unit}${number === 1 ? '' : 's'}`;
}
