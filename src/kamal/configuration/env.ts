import { argumentize } from '../ruby/args.ts';
import { toS, type Hash, type Value } from '../ruby/value.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { envFileValue } from '../shell.ts';
import { list } from './raw.ts';

/** Environment of a role or an accessory: values in the clear on the command line, secrets in an env file. */
export interface Env {
  readonly clear: Hash;
  /** Entries as configured: `KEY`, or `KEY:SECRET_NAME` for an alias. */
  readonly secretKeys: readonly string[];
}

/** Reads an `env:` section (Kamal 2.12: `Configuration::Env`); without `secret` and `tags` all of it is clear. */
export function envOf(config: Hash): Env {
  const clear = config.get('clear');
  const plain = config.has('secret') || config.has('tags') ? new Map() : config;
  return { clear: clear instanceof Map ? clear : plain, secretKeys: list(config, 'secret').map(toS) };
}

/** Later values win, keys keep the place of their first appearance; secret keys are united. */
export function mergeEnv(a: Env, b: Env): Env {
  return { clear: new Map([...a.clear, ...b.clear]), secretKeys: [...new Set([...a.secretKeys, ...b.secretKeys])] };
}

/** `--env` arguments of the clear values. */
export function clearArgs(env: Env): string[] {
  return argumentize('--env', env.clear);
}

/** The secret values by the variable's name, in order. @throws SecretMissing */
export function secretEnv(env: Env, secrets: Secrets): Map<string, string> {
  return new Map(secretNames(env).map(({ variable, secret }) => [variable, secrets.get(secret)]));
}

/** Which secret each variable takes its value from: `A:B` gives A the secret B, in place of a first A. */
function secretNames(env: Env): { variable: string; secret: string }[] {
  const names = new Map<string, string>();
  for (const key of env.secretKeys) {
    const at = key.indexOf(':');
    if (at < 0) names.set(key, key);
    else names.set(key.slice(0, at), key.slice(at + 1));
  }
  return [...names].map(([variable, secret]) => ({ variable, secret }));
}

/** Clear and secret values, as the environment in which an accessory's ERB file is rendered. @throws SecretMissing */
export function wholeEnv(env: Env, secrets: Secrets): Map<string, Value> {
  return new Map<string, Value>([...[...env.clear].map(([key, value]) => [toS(key), value] as const), ...secretEnv(env, secrets)]);
}

/** Text of the env file for Docker (Kamal 2.12: `EnvFile`); a single newline when there are no secrets. @throws SecretMissing */
export function envFileContent(env: Env, secrets: Secrets): string {
  return [...secretEnv(env, secrets)].map(([key, value]) => `${key}=${envFileValue(value)}\n`).join('') || '\n';
}
