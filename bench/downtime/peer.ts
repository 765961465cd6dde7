import type { Spread } from './figures.ts';
import type { Row } from './rows.ts';

/** What a peer cost somewhere else, that can't be run here: to be looked at beside what was measured, never to be judged by. */
export interface PeerFigure {
  by: string;
  note: string;
  wall: Spread;
  lostPerWebHost: Spread;
  outageSeconds: Spread;
  /** SSH commands a host, least and most. */
  commands: { min: number; max: number };
}

const note = 'a figure of November 2026, not measured here: three hosts of the same kind, 50 new connections/s and web host, three runs';
const by = 'Kamal 1.9.3';
const commands = { min: 29, max: 32 };

/**
 * What `kamal downgrade` of Kamal 1.9.3 cost on a fleet as the lab's. It can't be installed from a package registry as a whole,
 * so it isn't part of a run.
 * @returns undefined for rows that go to Kamal 2, whose peer takes part itself
 */
export function peerFigureFor({ goes, rolling }: Row): PeerFigure | undefined {
  if (goes === 'upgrade') return undefined;
  return rolling
    ? { by, note, commands, wall: spread(39.7, 43.5, 44.3), lostPerWebHost: spread(357, 370, 408), outageSeconds: spread(7.1, 7.5, 8.3) }
    : { by, note, commands, wall: spread(27.1, 27.2, 33), lostPerWebHost: spread(360, 412, 507), outageSeconds: spread(7.5, 8.6, 10.9) };
}

function spread(min: number, median: number, max: number): Spread {
  return { min, median, max };
}
