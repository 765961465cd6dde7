import { encode } from '../ruby/json.ts';
import type { Hash } from '../ruby/value.ts';
import { readSecrets, type SecretsOptions } from '../secrets/read.ts';
import { Secrets } from '../secrets/secrets.ts';
import type { Kamal1Snapshot, Rebuilding } from './snapshot.ts';

/**
 * The snapshot of a Kamal 1 configuration that no file holds: it was made of what is written down on the hosts, and of
 * the project as it is now.
 *
 * @param raw the configuration
 * @param source what it was made of, as errors name it
 */
export function rebuiltSnapshot(raw: Hash, source: string, rebuilt: Rebuilding): Kamal1Snapshot {
  const { destination, version, selection, hooks, secretsFiles, setsEnvironment, warnings } = rebuilt.kamal2;
  return {
    format: 1,
    generation: 'kamal1',
    configFile: source,
    revision: null,
    destination,
    config: encode(raw),
    version,
    selection,
    setsEnvironment,
    envFiles: { looked: secretsFiles.looked, present: secretsFiles.present },
    hooks,
    // What accessories had uploaded is on the hosts, and mounted from there.
    files: {},
    origins: {},
    warnings,
    rebuilt,
  };
}

/**
 * The secrets of the project as it is now, under the names that a Kamal 1 configuration gives them.
 * @throws SecretsError
 */
export async function rebuiltSecrets({ kamal2, aliases }: Rebuilding, options: SecretsOptions): Promise<Secrets> {
  const values = new Map(Object.entries((await readSecrets(kamal2, options)).values()));
  const named = Object.entries(aliases).flatMap(([variable, secret]) => {
    const value = values.get(secret);
    return value === undefined ? [] : [[variable, value] as const];
  });
  return new Secrets(new Map([...values, ...named]), kamal2.secretsFiles.present, kamal2.secretsFiles.looked);
}
