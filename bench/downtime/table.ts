import Table from 'cli-table3';

import { counts, figuresOf } from './figures.ts';
import type { RowResult, Spread } from './figures.ts';
import type { Finding } from './promises.ts';

/** The results for a terminal: min/median/max where there is more than one repetition. */
export function renderResults(results: readonly RowResult[], findings: readonly Finding[]): string {
  const table = new Table({
    head: ['', 'by', 'requests', 'lost', 'longest gap, s', 'held, s', 'wall, s', 'commands a host', 'closed idle', 'lost to Redis'],
    style: { head: [], border: [] },
  });
  for (const { row, entries } of results) {
    for (const entry of entries) {
      const { requests, lost, gapMs, heldMs, wall, commands, closedIdle, accessoryLost } = figuresOf(entry.trials);
      const doesCount = counts(entry);
      table.push([
        row.name,
        entry.contender,
        shown(requests, 0),
        doesCount ? shown(lost, 0) : 'control lost too',
        shown(inSeconds(gapMs), 2),
        shown(inSeconds(heldMs), 2),
        shown(wall, 1),
        shown(commands, 1),
        shown(closedIdle, 0),
        shown(accessoryLost, 0),
      ]);
    }
  }
  return [table.toString(), '', ...findings.map(({ what, held, found }) => `${held ? '✓' : '✗'} ${what} (${found})`)].join('\n');
}

function inSeconds({ min, median, max }: Spread): Spread {
  return { min: min / 1000, median: median / 1000, max: max / 1000 };
}

function shown({ min, median, max }: Spread, digits: number): string {
  const texts = [min, median, max].map((value) => value.toFixed(digits));
  return min === max ? (texts[1] ?? '') : texts.join('/');
}
