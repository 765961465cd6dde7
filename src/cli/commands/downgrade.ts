import type { Command } from 'commander';
import { ConfigError, kamal1 } from '../../kamal/index.ts';
import { planDowngrade, wayBackHosts } from '../../plan/way-back.ts';
import { probeWayBack } from '../probe-fleet.ts';
import { openKamal1Project, openKamal1Secrets } from '../project.ts';
import { startOptions, type StartOptions } from '../run-options.ts';
import { take } from '../take.ts';
import { Output } from '../terminal.ts';

interface DowngradeOptions extends StartOptions {
  fromGit?: string;
}

/** `bactrian downgrade` */
export function downgradeCommand(program: Command): void {
  const command = program.command('downgrade').description('take the fleet back from Kamal 2 to Kamal 1: probe, show the plan, ask, and follow the run to its end');
  startOptions(
    command,
    {
      strategies: ['auto', 'handover', 'swap'],
      strategyHelp: 'how kamal-proxy makes place for Traefik: by handover where a host can do it, else by swap',
      accessories: ['reboot', 'skip'],
      accessoriesHelp: 'reboot them out of the network kamal, or leave them alone',
    },
    (own) => own.option('--from-git <revision>', 'the Kamal 1 configuration as it was in this commit, branch or tag; the work tree is not touched'),
  )
    .addHelpText('after', HELP)
    .action(async (options: DowngradeOptions) => {
      process.exitCode = await downgrade(options);
    });
}

const HELP = `
Needs the configuration of Kamal 1, from a file or from a commit. Its secrets come from .env files and the environment;
names that are not there are looked up in .kamal/secrets. Until a host's last step everything of Kamal 2 is still there,
stopped: a failure, a rejection or a cancellation puts the host back.

Examples:
  bactrian downgrade --from-git v1-last      the configuration as it was in that commit
  bactrian downgrade -c config/deploy.kamal1.yml
  bactrian downgrade --rolling -y            one by one, without asking`;

async function downgrade(options: DowngradeOptions): Promise<number> {
  const project = await openKamal1Project(options, options.fromGit);
  const { deployment, snapshot } = project;
  const secrets = await openKamal1Secrets(project);
  const problems = await kamal1.kamal1ProblemsInUse(snapshot, secrets, { projectDir: project.dir, env: process.env, version: 'the running one' });
  if (problems.length > 0) throw new ConfigError(problems);
  const { strategy, accessories, version } = options;
  return await take(new Output(options), options, {
    direction: 'downgrade',
    project,
    hosts: wayBackHosts(deployment, snapshot.selection),
    warnings: snapshot.warnings,
    probe: () => probeWayBack(project, secrets, { prove: strategy !== 'swap' }),
    plan: ({ facts, proxyServices }) => planDowngrade(snapshot, deployment, secrets, facts, { strategy, accessories, version, proxyServices, waitForLock: options.lockWait === true }),
    // Traefik can hold no requests, and there is nothing of kamal-proxy's that would have to be carried over.
    own: { pullAccessories: false, maxPauseSeconds: null, acceptAnswers: [], probeUrls: [], acceptUnreachable: [], importCertificates: false },
    farewell: 'is on Kamal 1. From here on: kamal 1.9, with this configuration.',
  });
}
