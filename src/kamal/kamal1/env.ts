import type { Env } from '../configuration/env.ts';
import { argumentize } from '../ruby/args.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { KAMAL1, kamal1EnvFileValue } from './quoting.ts';

/** `--env-file` and `--env` arguments (Kamal 1.9: `Configuration::Env#args`). */
export function envArgs(env: Env, envFile: string): string[] {
  return ['--env-file', envFile, ...argumentize('--env', env.clear, KAMAL1)];
}

/**
 * Text of the env file that `kamal env push` uploads (Kamal 1.9: `EnvFile`); a single newline when there are no
 * secrets. Kamal 1 knows no aliases: each variable is named as its secret.
 * @throws SecretMissing
 */
export function envFileContent(env: Env, secrets: Secrets): string {
  return env.secretKeys.map((key) => `${key}=${kamal1EnvFileValue(secrets.get(key))}\n`).join('') || '\n';
}
