import { WorkflowNotFoundError } from '@temporalio/client';
import Table from 'cli-table3';
import type { Command } from 'commander';
import { runUrl } from '../../temporal/connection.ts';
import { resultOf } from '../follow.ts';
import { EXIT } from '../exit-codes.ts';
import { runNameOf } from '../locks.ts';
import { lookAtFleet } from '../look-at-hosts.ts';
import { openProject, projectOptions, type ProjectOptions } from '../project.ts';
import { renderFailure, renderResult } from '../render/result.ts';
import { isOdd, renderStanding } from '../render/standing.ts';
import { lookAtRun, type RunView } from '../run-view.ts';
import { openSession, type Session } from '../session.ts';
import { bold, cyan, dim, Output, yellow } from '../terminal.ts';
import { count } from '../values.ts';
import { noRun } from './watch.ts';

/** `bactrian status` */
export function statusCommand(program: Command): void {
  projectOptions(program.command('status').description('where the run stands, host by host; with --hosts, how the hosts themselves stand now'))
    .option('-h, --hosts [hosts]', 'look at the hosts now, at all or at these (separated by commas, wildcards with *): generation, versions, proxies, and what is odd')
    .option('-r, --roles <roles>', 'with --hosts: only these roles, separated by commas, wildcards with *')
    .option('--json', 'as JSON, for scripts')
    .addHelpText('after', HELP)
    .action(async (options: StatusOptions) => {
      process.exitCode = await (options.hosts === undefined && options.roles === undefined ? status(options) : hosts(options));
    });
}

interface StatusOptions extends Omit<ProjectOptions, 'hosts'> {
  /** True: all of them. */
  hosts?: string | true;
  json?: boolean;
}

const HELP = `
--hosts changes nothing, and needs neither a run nor a Temporal server. Exit code 0: each host is in one generation and nothing
is odd; 1: something is (✗ clients get no good answer, ! half way or left behind), or a host could not be looked at.`;

async function hosts({ hosts: which, ...options }: StatusOptions): Promise<number> {
  const out = new Output(options);
  const standing = await lookAtFleet({ ...options, hosts: which === true ? undefined : which }, (number) => out.tell(dim(`Looking at ${count(number, 'host')} …`)));
  out.say(renderStanding(standing));
  out.result(standing);
  return isOdd(standing) ? EXIT.failed : EXIT.ok;
}

async function status({ hosts: _all, ...options }: StatusOptions): Promise<number> {
  const out = new Output(options);
  const project = await openProject(options);
  const session = await openSession(project, { withWorker: false });
  const { workflowId } = project;
  try {
    const description = await session.client.workflow.getHandle(workflowId).describe();
    const open = description.status.name === 'RUNNING';
    const url = runUrl(session, { workflowId, runId: description.runId });
    out.say(`${bold(project.deployment.name)}  run ${runNameOf(description)}  ${open ? cyan('in progress') : description.status.name.toLowerCase()}`);
    if (url) out.say(dim(url));
    if (!open) {
      const result = await resultOf(session, workflowId, description.runId);
      out.say(renderResult(result));
      out.result({ workflowId, open, status: description.status.name, url, result });
      return EXIT.ok;
    }
    const polled = await hasWorker(session);
    const view = await lookAtRun(session, workflowId, description.runId);
    if (view) out.say(renderView(view));
    if (!polled) out.say(`${yellow('!')} no worker is polling ${session.taskQueue}: the run stands still until one does (\`bactrian watch\` starts it here)`);
    else if (!view) out.say(`${yellow('!')} the worker does not answer just now`);
    out.result({ workflowId, open, status: description.status.name, url, worker: polled, ...view });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw noRun(project.deployment.name);
    throw error;
  } finally {
    await session.connection.close();
  }
}

/** True when a worker has asked the task queue for work lately. */
export async function hasWorker({ connection, namespace, taskQueue }: Session): Promise<boolean> {
  const answer = await connection.workflowService.describeTaskQueue({ namespace, taskQueue: { name: taskQueue }, taskQueueType: 1 });
  const newest = Math.max(0, ...(answer.pollers ?? []).map((poller) => Number(poller.lastAccessTime?.seconds ?? 0)));
  // A long poll lasts a minute: a poller seen since then may still wait.
  return Date.now() / 1000 - newest < 70;
}

function renderView(view: RunView): string {
  const table = new Table({ head: ['host', 'phase', 'now'], style: { head: [], border: [] } });
  for (const { host, phase } of view.record.hosts) {
    const step = view.hosts.filter((each) => each.host === host).flatMap((each) => each.steps).findLast(() => true);
    const retry = view.retries.find((each) => each.host === host);
    table.push([host, phase, [step?.state === 'running' ? step.name : '', retry ? `attempt ${retry.attempt}: ${retry.message}` : ''].filter(Boolean).join('\n')]);
  }
  const { gate, question, failure } = view.record;
  return [
    `phase: ${view.record.phase}`,
    table.toString(),
    ...(gate ? [`${yellow('?')} waits for approval: ${cyan(`bactrian approve ${gate.gate}`)} or ${cyan(`bactrian reject ${gate.gate}`)}`] : []),
    ...(question ? [`${yellow('?')} needs you (${question.where}): ${question.failure.message}`, `  ${question.choices.map((choice) => cyan(`bactrian resume --${choice}`)).join(' or ')}`] : []),
    ...(failure ? [renderFailure(failure)] : []),
  ].join('\n');
}
