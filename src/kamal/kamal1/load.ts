import { versionOf } from '../app-version.ts';
import { readConfiguration } from '../configuration-files.ts';
import { text } from '../configuration/raw.ts';
import { filesOfCommit, type CommitFiles } from '../git-files.ts';
import { located } from '../locate.ts';
import { ConfigError } from '../problems.ts';
import { accessoryFilesOf, hooksIn } from '../project-files.ts';
import { encode } from '../ruby/json.ts';
import { select } from '../select.ts';
import type { LoadOptions } from '../load.ts';
import type { Issue } from '../validation/issues.ts';
import { ignoredServers } from '../validation/warnings.ts';
import { kamal1DeploymentFrom, type Kamal1Deployment } from './deployment.ts';
import { readEnvFiles } from './env-files.ts';
import type { Kamal1Snapshot } from './snapshot.ts';
import { checkKamal1Configuration } from './validation.ts';

export interface Kamal1LoadOptions extends LoadOptions {
  /** The configuration as it was in this commit, branch or tag; `.env` files, hooks and files that git ignores stay those of the work tree. */
  readonly fromGit?: string;
}

/**
 * Reads a project's configuration as Kamal 1.9 does: `.env` files into the environment, ERB, YAML, the destination's
 * file merged in, validation, selection of hosts and roles.
 * @throws ConfigError with all the problems found; also for a Kamal 2 configuration, saying what stood for each key
 */
export async function loadKamal1Project(options: Kamal1LoadOptions): Promise<Kamal1Snapshot> {
  const { projectDir } = options;
  const destination = options.destination ?? null;
  const configFile = options.configFile ?? 'config/deploy.yml';
  const commit = options.fromGit === undefined ? null : await filesOfCommit(projectDir, options.fromGit, options.env);
  const dotenv = await readEnvFiles({ projectDir, destination, env: options.env, interactive: options.interactive });
  const { raw, origins, env } = await readConfiguration({ projectDir, configFile, destination, env: dotenv.env, interactive: options.interactive, trim: false, ...sources(commit) });
  const fail = (issues: readonly Issue[]): never => {
    throw new ConfigError(issues.map((issue) => located(issue, configFile, origins)));
  };

  const hooksPath = text(raw, 'hooks_path') ?? '.kamal/hooks';
  const version = await versionOf({ ...options, env }, raw);
  const facts = { destination, version, hooks: { path: hooksPath, present: await hooksIn(projectDir, hooksPath) }, selection: { hosts: null, roles: null } };
  const issues = checkKamal1Configuration(raw, facts);
  if (issues.length > 0) fail(issues);

  const selected = selectIn(kamal1DeploymentFrom(raw, facts), options);
  if ('issue' in selected) return fail([selected.issue]);
  const d = kamal1DeploymentFrom(raw, { ...facts, selection: selected });
  return {
    format: 1,
    generation: 'kamal1',
    configFile,
    revision: commit?.revision ?? null,
    destination,
    config: encode(raw),
    version,
    selection: selected,
    setsEnvironment: Object.entries(env).some(([name, value]) => dotenv.env[name] !== value),
    envFiles: { looked: dotenv.looked, present: dotenv.present },
    hooks: facts.hooks,
    files: await accessoryFilesOf(projectDir, d.accessories, env, commit?.withWorkTree),
    origins: Object.fromEntries(origins),
    warnings: ignoredServers(d),
  };
}

/** Where the configuration's own files and those that ERB reads come from. */
export function sources(commit: CommitFiles | null) {
  return commit === null ? {} : { source: commit.commit, included: commit.withWorkTree };
}

/** `--primary` means the configuration's primary host here, whatever roles are asked for. */
function selectIn(d: Kamal1Deployment, { hosts, roles, primary }: LoadOptions) {
  const selected = select(d, { hosts, roles });
  if ('issue' in selected || !primary) return selected;
  const only = select(d, { primary: true });
  return 'issue' in only ? only : { hosts: only.hosts, roles: selected.roles };
}
