import Table from 'cli-table3';

import { counts, figuresOf } from './figures.ts';
import type { RowResult, Spread } from './figures.ts';
import { peerFigureFor } from './peer.ts';
import { failing } from './promises.ts';
import type { Finding } from './promises.ts';

/** The results for a terminal: min/median/max where there is more than one repetition. */
export function renderResults(results: readonly RowResult[]): string {
  const table = new Table({
    head: ['', 'by', 'requests', 'lost', 'longest gap, s', 'held, s', 'wall, s', 'commands a host', 'closed idle', 'lost to Redis'],
    style: { head: [], border: [] },
  });
  const notes: string[] = [];
  for (const { row, entries } of results) {
    for (const entry of entries) {
      const { requests, lost, gapMs, heldMs, wall, commands, closedIdle, accessoryLost } = figuresOf(entry.trials);
      const doesCount = counts(entry);
      table.push([
        row.name,
        entry.contender,
        shown(requests, 0),
        doesCount ? shown(lost, 0) : `does not count (${shown(lost, 0)})`,
        shown(inSeconds(gapMs), 2),
        shown(inSeconds(heldMs), 2),
        shown(wall, 1),
        shown(commands, 1),
        shown(closedIdle, 0),
        shown(accessoryLost, 0),
      ]);
    }
    const peer = peerFigureFor(row);
    if (peer !== undefined) {
      table.push([row.name, `${peer.by} *`, '', `${shown(peer.lostPerWebHost, 0)} a web host`, shown(peer.outageSeconds, 1), '', shown(peer.wall, 1), `${peer.commands.min}–${peer.commands.max}`, '', '']);
      notes[0] = `* ${peer.note}`;
    }
  }
  return [table.toString(), ...notes].join('\n');
}

/** What was promised and what was found. What there is no trial for has one line a reason, not one a promise. */
export function renderPromises(findings: readonly Finding[]): string {
  const table = new Table({ head: ['', 'row', 'by', 'promise', 'found'], style: { head: [], border: [] } });
  const marks = { held: '✓ held', 'not held': '✗ not held', 'not measured': '? not measured' };
  const judged = findings.filter(({ tried }) => tried);
  for (const { row, contender, what, standing, found } of judged) table.push([marks[standing], row, contender, what, found]);
  const untried = findings.filter(({ tried }) => !tried);
  const broken = failing(judged).map(({ row, contender, what, standing, found }) => `${standing.toUpperCase()}: ${row}, ${contender}: ${what}: ${found}`);
  const missing = failing(untried);
  const lines = [...broken, ...[...new Set(missing.map(({ found }) => found))].map((found) => `NOT MEASURED: ${named(missing.filter((each) => each.found === found))}: ${found}`)];
  const others = untried.filter(({ asked }) => !asked);
  return [
    'Promises',
    ...(judged.length > 0 ? [table.toString()] : []),
    ...(others.length > 0 ? [`not part of this run: ${named(others)}`] : []),
    ...(lines.length > 0 ? lines : ['all that was measured was held']),
  ].join('\n');
}

/** Rows, each with those whose part in it is meant. */
function named(findings: readonly Finding[]): string {
  const names = [...new Set(findings.map(({ row }) => row))];
  return names.map((name) => `${name} (${[...new Set(findings.filter(({ row }) => row === name).map(({ contender }) => contender))].join(', ')})`).join(' · ');
}

function inSeconds({ min, median, max }: Spread): Spread {
  return { min: min / 1000, median: median / 1000, max: max / 1000 };
}

function shown({ min, median, max }: Spread, digits: number): string {
  const texts = [min, median, max].map((value) => value.toFixed(digits));
  return min === max ? (texts[1] ?? '') : texts.join('/');
}
