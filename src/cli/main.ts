#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { ConfigError, SecretMissing, SecretsError, VersionMissing } from '../kamal/index.ts';
import { SshError } from '../ssh/error.ts';
import { TemporalSetupError } from '../temporal/errors.ts';
import { checkCommand } from './commands/check.ts';
import { cleanupCommand } from './commands/cleanup.ts';
import { configCommand } from './commands/config.ts';
import { convertCommand } from './commands/convert.ts';
import { decideCommands } from './commands/decide.ts';
import { downgradeCommand } from './commands/downgrade.ts';
import { serverCommands } from './commands/server.ts';
import { statusCommand } from './commands/status.ts';
import { unlockCommand } from './commands/unlock.ts';
import { upgradeCommand } from './commands/upgrade.ts';
import { watchCommand } from './commands/watch.ts';
import { workerCommand } from './commands/worker.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { bold, dim, red } from './terminal.ts';
import { VERSION } from './version.ts';

const EPILOGUE = `
Exit codes:
  0    all hosts are where they were to go        4    rejected or cancelled; what was begun is put back
  1    the run ended, and not all of them are     5    Temporal can't be reached
  2    wrong command line or configuration        130  Ctrl-C: stopped following, the run goes on
  3    refused before anything was changed

Environment:
  TEMPORAL_ADDRESS, TEMPORAL_PROFILE …   a Temporal server of your own (default: an embedded one)
  BACTRIAN_STATE_DIR                     where state is kept (default: ~/.local/state/bactrian)
  BACTRIAN_TEMPORAL_CLI                  the temporal program, when it is not on the PATH
  NO_COLOR                               no colours`;

function program(): Command {
  const root = new Command('bactrian')
    .description('Takes a fleet of servers from Kamal 1 to Kamal 2, and back, without losing a request or a night\'s sleep.')
    .version(VERSION, '--version')
    .helpOption('--help', 'show this')
    .configureHelp({ showGlobalOptions: false })
    .showHelpAfterError('(see --help)')
    .addHelpText('after', EPILOGUE)
    .enablePositionalOptions()
    .exitOverride();
  const add = root.command.bind(root);
  // `-h` is hosts, as in Kamal: help is `--help` on every command.
  root.command = ((...args: Parameters<typeof add>) => add(...args).helpOption('--help', 'show this')) as typeof root.command;
  upgradeCommand(root);
  downgradeCommand(root);
  configCommand(root);
  convertCommand(root);
  checkCommand(root);
  watchCommand(root);
  statusCommand(root);
  decideCommands(root);
  unlockCommand(root);
  cleanupCommand(root);
  workerCommand(root);
  serverCommands(root);
  return root;
}

/** True where Kamal 2's configuration was expected, and keys stand that only Kamal 1 knows. */
function isOfKamal1(error: Error): boolean {
  return error instanceof ConfigError && error.problems.some(({ hint }) => /Kamal 2 has kamal-proxy instead of Traefik|moved to proxy\/healthcheck/.test(hint ?? ''));
}

/** An error as its reader needs it: ours without a stack, a bug's with one. */
function explain(error: unknown): { text: string; exitCode: number } {
  if (error instanceof CommandError) return { text: [error.message, ...(error.hint ? [dim(error.hint)] : [])].join('\n'), exitCode: error.exitCode };
  const untouched = dim('Nothing was changed on any host.');
  if (error instanceof ConfigError || error instanceof SecretsError || error instanceof SecretMissing) {
    const convert = isOfKamal1(error) ? [`This is a project of Kamal 1: ${bold('bactrian convert')} shows what it becomes, with --write it is written.`] : [];
    return { text: [error.message, ...convert, untouched].join('\n'), exitCode: EXIT.usage };
  }
  if (error instanceof VersionMissing) return { text: `${error.message}\n${dim('name one with --version')}`, exitCode: EXIT.usage };
  if (error instanceof SshError) return { text: `${error.message}\n${dim(error.hint)}`, exitCode: EXIT.refused };
  if (error instanceof TemporalSetupError) return { text: error.message, exitCode: EXIT.temporal };
  return { text: error instanceof Error ? (error.stack ?? error.message) : String(error), exitCode: EXIT.failed };
}

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  else {
    const { text, exitCode } = explain(error);
    // A list of refusals marks each of them.
    process.stderr.write(text.startsWith(red('✗')) ? `${text}\n` : `${red('✗')} ${text}\n`);
    process.exitCode = exitCode;
  }
}
