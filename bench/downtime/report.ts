import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { chartOf } from './chart.ts';
import { counts, figuresOf, ratio } from './figures.ts';
import type { RowResult } from './figures.ts';
import type { Machine } from './machine.ts';
import { peerFigureFor } from './peer.ts';
import type { Finding } from './promises.ts';
import { mainRows } from './rows.ts';

/** Everything that was found out in a benchmark. */
export interface Report {
  /** Milliseconds since the epoch. */
  startedAt: number;
  machine: Machine;
  /** From the first command to the end of the run that it starts: with the server, the worker and compiling. Seconds. */
  firstRunEverSeconds: number;
  results: readonly RowResult[];
  promises: readonly Finding[];
}

/**
 * Writes `downtime.json`, with each trial and control, and `downtime.svg` into a folder.
 * @param caption of the chart, one line
 * @returns the files
 */
export async function writeReport(folder: string, { startedAt, machine, firstRunEverSeconds, results, promises }: Report, caption: string): Promise<string[]> {
  const json = {
    takenAt: new Date(startedAt).toISOString(),
    minutes: Math.round((Date.now() - startedAt) / 60_000),
    machine,
    firstRunEverSeconds: Math.round(firstRunEverSeconds * 10) / 10,
    promises,
    rows: results.map((result) => ({
      ...result.row,
      peerFigure: peerFigureFor(result.row),
      ofRealKamal: Object.fromEntries(result.entries.filter(({ contender }) => contender !== 'real Kamal').map(({ contender }) => [contender, ratio(result, contender)])),
      by: result.entries.map((entry) => ({ contender: entry.contender, counts: counts(entry), ...figuresOf(entry.trials), controls: entry.controls, trials: entry.trials })),
    })),
  };
  await mkdir(folder, { recursive: true });
  const files = [join(folder, 'downtime.json'), join(folder, 'downtime.svg')] as const;
  await writeFile(files[0], `${JSON.stringify(json, null, 2)}\n`);
  const main = results.filter(({ row }) => mainRows.includes(row.name));
  await writeFile(files[1], chartOf(main.length > 0 ? main : results.slice(0, 1), caption));
  return [...files];
}
