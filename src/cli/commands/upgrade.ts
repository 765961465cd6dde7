import { InvalidArgumentError, Option, type Command } from 'commander';
import { ConfigError, problemsInUse } from '../../kamal/index.ts';
import type { AccessoryMode, Gate, RunOptions, StrategyWish } from '../../../workflows/types.ts';
import { isDone, planUpgrade } from '../../plan/plan.ts';
import { askFor } from '../confirm.ts';
import { CommandError, EXIT } from '../exit-codes.ts';
import { exitOf } from '../exit-of.ts';
import { failureOptions, failureRules, type FailureOptions } from '../failure-options.ts';
import { follow } from '../follow.ts';
import { staleLock } from '../locks.ts';
import { probeFleet } from '../probe-fleet.ts';
import { openProject, openSecrets, projectOptions, selectionOptions, warningsOf, type ProjectOptions } from '../project.ts';
import { lostEnv, renderPlan, renderRefusals } from '../render/plan.ts';
import { renderResult } from '../render/result.ts';
import { openSession, reviveWorker, startWorker } from '../session.ts';
import { alreadyRunning, startRun } from '../start-run.ts';
import { bold, cyan, dim, green, Output, red, yellow } from '../terminal.ts';
import { count, probeUrl, wholeNumber } from '../values.ts';
import { projectState } from '../../temporal/state.ts';
import { untilInterrupted } from '../interrupt.ts';

