import { describe, expect, it } from 'vitest';

import type { Entry } from '../../../bench/downtime/figures.ts';
import { failing, findingsOf } from '../../../bench/downtime/promises.ts';
import type { Finding, Promised } from '../../../bench/downtime/promises.ts';
import { rows } from '../../../bench/downtime/rows.ts';
import type { Contender } from '../../../bench/downtime/rows.ts';
import { renderPromises } from '../../../bench/downtime/table.ts';
import { entry, rowNamed, trial } from './fakes.ts';

describe('promises', () => {
  it('are broken where a handover loses requests or the run ends elsewhere, and say whose they were', () => {
    const lossy = trial({ lost: 3, byKind: { new: { requests: 800, lost: 2 }, kept: { requests: 200, lost: 1 } }, reasons: { ECONNREFUSED: 3 }, asExpected: false });
    const findings = judge('main', [entry('handover', [trial(), lossy])]);
    expect(of(findings, 'end', 'handover')).toMatchObject({ standing: 'not held', found: '1 of 2 times' });
    expect(of(findings, 'no loss', 'handover')).toMatchObject({ standing: 'not held', found: '3 of 1000 lost (2 new, 1 kept): ECONNREFUSED' });
  });

  it('say nothing about what a swap or Kamal\'s own order loses, but for an app that never becomes healthy', () => {
    const losing = [trial({ lost: 9 })];
    const findings = [...judge('main', [entry('swap', losing), entry('kamal', losing)]), ...judge('never-healthy', [entry('swap', losing)]), ...judge('back', [entry('swap', losing)])];
    expect(findings.filter(({ promised, standing }) => promised === 'no loss' && standing === 'not held').map(({ row, contender }) => [row, contender])).toEqual([['never-healthy', 'swap']]);
  });

  it.each(['main', 'back'])('hold each host\'s gap in a swap against the stop and the start that it needed itself (%s)', (row) => {
    const standing = (gapMs: number) => of(judge(row, [entry('swap', [trial({ gaps: { h1: { gapMs, heldMs: 0, swapMs: 1000 }, h2: { gapMs: 100, heldMs: 0, swapMs: 900 } } })])]), 'swap gap', 'swap').standing;
    expect([standing(1400), standing(1500)]).toEqual(['held', 'not held']);
  });

  it('of a gap are not measured where a host said nothing of its stop and start', () => {
    const silent = entry('swap', [trial({ gaps: { h1: { gapMs: 10, heldMs: 0, swapMs: 1000 }, h2: { gapMs: 9000, heldMs: 0 } } })]);
    expect(of(judge('main', [silent]), 'swap gap', 'swap').standing).toBe('not measured');
  });

  it('compare time and commands with real Kamal of the same row', () => {
    const ours = (wall: number, commands: number) => judge('main', [entry('swap', [trial({ wall, commands: { h1: commands } })]), entry('real Kamal', [trial({ wall: 20, commands: { h1: 30 } })])]);
    expect([of(ours(14, 14), 'time', 'swap').standing, of(ours(14, 14), 'commands', 'swap').standing]).toEqual(['held', 'held']);
    expect([of(ours(14.1, 15), 'time', 'swap').standing, of(ours(14.1, 15), 'commands', 'swap').standing]).toEqual(['not held', 'not held']);
    const alone = judge('main', [entry('swap', [trial()])]);
    expect([of(alone, 'time', 'swap'), of(alone, 'commands', 'swap')].map(({ standing, found }) => [standing, found])).toEqual([['not measured', 'real Kamal did not take part'], ['not measured', 'real Kamal did not take part']]);
  });

  it('say how much of a handover\'s time is handing over', () => {
    const steps = { h1: { prepare: { from: 0, to: 3 }, 'hand over to kamal-proxy': { from: 3, to: 35.5 } }, h2: { 'hand over to kamal-proxy': { from: 3, to: 34 } } };
    const findings = judge('main', [entry('handover', [trial({ steps })]), entry('real Kamal', [trial()])]);
    expect(of(findings, 'time', 'handover').found).toContain('up to 32.5 s');
  });

  it.each([
    [{ requests: 100, lost: 1, due: 100 }, 'without an upgrade, too, the load lost 1'],
    [{ requests: 60, lost: 0, due: 100 }, 'this machine is too busy for the load: 60 of 100 requests were sent without an upgrade'],
  ])('are not judged by losses where the load alone did not go well: %j', (control, why) => {
    const noisy = { ...entry('handover', [trial({ lost: 1 })]), controls: [{ ...control, reasons: {} }] };
    expect(of(judge('main', [noisy]), 'no loss', 'handover')).toMatchObject({ standing: 'not measured', found: why });
  });

  it('of the way back are not held against figures that were made elsewhere', () => {
    const back = judge('back', [entry('handover', [trial({ wall: 1000 })])]).filter(({ row }) => row === 'back');
    expect(back.map(({ promised, contender, standing }) => [promised, contender, standing])).toEqual([
      ['end', 'handover', 'held'],
      ['no loss', 'handover', 'held'],
      ['end', 'swap', 'not measured'],
      ['swap gap', 'swap', 'not measured'],
      ['end', 'kamal', 'not measured'],
    ]);
  });
});

