import type { Command } from 'commander';
import { ConfigError, problemsInUse } from '../../kamal/index.ts';
import { planUpgrade } from '../../plan/plan.ts';
import { acceptanceOptions, provesHandover, refusalOptions, UPGRADE_CHOICES, type JudgingOptions } from '../judging-options.ts';
import { probeFleet } from '../probe-fleet.ts';
import { openProject, openSecrets, warningsOf } from '../project.ts';
import { startOptions, type StartOptions } from '../run-options.ts';
import { take } from '../take.ts';
import { Output } from '../terminal.ts';
import { wholeNumber } from '../values.ts';

interface UpgradeOptions extends StartOptions, JudgingOptions {
  pause: boolean;
  maxPause: number;
}

/** `bactrian upgrade` */
export function upgradeCommand(program: Command): void {
  const command = program.command('upgrade').description('take the fleet from Kamal 1 to Kamal 2: probe, show the plan, ask, and follow the run to its end');
  startOptions(command, UPGRADE_CHOICES, (own) =>
    acceptanceOptions(own)
      .option('--max-pause <seconds>', 'hold requests for at most this long while an accessory reboots', wholeNumber, 30)
      .option('--no-pause', 'let requests fail while an accessory reboots, instead of holding them'),
  )
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
  const project = await openProject(options);
  const { deployment, snapshot } = project;
  const secrets = await openSecrets(project);
  // What Kamal would find missing in the midst of a run is told before anything else happens.
  const problems = await problemsInUse(snapshot, secrets, { projectDir: project.dir, env: process.env, version: 'the running one' });
  if (problems.length > 0) throw new ConfigError(problems);
  const { accessories, importCertificates, acceptAnswers, acceptUnreachable, probeUrl: probeUrls } = options;
  return await take(new Output(options), options, {
    direction: 'upgrade',
    project,
    secrets,
    hosts: deployment.hosts,
    warnings: warningsOf(project, secrets),
    probe: () => probeFleet(project, secrets, { probeUrls, accessories, prove: provesHandover(options) }),
    plan: ({ facts }) => planUpgrade(snapshot, deployment, secrets, facts, refusalOptions(options, { version: options.version, waitForLock: options.lockWait === true })),
    own: { pullAccessories: options.pullAccessories === true, maxPauseSeconds: options.pause ? options.maxPause : null, acceptAnswers, probeUrls, acceptUnreachable, importCertificates },
    farewell: 'is on Kamal 2. From here on: kamal 2, with this configuration.',
  });
}