interface UpgradeOptions extends ProjectOptions, FailureOptions {
  rolling?: boolean;
  concurrency: number;
  strategy: StrategyWish;
  accessories: AccessoryMode;
  pullAccessories?: boolean;
  pause: boolean;
  maxPause: number;
  approve: Gate[];
  approvalTimeout: number;
  hooksIdempotent?: boolean;
  lockWait?: boolean;
  lockWaitTimeout: number;
  lockWaitInterval: number;
  allowIssuance?: boolean;
  importCertificates: boolean;
  acceptLostEnv?: boolean;
  acceptAnswers: string[];
  probeUrl: string[];
  acceptUnreachable: string[];
  confirmed?: boolean;
  detach?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

/** `bactrian upgrade` */
export function upgradeCommand(program: Command): void {
  const command = program.command('upgrade').description('take the fleet from Kamal 1 to Kamal 2: probe, show the plan, ask, and follow the run to its end');
  failureOptions(selectionOptions(projectOptions(command)))
    .option('--rolling', 'one host after the other, each finished before the next begins')
    .option('--concurrency <n>', 'hosts worked on at once when not rolling', wholeNumber, 10)
    .addOption(new Option('--strategy <name>', 'how the old proxy makes place for the new one: by handover where a host can do it, else by swap; or Kamal\'s own order').choices(['auto', 'handover', 'swap', 'kamal']).default('auto'))
    .addOption(new Option('--accessories <mode>', 'reboot them in the new network, only join them to it, or leave them alone').choices(['reboot', 'join', 'skip']).default('reboot'))
    .option('--pull-accessories', 'let accessories start from a newer image of the same name')
    .option('--max-pause <seconds>', 'hold requests for at most this long while an accessory reboots', wholeNumber, 30)
    .option('--no-pause', 'let requests fail while an accessory reboots, instead of holding them')
    .option('--approve <gates>', 'wait for approval before the hooks of these gates: pre, post or pre,post', gates, [])
    .option('--approval-timeout <seconds>', 'an unanswered gate counts as rejected after this long', wholeNumber, 7 * 24 * 3600)
    .option('--lock-wait', "wait for a deploy lock that somebody else holds, instead of ending")
    .option('--lock-wait-timeout <seconds>', 'at most this long', wholeNumber, 900)
    .option('--lock-wait-interval <seconds>', 'and look this often', wholeNumber, 15)
    .option('--hooks-idempotent', 'hooks may run again when nobody saw how they ended')
    .option('--no-import-certificates', "with ssl: true, leave the certificates that Traefik holds where they are, instead of carrying them over")
    .option('--allow-issuance', 'with ssl: true, let kamal-proxy get its certificates at the first requests')
    .option('--accept-lost-env', 'go on though variables disappear or become empty (-y does not say that)')
    .option('--accept-answers <names>', 'go on though Traefik answers these requests and kamal-proxy will not; names as a refusal gives them, with commas between', commas, [])
    .option('--accept-unreachable <variables>', "go on though what these variables name isn't reached from the network kamal", commas, [])
    .option('--probe-url <url>', "a load balancer's own check, asked on each host before and after: it must succeed as before (may be given several times)", probeUrl, [])
    .option('-y, --confirmed', "don't ask")
    .option('--detach', 'start the run and leave; `bactrian watch` follows it')
    .option('--dry-run', 'show the plan and stop')
    .option('--json', 'the result as JSON on stdout, everything else on stderr')
    .addHelpText('after', HELP)
    .action(async (options: UpgradeOptions) => {
      process.exitCode = await upgrade(options);
    });
}

const HELP = `
Until a host's last step everything of Kamal 1 is still there, stopped: a failure, a rejection or a cancellation puts
the host back. The run lives in Temporal: it goes on when this terminal, the worker or the server dies and comes back.

Examples:
  bactrian upgrade                          all hosts together, asks first
  bactrian upgrade --rolling -y             one by one, without asking
  bactrian upgrade -h 10.0.0.4 --dry-run    what would happen on one host
  bactrian upgrade --canary 10.0.0.4 --soak 10m   one host, watched, then the others
  bactrian upgrade --approve pre,post       wait for \`bactrian approve\` at both gates`;

async function upgrade(options: UpgradeOptions): Promise<number> {
  const out = new Output(options);
  const project = await openProject(options);
  const { deployment, snapshot } = project;
  const secrets = await openSecrets(project);
  // What Kamal would find missing in the midst of a run is told before anything else happens.
  const problems = await problemsInUse(snapshot, secrets, { projectDir: project.dir, env: process.env, version: 'the running one' });
  if (problems.length > 0) throw new ConfigError(problems);
  for (const warning of warningsOf(project, secrets)) out.tell(`${yellow('!')} ${warning}`);

  const session = await openSession(project, { withWorker: false });
  try {
    if (await isRunning(session.client, project.workflowId)) throw alreadyRunning(project, session);
    if (deployment.hosts.length === 0) throw new CommandError(EXIT.usage, 'no host is selected: nothing to do', 'look at -h and -r, and at `servers:`');
    out.tell(dim(`Looking at ${count(deployment.hosts.length, 'host')} …`));
    const probe = await probeFleet(project, secrets, { probeUrls: options.probeUrl, accessories: options.accessories, prove: options.strategy === 'auto' || options.strategy === 'handover' });
    if (probe.unreachable.length > 0) {
      throw new CommandError(
        EXIT.refused,
        [
          ...probe.unreachable.flatMap(({ message, hint }) => [`${red('✗')} ${message}`, `  ${dim(hint)}`]),
          ...(snapshot.hooks.present.includes('pre-connect') ? [dim('The plan looks at the hosts before the run calls the hook pre-connect: if that opens the way to them, run it by hand first.')] : []),
          '',
          'Nothing was changed on any host.',
        ].join('\n'),
      );
    }
    const { strategy, accessories } = options;
    const plan = planUpgrade(snapshot, deployment, secrets, probe.facts, {
      strategy,
      version: options.version,
      accessories,
      pullAccessories: options.pullAccessories === true,
      allowIssuance: options.allowIssuance === true,
      importCertificates: options.importCertificates,
      now: Date.now(),
      waitForLock: options.lockWait === true,
      acceptAnswers: options.acceptAnswers,
      acceptUnreachable: options.acceptUnreachable,
    });
    out.tell(renderPlan(plan, { name: deployment.name, strategy, rolling: options.rolling === true, accessories, approve: options.approve }));
    if (plan.refusals.length > 0) throw new CommandError(EXIT.refused, renderRefusals(plan.refusals));
    const rules = failureRules(options, plan.hosts.map((host) => ({ host: host.host, primary: host.roles.some((role) => role.primary), done: isDone(host) })), options.confirmed === true);
    const takeOver = await staleLock(session, project, probe.facts, options.lockWait === true);
    if (options.dryRun) {
      out.result(plan);
      return EXIT.ok;
    }
    const lost = lostEnv(plan);
    if (lost.length > 0 && !options.acceptLostEnv) {
      out.say([`${red('!')} ${bold('Variables that the app has now and will not have:')}`, ...lost.map((line) => `  ${line}`)].join('\n'));
      await askFor('Go on without them?', '--accept-lost-env');
    }
    if (!options.confirmed) await askFor(`Upgrade ${deployment.name} on ${count(plan.hosts.length, 'host')}?`, '-y');

    await startWorker(project, session);
    const { dir } = await projectState(project.dir);
    out.detail(`task queue ${session.taskQueue}; state, logs and reports of this project: ${dir}`);
    const started = await startRun(project, session, plan, runOptions(options, rules), { takeOverLockOf: takeOver, skipHooks: options.skipHooks === true, importCertificates: options.importCertificates });
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
    if (result.outcome === 'done') out.say(green(`✓ ${deployment.name} is on Kamal 2. From here on: kamal 2, with this configuration.`));
    if (started.url) out.say(dim(started.url));
    out.result(result);
    return exitOf(result);
  } finally {
    await session.connection.close();
  }
}

function runOptions(options: UpgradeOptions, rules: ReturnType<typeof failureRules>): RunOptions {
  return {
    ...rules,
    strategy: options.strategy,
    rolling: options.rolling === true,
    concurrency: options.concurrency,
    accessories: options.accessories,
    pullAccessories: options.pullAccessories === true,
    maxPauseSeconds: options.pause ? options.maxPause : null,
    approve: options.approve,
    approvalTimeoutSeconds: options.approvalTimeout,
    acceptAnswers: options.acceptAnswers,
    probeUrls: options.probeUrl,
    acceptUnreachable: options.acceptUnreachable,
    hooksIdempotent: options.hooksIdempotent === true,
    lockWait: options.lockWait ? { timeout: options.lockWaitTimeout, interval: options.lockWaitInterval } : null,
  };
}

async function isRunning(client: import('@temporalio/client').Client, workflowId: string): Promise<boolean> {
  return await client.workflow.getHandle(workflowId).describe().then((description) => description.status.name === 'RUNNING', () => false);
}

function commas(text: string, before: string[]): string[] {
  return [...before, ...text.split(',').map((name) => name.trim()).filter((name) => name !== '')];
}

function gates(text: string): Gate[] {
  return text.split(',').map((gate) => {
    if (gate !== 'pre' && gate !== 'post') throw new InvalidArgumentError(`'${gate}' is no gate: pre, post or pre,post is expected`);
    return gate;
  });
}
