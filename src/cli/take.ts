import type { Client } from '@temporalio/client';
import type { Direction } from '../../workflows/types.ts';
import type { Secrets } from '../kamal/index.ts';
import { isDone, type FleetPlan } from '../plan/plan.ts';
import { projectState } from '../temporal/state.ts';
import { askFor } from './confirm.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { exitOf } from './exit-of.ts';
import { failureRules } from './failure-options.ts';
import { follow } from './follow.ts';
import { untilInterrupted } from './interrupt.ts';
import { staleLock } from './locks.ts';
import { afterPreConnect, byPreConnect } from './pre-connect.ts';
import type { FleetProbe } from './probe-fleet.ts';
import type { EitherProject } from './project.ts';
import { lostEnv, renderPlan, renderRefusals } from './render/plan.ts';
import { renderResult } from './render/result.ts';
import { runOptions, type StartOptions, type UpgradeOnly } from './run-options.ts';
import { openSession, reviveWorker, startWorker } from './session.ts';
import { alreadyRunning, startRun } from './start-run.ts';
import { bold, cyan, dim, green, red, yellow, type Output } from './terminal.ts';
import { count } from './values.ts';

/** One way to take a fleet: what differs by the direction. */
export interface Way<Probe extends FleetProbe> {
  direction: Direction;
  project: EitherProject;
  secrets: Secrets;
  /** The hosts of the run, in its order. */
  hosts: readonly string[];
  /** Worth knowing before anything else. */
  warnings: readonly string[];
  probe(): Promise<Probe>;
  plan(probe: Probe): FleetPlan;
  own: UpgradeOnly & { importCertificates: boolean };
  /** Said when all is done. */
  farewell: string;
}

/**
 * Takes a fleet one way: looks at it, shows the plan, asks, starts the run and follows it to its end.
 *
 * @returns the exit code
 * @throws CommandError when the run isn't started
 */
export async function take<Probe extends FleetProbe>(out: Output, options: StartOptions, way: Way<Probe>): Promise<number> {
  const { project, direction, own } = way;
  const { deployment } = project;
  for (const warning of way.warnings) out.tell(`${yellow('!')} ${warning}`);

  const session = await openSession(project, { withWorker: false });
  try {
    if (await isRunning(session.client, project.workflowId)) throw alreadyRunning(project, session);
    if (way.hosts.length === 0) throw new CommandError(EXIT.usage, 'no host is selected: nothing to do', 'look at -h and -r, and at `servers:`');
    out.tell(dim(`Looking at ${count(way.hosts.length, 'host')} …`));
    const lookedAt = Date.now();
    // A worker that has to be started does so while hosts are looked at, or a person reads; how that went matters later.
    let worker = null as Promise<void> | null;
    const summonWorker = () => (worker ??= startWorker(project, session)).catch(() => undefined);
    if (options.confirmed && !options.dryRun) void summonWorker();
    const { probe, hookRan } = await byPreConnect(() => way.probe(), { project, hosts: way.hosts, secrets: way.secrets, skipHooks: options.skipHooks === true, say: (line) => out.tell(line) });
    if (probe.unreachable.length > 0) throw unreachable(probe, project, hookRan);
    const { strategy, accessories } = options;
    const plan = way.plan(probe);
    out.tell(renderPlan(plan, { name: deployment.name, direction, strategy, rolling: options.rolling === true, accessories, approve: options.approve }));
    if (plan.refusals.length > 0) throw new CommandError(EXIT.refused, renderRefusals(plan.refusals));
    const rules = failureRules(options, plan.hosts.map((host) => ({ host: host.host, primary: host.roles.some((role) => role.primary), done: isDone(host) })), options.confirmed === true);
    const takeOver = await staleLock(session, project, probe.facts, options.lockWait === true);
    if (options.dryRun) {
      out.result(plan);
      return EXIT.ok;
    }
    void summonWorker();
    const lost = lostEnv(plan);
    if (lost.length > 0 && !options.acceptLostEnv) {
      out.say([`${red('!')} ${bold('Variables that the app has now and will not have:')}`, ...lost.map((line) => `  ${line}`)].join('\n'));
      await askFor('Go on without them?', '--accept-lost-env');
    }
    if (!options.confirmed) await askFor(`${direction === 'upgrade' ? 'Upgrade' : 'Downgrade'} ${deployment.name} on ${count(plan.hosts.length, 'host')}?`, '-y');

    await worker;
    const { dir } = await projectState(project.dir);
    out.detail(`task queue ${session.taskQueue}; state, logs and reports of this project: ${dir}`);
    const { importCertificates, ...ownOptions } = own;
    const started = await startRun(project, session, plan, runOptions(options, rules, ownOptions), { direction, takeOverLockOf: takeOver, lookedAt, skipHooks: options.skipHooks === true, importCertificates });
    out.tell(`Run ${bold(started.run)}${started.url ? `  ${cyan(started.url)}` : ''}`);
    if (options.detach) {
      out.say(`It goes on by itself. Follow it with ${cyan('bactrian watch')}, ask with ${cyan('bactrian status')}.`);
      out.result(started);
      return EXIT.ok;
    }
    const result = await untilInterrupted((signal) => follow(session, { workflowId: started.workflowId, runId: started.runId, say: (line) => out.tell(line), revive: () => reviveWorker(project, session), signal }));
    if (result === null) {
      out.say(`\nStopped following; the run ${bold('goes on')}. Follow it again with ${cyan('bactrian watch')}; stop it with ${cyan('bactrian abort')}.`);
      return EXIT.detached;
    }
    out.say(renderResult(result));
    if (result.outcome === 'done') out.say(green(`✓ ${deployment.name} ${way.farewell}`));
    if (started.url) out.say(dim(started.url));
    out.result(result);
    return exitOf(result);
  } finally {
    await session.connection.close();
  }
}

/** Why nothing is begun when hosts can't be looked at. */
export function unreachable({ unreachable: hosts }: Pick<FleetProbe, 'unreachable'>, { snapshot }: EitherProject, hookRan: boolean): CommandError {
  return new CommandError(
    EXIT.refused,
    [
      ...hosts.flatMap(({ message, hint }) => [`${red('✗')} ${message}`, `  ${dim(hint)}`]),
      ...(hosts.some(({ noWay }) => noWay) ? afterPreConnect(snapshot, hookRan) : []).map((line) => dim(line)),
      '',
      'Nothing was changed on any host.',
    ].join('\n'),
  );
}

async function isRunning(client: Client, workflowId: string): Promise<boolean> {
  return await client.workflow.getHandle(workflowId).describe().then((description) => description.status.name === 'RUNNING', () => false);
}
