import { readConfiguration } from '../configuration-files.ts';
import { section } from '../configuration/raw.ts';
import type { Env } from '../configuration/env.ts';
import { envOf } from '../configuration/env.ts';
import type { Lookup } from '../configuration/registry.ts';
import { filesOfCommit } from '../git-files.ts';
import { isHash } from '../ruby/value.ts';
import { inspect } from '../ruby/value.ts';
import { Secrets } from '../secrets/secrets.ts';
import { kamal1DeploymentOf, type Kamal1Deployment } from './deployment.ts';
import { readEnvFiles } from './env-files.ts';
import { sources } from './load.ts';
import { rebuiltSecrets } from './rebuilt.ts';
import type { Kamal1Snapshot } from './snapshot.ts';

export interface Kamal1SecretsOptions {
  readonly projectDir: string;
  /** The environment, which `.env` files go on top of. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly interactive?: boolean;
  /** Secrets of the same project under Kamal 2: names that Kamal 1's environment hasn't are looked up there. */
  readonly others?: Secrets;
}

/**
 * The secrets of a Kamal 1 project: variables of its `.env` files, and those that the configuration names from the
 * environment. Of the rest of the environment nothing is kept. A configuration made of what is written down on the hosts
 * has those of the project's Kamal 2 configuration.
 * @throws ConfigError, SecretsError
 */
export async function readKamal1Secrets(snapshot: Kamal1Snapshot, { projectDir, env: given, interactive, others }: Kamal1SecretsOptions): Promise<Secrets> {
  if (snapshot.rebuilt) return await rebuiltSecrets(snapshot.rebuilt, { projectDir, env: given, interactive });
  const { destination, configFile, revision, envFiles } = snapshot;
  const dotenv = await readEnvFiles({ projectDir, destination, env: given, interactive });
  const commit = revision === null ? null : await filesOfCommit(projectDir, revision, given);
  const env = snapshot.setsEnvironment ? (await readConfiguration({ projectDir, configFile, destination, env: dotenv.env, interactive, trim: false, ...sources(commit) })).env : dotenv.env;
  const values = new Map(dotenv.values);
  for (const name of secretNames(kamal1DeploymentOf(snapshot))) {
    const value = env[name] ?? (others?.has(name) ? others.get(name) : undefined);
    if (value !== undefined) values.set(name, value);
  }
  return new Secrets(values, envFiles.present, envFiles.looked, (key) => `key not found: ${inspect(key)}`);
}

/** Variables that the configuration takes from the environment. */
function secretNames(d: Kamal1Deployment): string[] {
  const tags = [...section(section(d.raw, 'env'), 'tags').values()].filter(isHash).map(envOf);
  const envs: Env[] = [envOf(section(d.raw, 'env')), ...tags, ...d.allRoles.flatMap((role) => role.hosts.map((host) => role.env(host))), d.traefik.env, ...d.accessories.map(({ env }) => env)];
  const lookups: Lookup[] = [d.registry.username, d.registry.password];
  return [...new Set([...envs.flatMap(({ secretKeys }) => secretKeys), ...lookups.flatMap((lookup) => ('secret' in lookup ? [lookup.secret] : []))])];
}
