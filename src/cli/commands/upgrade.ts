import type { Command } from 'commander';
import { ConfigError, problemsInUse } from '../../kamal/index.ts';
import { planUpgrade } from '../../plan/plan.ts';
import { probeFleet } from '../probe-fleet.ts';
import { openProject, openSecrets, warningsOf } from '../project.ts';
import { startOptions, type StartOptions } from '../run-options.ts';
import { take } from '../take.ts';
import { Output } from '../terminal.ts';
import { probeUrl, wholeNumber } from '../values.ts';

interface UpgradeOptions extends StartOptions {
  pullAccessories?: boolean;
  pause: boolean;
  maxPause: number;
  allowIssuance?: boolean;
  importCertificates: boolean;
  acceptAnswers: string[];
  probeUrl: string[];
  acceptUnreachable: string[];
}

/** `bactrian upgrade` */
export function upgradeCommand(program: Command): void {
  const command = program.command('upgrade').description('take the fleet from Kamal 1 to Kamal 2: probe, show the plan, ask, and follow the run to its end');
  startOptions(
    command,
    {
      strategies: ['auto', 'handover', 'swap', 'kamal'],
      strategyHelp: 'how the old proxy makes place for the new one: by handover where a host can do it, else by swap; or Kamal\'s own order',
      accessories: ['reboot', 'join', 'skip'],
      accessoriesHelp: 'reboot them in the new network, only join them to it, or leave them alone',
    },
    (own) =>
      own
        .option('--pull-accessories', 'let accessories start from a newer image of the same name')
        .option('--max-pause <seconds>', 'hold requests for at most this long while an accessory reboots', wholeNumber, 30)
        .option('--no-pause', 'let requests fail while an accessory reboots, instead of holding them')
        .option('--no-import-certificates', "with ssl: true, leave the certificates that Traefik holds where they are, instead of carrying them over")
        .option('--allow-issuance', 'with ssl: true, let kamal-proxy get its certificates at the first requests')
        .option('--accept-answers <names>', 'go on though Traefik answers these requests and kamal-proxy will not; names as a refusal gives them, with commas between; parts left out stand for all of a kind: \'by ip,unknown host\'', commas, [])
        .option('--accept-unreachable <variables>', "go on though what these variables name isn't reached from the network kamal", commas, [])
        .option('--probe-url <url>', "a load balancer's own check, asked on each host before and after: it must succeed as before (may be given several times)", probeUrl, []),
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
  const { strategy, accessories, importCertificates, acceptAnswers, acceptUnreachable } = options;
  const pullAccessories = options.pullAccessories === true;
  return await take(new Output(options), options, {
    direction: 'upgrade',
    project,
    hosts: deployment.hosts,
    warnings: warningsOf(project, secrets),
    probe: () => probeFleet(project, secrets, { probeUrls: options.probeUrl, accessories, prove: strategy === 'auto' || strategy === 'handover' }),
    plan: ({ facts }) =>
      planUpgrade(snapshot, deployment, secrets, facts, {
        strategy,
        version: options.version,
        accessories,
        pullAccessories,
        allowIssuance: options.allowIssuance === true,
        importCertificates,
        now: Date.now(),
        waitForLock: options.lockWait === true,
        acceptAnswers,
        acceptUnreachable,
      }),
    own: { pullAccessories, maxPauseSeconds: options.pause ? options.maxPause : null, acceptAnswers, probeUrls: options.probeUrl, acceptUnreachable, importCertificates },
    farewell: 'is on Kamal 2. From here on: kamal 2, with this configuration.',
  });
}

function commas(text: string, before: string[]): string[] {
  return [...before, ...text.split(',').map((name) => name.trim()).filter((name) => name !== '')];
}
