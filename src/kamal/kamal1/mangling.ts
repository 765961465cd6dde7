import { mangledBy, type Mangled } from '../mangling.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { Kamal1Deployment } from './deployment.ts';
import { kamal1EnvFileValue, kamal1Quote } from './quoting.ts';

/** Variables that reach the app changed, as they do after a deploy with Kamal 1. Without `secrets` only the clear ones. */
export function kamal1MangledVariables(d: Kamal1Deployment, secrets?: Secrets): Mangled[] {
  return mangledBy(
    { quote: kamal1Quote, envFileValue: kamal1EnvFileValue, secretEnv: (env, from) => new Map(env.secretKeys.map((key) => [key, from.get(key)])), keepsFalse: false },
    d,
    secrets,
  );
}
