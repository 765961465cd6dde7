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
