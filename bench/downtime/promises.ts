import { counts, figuresOf, ratio } from './figures.ts';
import type { RowResult } from './figures.ts';

/** Something that bactrian promises, and what was found. */
export interface Finding {
  what: string;
  held: boolean;
  found: string;
}

const mostOfKamalsTime = 0.7;
const mostOfKamalsCommands = 0.5;
const mostOfTheSwap = 1.5;

/** Holds the results against what bactrian promises; only entries whose controls lost nothing are judged on losses. */
export function findingsOf(results: readonly RowResult[]): Finding[] {
  return results.flatMap((result) => {
    const { row, entries } = result;
    const findings: Finding[] = [];
    const say = (what: string, held: boolean, found: string): void => void findings.push({ what: `${row.name}: ${what}`, held, found });
    for (const entry of entries) {
      const { contender, trials } = entry;
      if (contender === 'real Kamal') continue;
      const ended = trials.filter(({ asExpected }) => asExpected).length;
      say(`${contender} ends on ${row.ends}`, ended === trials.length, `${ended} of ${trials.length}`);
      if (!counts(entry)) {
        say(`${contender} counts`, false, 'the load lost requests without an upgrade');
        continue;
      }
      const { lost } = figuresOf(trials);
      if (contender === 'handover' || (contender === 'swap' && row.ends === 'kamal1')) say(`${contender} loses no request`, lost.max === 0, `at most ${lost.max} lost`);
      const share = Math.max(...trials.map(({ gapMs, swapMs }) => (swapMs === undefined ? 0 : gapMs / swapMs)));
      if (contender === 'swap' && row.ends === 'kamal2' && share > 0) {
        say('swap: longest gap under 1.5 × (stop + start)', share < mostOfTheSwap, `${share.toFixed(2)} ×`);
      }
    }
    const best = ratio(result, 'handover') ?? ratio(result, 'swap');
    if (best !== undefined && row.ends === 'kamal2') {
      say(`at most ${mostOfKamalsTime} × real Kamal's time`, best.wall <= mostOfKamalsTime, `${best.wall.toFixed(2)} ×`);
      say(`fewer than half of real Kamal's commands`, best.commands < mostOfKamalsCommands, `${best.commands.toFixed(2)} ×`);
    }
    return findings;
  });
}
