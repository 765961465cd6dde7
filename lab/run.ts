import { spawn } from 'node:child_process';

/** How a program ended. */
export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Written to the program's standard input, which is empty otherwise. */
  input?: string;
  /** The program is killed after this many milliseconds; default two minutes. */
  timeoutMs?: number;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

/**
 * Runs a program to its end.
 * @returns its exit code (128 + N for signal N is not told apart from others: -1) and what it printed
 * @throws if it can't be started
 */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return await new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env,
      timeout: options.timeoutMs ?? 120_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', (error) => reject(new Error(`can't run ${program}: ${error.message}`)));
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
    child.stdin.on('error', () => {
      // A program that ends without reading its input is judged by its exit code.
    });
    child.stdin.end(options.input ?? '');
  });
}

/**
 * Runs a program that has to succeed.
 * @returns what it printed on standard output
 * @throws with the program's own last words if it ends with any other code than 0
 */
export async function must(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const ended = await run(program, args, options);
  if (ended.code !== 0) {
    const words = (ended.stderr.trim() || ended.stdout.trim()).split('\n').slice(-15).join('\n');
    throw new Error(`${program} ${args.slice(0, 12).join(' ')} ended with ${ended.code}:\n${words}`);
  }
  return ended.stdout;
}

/**
 * Asks again and again until the answer is yes.
 * @param what named in the error
 * @throws after `timeoutMs`, with the last error that `check` threw
 */
export async function eventually(what: string, timeoutMs: number, check: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let last = '';
  while (Date.now() < deadline) {
    try {
      if (await check()) return;
    } catch (error) {
      last = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what}: not within ${timeoutMs / 1000} s${last}`);
}
