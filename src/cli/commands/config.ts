import type { Command } from 'commander';
import { ConfigError, configJson, configText, describeProblem, problemsInUse, SecretsError, type Problem } from '../../kamal/index.ts';
import { EXIT } from '../exit-codes.ts';
import { destinationsOf, openProject, openSecrets, projectOptions, selectionOptions, warningsOf, type ProjectOptions } from '../project.ts';
import { bold, green, Output, red, yellow } from '../terminal.ts';

interface ConfigOptions extends ProjectOptions {
  allDestinations?: boolean;
  json?: boolean;
}

/** `bactrian config` */
export function configCommand(program: Command): void {
  selectionOptions(projectOptions(program.command('config').description('print the merged configuration, secrets redacted, as `kamal config` does')))
    .option('--all-destinations', 'check deploy.yml and every deploy.<destination>.yml beside it, with their secrets')
    .option('--json', 'as JSON')
    .action(async (options: ConfigOptions) => {
      process.exitCode = await (options.allDestinations ? checkAll(options) : show(options));
    });
}

async function show(options: ConfigOptions): Promise<number> {
  const project = await openProject(options);
  const { deployment } = project;
  // Without their secrets: `kamal config` asks for none, and so doesn't need a vault's password.
  for (const warning of warningsOf(project, null)) process.stderr.write(`${yellow('!')} ${warning}\n`);
  process.stdout.write(options.json ? `${JSON.stringify(configJson(deployment), null, 2)}\n` : configText(deployment));
  return EXIT.ok;
}

/** Each destination is a deployment of its own: one that doesn't load shouldn't be found on the night of its upgrade. */
async function checkAll(options: ConfigOptions): Promise<number> {
  const out = new Output(options);
  const results: { destination: string | null; problems: Problem[] }[] = [];
  for (const destination of [null, ...destinationsOf(options)]) {
    const problems = await problemsOf({ ...options, destination: destination ?? undefined });
    // With `require_destination` the plain file is not a deployment.
    if (destination === null && problems.some(({ message }) => message.includes('specify a destination'))) continue;
    results.push({ destination, problems });
    out.say(`${problems.length === 0 ? green('✓') : red('✗')} ${bold(destination ?? '(no destination)')}`);
    for (const problem of problems) out.say(describeProblem(problem).replaceAll(/^/gm, '  '));
  }
  out.result(results);
  return results.every(({ problems }) => problems.length === 0) ? EXIT.ok : EXIT.usage;
}

async function problemsOf(options: ConfigOptions): Promise<Problem[]> {
  try {
    const project = await openProject(options);
    const secrets = await openSecrets(project);
    return await problemsInUse(project.snapshot, secrets, { projectDir: project.dir, env: process.env, version: 'any' });
  } catch (error) {
    if (error instanceof ConfigError) return [...error.problems];
    if (error instanceof SecretsError) return [{ file: error.file, line: error.line, column: null, key: error.key, found: '', expected: '', message: error.message }];
    throw error;
  }
}
