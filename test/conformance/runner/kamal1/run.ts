import * as kamal from '../../../../src/kamal/index.ts';
import { kamal1 } from '../../../../src/kamal/index.ts';
import type { Case } from '../case.ts';
import type { Outcome } from '../run.ts';
import { kamal1FactsOf } from './facts.ts';

/** Loads a Kamal 1 project as the command line would, and uses all of it. */
export async function kamal1OutcomeOf(of: Case, projectDir: string, env: Record<string, string>): Promise<Outcome> {
  try {
    const snapshot = await kamal1.loadKamal1Project({
      projectDir, env, configFile: of.config_file, destination: of.destination, version: of.version ?? undefined, hosts: of.hosts, roles: of.roles, primary: of.primary,
    });
    const dotenv = await kamal1.readEnvFiles({ projectDir, destination: snapshot.destination, env });
    const secrets = await kamal1.readKamal1Secrets(snapshot, { projectDir, env });
    const problems = await kamal1.kamal1ProblemsInUse(snapshot, secrets, { projectDir, env: dotenv.env });
    if (problems.length > 0) return { problems };
    const d = kamal1.kamal1DeploymentOf(snapshot);
    if (d.version === null) return { problems: [{ key: 'version', message: d.versionProblem ?? '' }] };
    const loaded = Object.fromEntries([...dotenv.values].filter(([name, value]) => env[name] !== value));
    return { facts: await kamal1FactsOf({ d, snapshot, secrets, projectDir, env: dotenv.env, loaded, version: d.version }), warnings: snapshot.warnings };
  } catch (error) {
    if (error instanceof kamal.ConfigError) return { problems: error.problems };
    throw error;
  }
}
