import type { Contender, Row } from './rows.ts';

/** What was found on two idle cores: seconds from a command to its end, by who is run and how. */
const together: Record<Contender, number> = { handover: 55, swap: 25, kamal: 25, 'real Kamal': 15 };
/** One host after the other: the two web hosts' waits for kept connections add up. */
const hostByHost: Record<Contender, number> = { handover: 105, swap: 40, kamal: 45, 'real Kamal': 25 };
/** Hosts restored, the load without an upgrade, the load's beginning and end, the look at what is there. */
const aroundIt = 20;
/** The hosts brought up, an upgrade that isn't counted, and the hosts taken away. */
export const setUpSeconds = 80;

/** How long one trial takes on two idle cores, in seconds, with all that belongs to it. */
export function secondsFor(row: Row, contender: Contender): number {
  const usual = (row.rolling ? hostByHost : together)[contender];
  if (row.name === 'again') return aroundIt + (contender === 'real Kamal' ? usual : 10);
  if (!row.succeeds) return aroundIt + 40;
  const unkept = !row.kept && contender === 'handover' ? 30 : 0;
  const boots = row.name === 'slow-boot' ? 16 : 0;
  return aroundIt + usual - unkept + boots + (row.from === 'tls' ? 15 : 0);
}

/**
 * What is left to do, in whole minutes.
 * @param left trials that are not made yet
 * @param made trials that are, and how long each took, in seconds: a busy machine takes its time
 */
export function minutesFor(left: readonly [Row, Contender][], made: readonly { row: Row; contender: Contender; seconds: number }[] = []): number {
  const expected = made.reduce((sum, { row, contender }) => sum + secondsFor(row, contender), 0);
  const pace = expected === 0 ? 1 : made.reduce((sum, { seconds }) => sum + seconds, 0) / expected;
  return Math.ceil((left.reduce((sum, [row, contender]) => sum + secondsFor(row, contender), 0) * pace) / 60);
}
