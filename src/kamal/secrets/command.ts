import { CommandError, execute, type CommandContext } from './execute.ts';
import { isKamalSecrets, runKamalSecrets } from './kamal-secrets.ts';

/** Runs a `$(command)` of a secrets file in `sh`, as Ruby's backticks do. `kamal secrets …` is run within. @throws CommandError */
export async function runSecretCommand(command: string, context: CommandContext): Promise<string> {
  if (isKamalSecrets(command)) return runKamalSecrets(command, context);
  const { code, stdout } = await execute('sh', ['-c', command], context);
  if (code === 126 || code === 127) throw new CommandError('the command was not found');
  if (code !== 0 && stdout.trim() === '') throw new CommandError(`failed with exit code ${code}`);
  return stdout.replace(/\r?\n$|\r$/, '');
}