describe('a benchmark', () => {
  it('fails by a promise that was not held, and by one that was to be measured and was not', () => {
    const asked = (name: string) => findingsOf([{ row: rowNamed('never-healthy'), entries: [entry('handover', [trial({ lost: 1, byKind: { kept: { requests: 10, lost: 1 } }, reasons: { 'HTTP 502': 1 } })])] }], rows, ({ name: row }) => row === name, [
      { row: 'never-healthy', contender: 'swap', message: 'refused\nfor a reason' },
    ]);
    expect(failing(asked('never-healthy')).map(({ contender, promised, found }) => [contender, promised, found])).toEqual([
      ['handover', 'no loss', '1 of 1000 lost (1 kept): HTTP 502'],
      ['swap', 'end', 'refused'],
      ['swap', 'no loss', 'refused'],
    ]);
    expect(failing(asked('nothing')).map(({ promised }) => promised)).toEqual(['no loss']);
  });

  it('ends by naming which promise of which row, and what else was not measured', () => {
    const text = renderPromises(judge('never-healthy', [entry('handover', [trial({ lost: 1, byKind: { new: { requests: 10, lost: 1 } }, reasons: { 'HTTP 404': 1 } })])]));
    expect(text.split('\n').at(-1)).toBe('NOT HELD: never-healthy, handover: an app that never becomes healthy costs no request: 1 of 1000 lost (1 new): HTTP 404');
    expect(text).toContain('not part of this run: main (handover, swap, kamal) ·');
    expect(text).toContain('never-healthy (swap) ·');
  });

  it('that was cut off names what it lacks in one line', () => {
    const text = renderPromises(findingsOf([], rows, ({ name }) => ['main', 'back'].includes(name)));
    expect(text.split('\n').at(-1)).toBe('NOT MEASURED: main (handover, swap, kamal) · back (handover, swap, kamal): not run');
  });

  it('without a broken promise says so', () => {
    expect(renderPromises(judge('back', [entry('kamal', [trial()])])).split('\n').at(-1)).toBe('all that was measured was held');
  });
});

/** Nothing was asked for: what isn't there is no failure. */
function judge(name: string, entries: Entry[]): Finding[] {
  return findingsOf([{ row: rowNamed(name), entries }], rows, () => false);
}

function of(findings: readonly Finding[], promised: Promised, contender: Contender): Finding {
  const found = findings.find((each) => each.promised === promised && each.contender === contender && each.found !== 'not run');
  if (found === undefined) throw new Error(`${promised} of ${contender} was not judged`);
  return found;
}
