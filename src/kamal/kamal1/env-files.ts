import path from 'node:path';
import { ConfigError } from '../problems.ts';
import { exists, WORK_TREE } from '../project-files.ts';
import { runSecretCommand } from '../secrets/command.ts';
import { DotenvError } from '../secrets/dotenv.ts';
import { CommandError } from '../secrets/execute.ts';
import { parseDotenv2 } from './dotenv.ts';

export interface EnvFilesOptions {
  readonly projectDir: string;
  readonly destination: string | null;
  /** What `$VAR` finds, and the environment of `$(commands)`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A person sits at the terminal: commands may ask for a password. */
  readonly interactive?: boolean;
}

/** What `.env` files say. */
export interface EnvFiles {
  /** The environment with the files' variables in it. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables of the files alone. */
  readonly values: ReadonlyMap<string, string>;
  readonly looked: readonly string[];
  readonly present: readonly string[];
}

/**
 * Reads `.env` and the destination's on top of it, over what the environment has (Kamal 1.9: `Cli::Base#load_env`).
 * They are read from the work tree always: they hold secrets, and no commit should.
 *
 * Unlike Kamal, which skips the whole file when a command isn't there, a command that can't be run, or fails without
 * giving anything, is an error.
 * @throws ConfigError naming file, line, key and command, never a value
 */
export async function readEnvFiles({ projectDir, destination, env: given, interactive }: EnvFilesOptions): Promise<EnvFiles> {
  const looked = ['.env', ...(destination === null ? [] : [`.env.${destination}`])];
  const env: Record<string, string> = Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined));
  const values = new Map<string, string>();
  const present: string[] = [];
  for (const file of looked) {
    const absolute = path.resolve(projectDir, file);
    if (!(await exists(absolute))) continue;
    present.push(file);
    const text = (await WORK_TREE.read(absolute))?.toString('utf8') ?? '';
    for (const [key, value] of await parse(text, file, { projectDir, env, interactive })) {
      env[key] = value;
      values.set(key, value);
    }
  }
  return { env, values, looked, present };
}

async function parse(text: string, file: string, { projectDir, env, interactive }: Omit<EnvFilesOptions, 'destination'>): Promise<Map<string, string>> {
  const refuse = (message: string, { line, key }: { line: number; key: string }, found: string): never => {
    throw new ConfigError([{ file, line, column: null, key, message: `${key}: ${message}`, found, expected: 'KEY=value', hint: '' }]);
  };
  try {
    return await parseDotenv2(text, {
      env,
      run: async (command, at) => {
        try {
          return await runSecretCommand(command, { directory: projectDir, env, interactive });
        } catch (error) {
          if (error instanceof CommandError) return refuse(`$(${at.written}): ${error.message}`, at, 'a command without a result');
          throw error;
        }
      },
    });
  } catch (error) {
    if (error instanceof DotenvError) return refuse(error.message, error, 'no value');
    throw error;
  }
}
