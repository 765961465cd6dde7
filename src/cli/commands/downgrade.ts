import { Option, type Command } from 'commander';
import { ConfigError, kamal1 } from '../../kamal/index.ts';
import { planDowngrade, wayBackHosts } from '../../plan/way-back.ts';
import { probeWayBack } from '../probe-fleet.ts';
import { startOptions, type StartOptions } from '../run-options.ts';
import { take } from '../take.ts';
import { Output } from '../terminal.ts';
import { openWayBack } from '../way-back-source.ts';

interface DowngradeOptions extends StartOptions {
  fromGit?: string;
  fromSnapshot?: boolean;
  importCertificates: boolean;
  allowIssuance?: boolean;
}

/** `bactrian downgrade` */
export function downgradeCommand(program: Command): void {
  const command = program.command('downgrade').description('take the fleet back from Kamal 2 to Kamal 1: probe, show the plan, ask, and follow the run to its end');
  startOptions(
    command,
    {
      strategies: ['auto', 'handover', 'swap', 'kamal'],
      strategyHelp: "how kamal-proxy makes place for Traefik: by handover where a host can do it, else by swap; or Kamal's own order",
      accessories: ['reboot', 'skip'],
      accessoriesHelp: 'reboot them out of the network kamal, or leave them alone',
    },
    (own) =>
      own
        .addOption(new Option('--from-git <revision>', 'the Kamal 1 configuration as it was in this commit, branch or tag; the work tree is not touched').conflicts('fromSnapshot'))
        .option('--from-snapshot', 'no Kamal 1 configuration: make one of what the upgrade wrote down on the hosts, and of the Kamal 2 configuration (the default where that is all there is)')
        .option('--no-import-certificates', 'leave the certificates that kamal-proxy has got or renewed where they are, instead of carrying them over to Traefik')
        .option('--allow-issuance', 'let Traefik get certificates that nobody has yet'),
  )
    .addHelpText('after', HELP)
    .action(async (options: DowngradeOptions) => {
      process.exitCode = await downgrade(options);
    });
}

const HELP = `
Where the project is one of Kamal 2, Kamal 1's state is rebuilt from what the upgrade wrote down on the hosts, for the version
that runs now; variables come from the Kamal 2 configuration and .kamal/secrets. With a configuration of Kamal 1, from a
file or a commit, that one counts: its secrets come from .env files and the environment, and from .kamal/secrets.
Until a host's last step everything of Kamal 2 is still there, stopped: a failure, a rejection or a cancellation puts
the host back.

Examples:
  bactrian downgrade                         from what is written down on the hosts
  bactrian downgrade --from-git v1-last      the configuration as it was in that commit
  bactrian downgrade -c config/deploy.kamal1.yml
  bactrian downgrade --rolling -y            one by one, without asking`;

async function downgrade(options: DowngradeOptions): Promise<number> {
  const out = new Output(options);
  const { project, secrets, records, notes, farewell } = await openWayBack(options, (line) => out.tell(line));
  const { deployment, snapshot } = project;
  const problems = await kamal1.kamal1ProblemsInUse(snapshot, secrets, { projectDir: project.dir, env: process.env, version: 'the running one' });
  if (problems.length > 0) throw new ConfigError(problems);
  const { strategy, accessories, version, importCertificates } = options;
  return await take(out, options, {
    direction: 'downgrade',
    project,
    secrets,
    hosts: wayBackHosts(deployment, snapshot.selection),
    warnings: [...snapshot.warnings, ...notes],
    probe: () => probeWayBack(project, secrets, { prove: strategy === 'auto' || strategy === 'handover' }),
    plan: ({ facts, proxyServices }) => planDowngrade(snapshot, deployment, secrets, facts, { strategy, accessories, version, proxyServices, records, waitForLock: options.lockWait === true, importCertificates, allowIssuance: options.allowIssuance === true, now: Date.now() }),
    // Traefik can hold no requests.
    own: { pullAccessories: false, maxPauseSeconds: null, acceptAnswers: [], probeUrls: [], acceptUnreachable: [], importCertificates },
    farewell,
  });
}
