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
  /**
   * The command may talk to a person: it gets our stdin and stderr. Otherwise what it says on stderr is dropped, as it
   * may hold a secret and our stderr may be a log.
   */
  readonly interactive?: boolean;
}

/** Runs a program and collects what it prints. @throws CommandError when it can't be started */
export function execute(program: string, args: readonly string[], { directory, env, interactive = false }: CommandContext): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve, reject) => {
    const other = interactive ? 'inherit' : 'ignore';
    const child = spawn(program, args, { cwd: directory, env: { ...env }, stdio: [other, 'pipe', other] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', () => reject(new CommandError(`${program} could not be started`)));
    child.on('close', (code) => resolve({ code: code ?? 1, stdout: Buffer.concat(chunks).toString('utf8') }));
  });
}
