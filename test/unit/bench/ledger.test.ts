import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { Ledger, presentCircumstances } from '../../../bench/downtime/ledger.ts';
import type { LedgerLine } from '../../../bench/downtime/ledger.ts';
import { trial } from './fakes.ts';

const here = { machine: 'two cores', sources: 'abc' };
let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bactrian-ledger-'));
  file = join(folder, 'results/trials.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

describe('the ledger of a benchmark', () => {
  it('is taken up where it was cut off, half a line left out', async () => {
    const first = await Ledger.begin(file, here);
    await first.add(line({ repetition: 1, trial: trial({ wall: 11 }) }));
    await appendFile(file, '{"row":"main","contender":"swap"');
    const second = await Ledger.resume(file, here);
    expect([second.has('main', 'handover', 1), second.has('main', 'handover', 2), second.has('main', 'swap', 1)]).toEqual([true, false, false]);
    await second.add(line({ repetition: 2, trial: trial({ wall: 12 }) }));
    expect((await Ledger.resume(file, here)).results().map(({ row, entries }) => [row.name, entries.map(({ contender, trials }) => [contender, trials.map(({ wall }) => wall)])])).toEqual([['main', [['handover', [11, 12]]]]]);
  });

  it('gives results in the order of the rows, whichever was measured first', async () => {
    const ledger = await Ledger.begin(file, here);
    for (const [row, contender] of [['back', 'swap'], ['main', 'real Kamal'], ['main', 'handover']] as const) await ledger.add(line({ row, contender }));
    expect(ledger.results().map(({ row, entries }) => [row.name, ...entries.map(({ contender }) => contender)])).toEqual([
      ['main', 'handover', 'real Kamal'],
      ['back', 'swap'],
    ]);
  });

  it('is not taken up on another machine, with other sources, or where there is none', async () => {
    await expect(Ledger.resume(file, here)).rejects.toThrow('nothing to take up');
    await Ledger.begin(file, here);
    await expect(Ledger.resume(file, { ...here, machine: 'four cores' })).rejects.toThrow('begun with other machine (two cores, now four cores)');
    await expect(Ledger.resume(file, { ...here, sources: 'abd' })).rejects.toThrow('begun with other sources');
  });

  it('keeps what an earlier one had when it begins anew', async () => {
    const first = await Ledger.begin(file, here);
    await first.add(line({}));
    expect((await Ledger.begin(file, here)).lines).toEqual([]);
    expect(await readFile(`${file}.old`, 'utf8')).toContain('"handover"');
  });

  it('knows the sources by what is in them', () => {
    expect(presentCircumstances()).toEqual(presentCircumstances());
    expect(presentCircumstances().sources).toMatch(/^[0-9a-f]{12}$/);
  });
});

function line(some: Partial<LedgerLine>): LedgerLine {
  return { row: 'main', contender: 'handover', repetition: 1, takenAt: '2026-11-25T00:00:00.000Z', seconds: 80, control: { requests: 1, lost: 0, reasons: {}, due: 1 }, trial: trial(), ...some };
}
