import path from 'node:path';
import { readConfiguration } from '../configuration-files.ts';
import { readText } from '../project-files.ts';
import type { Snapshot } from '../snapshot.ts';
import { DotenvError, parseDotenv } from './dotenv.ts';
import { runSecretCommand } from './command.ts';
import { CommandError } from './execute.ts';
import { Secrets } from './secrets.ts';

/** A secrets file can't be read; names file, line, key and command, never a value. */
export class SecretsError extends Error {
  readonly file: string;
  readonly line: number;
  readonly key: string;

  constructor(message: string, { file, line, key }: { file: string; line: number; key: string }) {
    super(`${file}:${line}: ${key}: ${message}`);
    this.name = 'SecretsError';
    this.file = file;
    this.line = line;
    this.key = key;
  }
}

export interface SecretsOptions {
  readonly projectDir: string;
  /** What `$VAR` finds, and the environment of `$(commands)`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A person sits at the terminal: vaults' tools may ask for a password. */
  readonly interactive?: boolean;
}

/**
 * Reads the project's secrets files, later ones winning, and runs the commands in them.
 *
 * Unlike Kamal, which skips the whole file when a command isn't there, a command that can't be run, or fails without
 * giving anything, is an error.
 * @throws SecretsError
 */
export async function readSecrets(snapshot: Snapshot, { projectDir, env: given, interactive }: SecretsOptions): Promise<Secrets> {
  const { configFile, destination } = snapshot;
  const own = { ...given, KAMAL_DESTINATION: destination ?? undefined };
  const env = snapshot.setsEnvironment ? (await readConfiguration({ projectDir, configFile, destination, env: own, interactive })).env : own;
  const { present, looked } = snapshot.secretsFiles;
  const values = new Map<string, string>();
  for (const file of present) {
    const text = await readText(path.resolve(projectDir, file));
    for (const [key, value] of await readFile(text ?? '', file, { projectDir, env, interactive })) values.set(key, value);
  }
  return new Secrets(values, present, looked);
}

async function readFile(text: string, file: string, { projectDir, env, interactive }: SecretsOptions): Promise<Map<string, string>> {
  try {
    return await parseDotenv(text, {
      env,
      run: async (command, { line, key, written }) => {
        try {
          return await runSecretCommand(command, { directory: projectDir, env, interactive });
        } catch (error) {
          if (!(error instanceof CommandError)) throw error;
          throw new SecretsError(`$(${written}): ${error.message}`, { file, line, key });
        }
      },
    });
  } catch (error) {
    if (error instanceof DotenvError) throw new SecretsError(error.message, { file, line: error.line, key: error.key });
    throw error;
  }
}
