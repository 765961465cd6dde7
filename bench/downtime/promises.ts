import { clientKinds } from './measured.ts';
import { counts, ratio } from './figures.ts';
import type { Entry, RowResult } from './figures.ts';
import type { Contender, Row } from './rows.ts';

/** What bactrian promises of its own upgrades, as far as a benchmark can tell. */
export type Promised = 'end' | 'no loss' | 'swap gap' | 'time' | 'commands';

/** Whether a promise was kept in one row by one strategy. */
export interface Finding {
  row: string;
  contender: Contender;
  promised: Promised;
  /** The promise in words. */
  what: string;
  standing: 'held' | 'not held' | 'not measured';
  /** What was found, or why nothing was. */
  found: string;
  /** False where there is no trial to judge by. */
  tried: boolean;
  /** Part of what was to be measured in this run: then it is a failure if it wasn't. */
  asked: boolean;
}

interface Rule {
  promised: Promised;
  what: (row: Row) => string;
  of: (row: Row, contender: Contender) => boolean;
  /** @returns whether it held, and what was found; a text alone says why that can't be told */
  judge: (entry: Entry, result: RowResult) => Verdict | string;
}

interface Verdict {
  held: boolean;
  found: string;
}

const mostOfKamalsTime = 0.7;
const mostOfKamalsCommands = 0.5;
const mostOfTheSwap = 1.5;
/** The step in which a handover waits for clients that keep their connections. */
const handing = /^hand over/;

const rules: readonly Rule[] = [
  {
    promised: 'end',
    what: ({ ends, succeeds }) => (succeeds ? `every host ends on ${ends}` : `every host is put back to ${ends}, and the exit code says so`),
    of: () => true,
    judge: ({ trials }) => {
      const there = trials.filter(({ asExpected }) => asExpected).length;
      return { held: there === trials.length, found: `${there} of ${trials.length} times` };
    },
  },
  {
    promised: 'no loss',
    what: ({ succeeds }) => (succeeds ? 'the change of proxies loses no request' : 'an app that never becomes healthy costs no request'),
    of: ({ succeeds }, contender) => contender === 'handover' || (contender === 'swap' && !succeeds),
    judge: (entry) => {
      if (!counts(entry)) return whyItDoesNotCount(entry);
      const worst = entry.trials.reduce((most, trial) => (trial.lost > most.lost ? trial : most));
      if (worst.lost === 0) return { held: true, found: `none of ${entry.trials.map(({ requests }) => requests).join(', ')}` };
      const kinds = clientKinds.flatMap((kind) => (kind !== 'accessory' && worst.byKind[kind]?.lost ? [`${worst.byKind[kind].lost} ${kind}`] : []));
      return { held: false, found: `${worst.lost} of ${worst.requests} lost (${kinds.join(', ')}): ${Object.keys(worst.reasons).join(', ')}` };
    },
  },
  {
    promised: 'swap gap',
    what: () => `longest gap under ${mostOfTheSwap} × (docker stop + docker start)`,
    of: ({ succeeds, from, goes }, contender) => contender === 'swap' && succeeds && (goes === 'downgrade' || from !== 'upgraded'),
    judge: (entry) => {
      if (!counts(entry)) return whyItDoesNotCount(entry);
      const hosts = entry.trials.flatMap(({ gaps }) => Object.values(gaps));
      const shares = hosts.flatMap(({ gapMs, swapMs }) => (swapMs === undefined ? [] : [{ gapMs, swapMs, share: gapMs / swapMs }]));
      if (shares.length < hosts.length || shares.length === 0) return 'a host did not say how long its stop and start took';
      const { gapMs, swapMs, share } = shares.reduce((most, each) => (each.share > most.share ? each : most));
      return { held: share < mostOfTheSwap, found: `${share.toFixed(2)} × (${gapMs} ms of ${swapMs} ms)` };
    },
  },
  {
    promised: 'time',
    what: () => `at most ${mostOfKamalsTime} × real Kamal's time`,
    of: ({ timed, by }, contender) => timed && contender !== 'kamal' && by.includes('real Kamal'),
    judge: ({ contender, trials }, result) => {
      const share = ratio(result, contender)?.wall;
      if (share === undefined) return 'real Kamal did not take part';
      return { held: share <= mostOfKamalsTime, found: `${share.toFixed(2)} ×${contender === 'handover' ? handingOver(trials) : ''}` };
    },
  },
  {
    promised: 'commands',
    what: () => "fewer than half of real Kamal's commands",
    of: ({ succeeds, by }, contender) => succeeds && contender !== 'kamal' && by.includes('real Kamal'),
    judge: ({ contender }, result) => {
      const share = ratio(result, contender)?.commands;
      if (share === undefined) return 'real Kamal did not take part';
      return { held: share < mostOfKamalsCommands, found: `${share.toFixed(2)} ×` };
    },
  },
];

/**
 * Holds results against what bactrian promises.
 * @param rows all there are: what wasn't measured is said, too
 * @param asked whether a contender in a row was to be measured
 * @param failures why something that was asked for was not measured, by row and contender
 */
export function findingsOf(
  results: readonly RowResult[],
  rows: readonly Row[],
  asked: (row: Row, contender: Contender) => boolean,
  failures: readonly { row: string; contender: Contender; message: string }[] = [],
): Finding[] {
  return rows.flatMap((row) =>
    row.by.flatMap((contender) => {
      if (contender === 'real Kamal') return [];
      const result = results.find((each) => each.row.name === row.name);
      const entry = result?.entries.find((each) => each.contender === contender);
      const failed = failures.find((each) => each.row === row.name && each.contender === contender);
      const tried = entry !== undefined;
      return rules
        .filter((rule) => rule.of(row, contender))
        .map((rule): Finding => {
          const about = { row: row.name, contender, promised: rule.promised, what: rule.what(row), tried, asked: asked(row, contender) };
          const verdict = result === undefined || entry === undefined ? (failed?.message.split('\n')[0] ?? 'not run') : rule.judge(entry, result);
          if (typeof verdict === 'string') return { ...about, standing: 'not measured', found: verdict };
          return { ...about, standing: verdict.held ? 'held' : 'not held', found: verdict.found };
        });
    }),
  );
}

/** What makes the benchmark fail: promises that were not kept, and such that were to be judged and could not be. */
export function failing(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ standing, asked }) => standing === 'not held' || (standing === 'not measured' && asked));
}

function whyItDoesNotCount({ controls }: Entry): string {
  const sent = controls.map(({ requests, due }) => `${requests} of ${due}`).join(', ');
  return controls.some(({ lost }) => lost > 0) ? `without an upgrade, too, the load lost ${controls.map(({ lost }) => lost).join(', ')}` : `this machine is too busy for the load: ${sent} requests were sent without an upgrade`;
}

/** How much of a handover's time is waiting for connections, which are closed by nobody else's wish. */
function handingOver(trials: Entry['trials']): string {
  const longest = trials.map(({ steps }) => Math.max(0, ...Object.values(steps).map((host) => Object.entries(host).reduce((sum, [name, { from, to }]) => (handing.test(name) ? sum + to - from : sum), 0))));
  return `; up to ${Math.max(...longest).toFixed(1)} s of it a host's handing over, clients that keep connections included`;
}
