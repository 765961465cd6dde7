import { existsSync, readFileSync } from 'node:fs';
import Table from 'cli-table3';
import type { Failure, FleetResult, HostRecord, HostResult } from '../../../workflows/types.ts';
import { METER } from '../../../workflows/measured.ts';
import { bold, dim, green, red, yellow } from '../terminal.ts';

const OUTCOME: Record<HostResult['outcome'], (text: string) => string> = { done: green, unchanged: dim, 'put back': yellow, stuck: red };

/** The end of a run: a line a host, then what went wrong and what to do. */
export function renderResult(result: FleetResult): string {
  const table = new Table({ head: ['host', 'outcome', 'steps', 'time'], style: { head: [], border: [] } });
  for (const host of result.hosts) {
    const outcome = host.alreadyThere ? 'already there, nothing restarted' : host.outcome;
    const steps = [...host.steps, ...result.accessories.filter((each) => each.host === host.host).flatMap((each) => each.steps)];
    table.push([host.host, OUTCOME[host.outcome](outcome), steps.map(stepText).join('\n'), steps.map((step) => seconds(step.startedAt, step.endedAt)).join('\n')]);
  }
  return [table.toString(), ...(result.failure ? [renderFailure(result.failure)] : [])].join('\n');
}

const WATCHED = new RegExp(`^(${METER}|soak )`);

function stepText(step: HostRecord['steps'][number]): string {
  const mark = { running: '…', done: green('✓'), failed: red('✗'), undone: yellow('↩') }[step.state];
  // What a host's clients noticed is worth more than how long it was watched.
  return `${mark} ${step.name}${WATCHED.test(step.name) ? `: ${step.notes.join('; ')}` : ''}`;
}

export function seconds(startedAt: number, endedAt: number | null): string {
  return endedAt === null ? '' : `${((endedAt - startedAt) / 1000).toFixed(1)} s`;
}

/** A failure with what the host said last, where that is kept on this machine, and what to do next. */
export function renderFailure(failure: Failure): string {
  return [
    '',
    `${red('✗')} ${bold(failure.step)}: ${failure.message} ${dim(`(${failure.type})`)}`,
    ...lastWords(failure.logFile),
    ...(failure.hint ? [`  ${failure.hint}`] : []),
  ].join('\n');
}

/** The log stays on the worker's machine; when that is this one, its end is worth more than its name. */
function lastWords(logFile: string | null): string[] {
  if (logFile === null) return [];
  const where = dim(`  log: ${logFile}`);
  if (!existsSync(logFile)) return [dim(`  log, on the worker's machine: ${logFile}`)];
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').filter((line) => !line.startsWith('@'));
  return [...folded(lines).slice(-12).map((line) => dim(`  │ ${line}`)), where];
}

/** An app that says the same again and again says it once here. */
function folded(lines: string[]): string[] {
  const out: { line: string; times: number }[] = [];
  for (const line of lines) {
    const last = out.at(-1);
    if (last?.line === line) last.times += 1;
    else out.push({ line, times: 1 });
  }
  return out.map(({ line, times }) => (times > 1 ? `${line}  (${times} times)` : line));
}
