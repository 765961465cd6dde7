import { spawn } from 'node:child_process';

/** A command of a secrets file gave nothing to use. The message has no part of its output. */
export class CommandError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CommandError';
  }
}

export interface CommandContext {
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Runs a `$(command)` of a secrets file in `sh`, as Ruby's backticks do. @throws CommandError */
export async function runSecretCommand(command: string, context: CommandContext): Promise<string> {
  const { code, stdout } = await execute('sh', ['-c', command], context);
  if (code === 126 || code === 127) throw new CommandError('the command was not found');
  if (code !== 0 && stdout.trim() === '') throw new CommandError(`failed with exit code ${code}`);
  return stdout.replace(/\r?\n$|\r$/, '');
}

/** Runs a program; stdin and stderr are ours, so that it can ask for a password. @throws CommandError when it can't be started */
export function execute(program: string, args: readonly string[], { directory, env }: CommandContext): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: directory, env: { ...env }, stdio: ['inherit', 'pipe', 'inherit'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', () => reject(new CommandError(`${program} could not be started`)));
    child.on('close', (code) => resolve({ code: code ?? 1, stdout: Buffer.concat(chunks).toString('utf8') }));
  });
}
