import type { Command } from 'commander';
import { checkDeployment, type CheckOptions } from '../check-project.ts';
import { EXIT } from '../exit-codes.ts';
import { acceptanceOptions, choiceOptions, UPGRADE_CHOICES } from '../judging-options.ts';
import { destinationsOf, projectOptions, type ProjectOptions } from '../project.ts';
import { ACCEPT_LOST_ENV } from '../run-options.ts';
import { checkSummary, checkText } from '../render/check.ts';
import { bold, dim, Output } from '../terminal.ts';
import type { CheckItem } from '../../plan/check/items.ts';

interface Options extends CheckOptions {
  allDestinations?: boolean;
  json?: boolean;
}

/** `bactrian check` */
export function checkCommand(program: Command): void {
  const command = projectOptions(program.command('check').description('look at project and hosts for all that an upgrade would stumble over; changes nothing'))
    .option('-h, --hosts <hosts>', 'only these hosts, separated by commas, wildcards with *')
    .option('-r, --roles <roles>', 'only these roles, separated by commas, wildcards with *')
    .option('-p, --primary', 'only the primary host')
    .option('-H, --skip-hooks', "don't run the hook pre-connect where hosts aren't reached")
    .option('--version <version>', 'as an upgrade that boots this version of the app');
  acceptanceOptions(choiceOptions(command, UPGRADE_CHOICES))
    .option('--accept-lost-env', ACCEPT_LOST_ENV)
    .option('--all-destinations', 'deploy.yml and every deploy.<destination>.yml beside it')
    .option('--offline', 'only the project: no host is looked at')
    .option('--json', 'as JSON: a list of { id, level: ok|warn|fail, where, what, fix }')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      process.exitCode = await check(options);
    });
}

const HELP = `
✓ is as it should be, ! somebody may want to know, ✗ an upgrade would refuse or break. The exit code is 0 without a ✗,
3 with one, 2 when the configuration can't be read. Options that upgrade has, too, mean the same: what is accepted there is
accepted here. A project of Kamal 1 is looked at as \`bactrian convert\` would leave it.`;

async function check(options: Options): Promise<number> {
  const out = new Output(options);
  if (!options.offline) out.tell(dim('Looking at the project and its hosts …'));
  const all: CheckItem[] = [];
  let unreadable = false;
  for (const destination of destinations(options)) {
    const checked = await checkDeployment({ ...options, destination }, (line) => out.tell(line));
    if (options.allDestinations && destination === undefined && checked.needsDestination) continue;
    unreadable ||= checked.unreadable;
    if (options.allDestinations) out.say(`\n${bold(`== ${destination ?? '(no destination)'}`)}`);
    const text = checkText(checked.items, options);
    if (text !== '') out.say(`\n${text}`);
    all.push(...checked.items.map((item) => (options.allDestinations ? { ...item, where: `${destination ?? '(no destination)'}: ${item.where}` } : item)));
  }
  out.say(`\n${checkSummary(all, options)}`);
  out.result(all);
  if (unreadable) return EXIT.usage;
  return all.some(({ level }) => level === 'fail') ? EXIT.refused : EXIT.ok;
}

/** Each destination is a deployment of its own. */
function destinations(options: ProjectOptions & { allDestinations?: boolean }): (string | undefined)[] {
  return options.allDestinations ? [undefined, ...destinationsOf(options)] : [options.destination];
}
