import { measured } from './measured.ts';
import type { FleetRecord, HostRecord, StepRecord } from './types.ts';

/*
 * The Markdown that the Temporal UI shows on a run's page. Pure: a function of the record.
 */

const MARK: Record<StepRecord['state'], string> = { running: '…', done: '✓', failed: '✗', undone: '↩' };

/** The page of one host: its steps with their times. */
export function hostDetails(record: HostRecord): string {
  const rows = record.steps.map(
    (step) => `| ${MARK[step.state]} | ${cell(step.name)} | ${seconds(step)} | ${cell(step.notes.join('; '))} |`,
  );
  return [
    `**${record.host}** is *${record.phase}*`,
    '',
    ...(rows.length > 0 ? ['| | step | time | |', '| --- | --- | ---: | --- |', ...rows] : []),
    ...(record.failure ? ['', `**${record.failure.type}** in *${record.failure.step}*: ${cell(record.failure.message)}`] : []),
  ].join('\n');
}

/** The page of the run: its hosts, and what it waits for with the command that answers. */
export function fleetDetails(record: FleetRecord, workflowId: string): string {
  return [
    `Run \`${record.run}\` is *${record.phase}*`,
    '',
    '| host | | from outside |',
    '| --- | --- | --- |',
    ...record.hosts.map((host) => `| ${host.host} | ${host.phase} | ${cell(seenOf(record, host.host))} |`),
    ...(record.gate
      ? [
          '',
          `Waits for approval of the gate **${record.gate.gate}-proxy-reboot** (${record.gate.hosts.join(', ')}):`,
          '',
          `    bactrian approve ${record.gate.gate}`,
          `    temporal workflow signal --workflow-id '${workflowId}' --name approve`,
          '',
          'or send the signal `approve` (or `reject`) from this page.',
        ]
      : []),
    ...(record.question
      ? ['', `**Needs you** (${record.question.where}): ${cell(record.question.failure.message)}`, '', ...record.question.choices.map((choice) => `    bactrian resume --${choice}`)]
      : []),
    ...(record.failure ? ['', `**${record.failure.type}** in *${record.failure.step}*: ${cell(record.failure.message)}`] : []),
  ].join('\n');
}

/** What clients noticed of a host, once the run is over. */
function seenOf(record: FleetRecord, host: string): string {
  const meter = record.result?.hosts.find((each) => each.host === host)?.meter;
  return meter ? measured(meter) : '';
}

function seconds(step: StepRecord): string {
  return step.endedAt === null ? '' : `${((step.endedAt - step.startedAt) / 1000).toFixed(1)} s`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
