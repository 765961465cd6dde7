import path from 'node:path';
import { accessoryFilesOf, errorPagesOf, hooksIn, secretsFilesOf } from './project-files.ts';
import { readConfiguration } from './configuration-files.ts';
import { gitVersion } from './git.ts';
import { deploymentFrom } from './deployment.ts';
import { ConfigError, type Problem } from './problems.ts';
import { encode } from './ruby/json.ts';
import type { Hash } from './ruby/value.ts';
import { section, text } from './configuration/raw.ts';
import { select } from './select.ts';
import type { Snapshot } from './snapshot.ts';
import { checkConfiguration } from './validation/configuration.ts';
import type { Issue } from './validation/issues.ts';
import { warningsOf } from './validation/warnings.ts';

export interface LoadOptions {
  /** Where Kamal would be run: paths in the configuration are relative to it. */
  readonly projectDir: string;
  /** `-c`, `config/deploy.yml` unless given. */
  readonly configFile?: string;
  /** `-d` */
  readonly destination?: string;
  /** `--version` */
  readonly version?: string;
  /** `-h`: patterns, separated by commas. */
  readonly hosts?: string;
  /** `-r`: patterns, separated by commas. */
  readonly roles?: string;
  /** `-p`: only the primary host. */
  readonly primary?: boolean;
  /** Environment that ERB and commands see. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A person sits at the terminal: commands in ERB may ask for a password. */
  readonly interactive?: boolean;
}

/**
 * Reads a project's configuration as Kamal 2.12 does: ERB, YAML, the destination's file merged in, validation,
 * selection of hosts and roles.
 * @throws ConfigError with all the problems found; also for a Kamal 1 configuration, saying what replaced each key
 */
export async function loadProject(options: LoadOptions): Promise<Snapshot> {
  const { projectDir } = options;
  const destination = options.destination ?? null;
  const configFile = options.configFile ?? 'config/deploy.yml';
  const env = { ...options.env, KAMAL_DESTINATION: options.destination };
  const { raw, origins, env: envAfter } = await readConfiguration({ projectDir, configFile, destination, env, interactive: options.interactive });
  const fail = (issues: readonly Issue[]): never => {
    throw new ConfigError(issues.map((issue) => located(issue, configFile, origins)));
  };

  const hooksPath = text(raw, 'hooks_path') ?? '.kamal/hooks';
  const present = await hooksIn(projectDir, hooksPath);
  const version = await versionOf({ ...options, env: envAfter }, raw);
  const facts = { destination, version, hooks: { path: hooksPath, present }, selection: { hosts: null, roles: null } };
  const issues = checkConfiguration(raw, facts);
  if (issues.length > 0) fail(issues);

  const selected = select(deploymentFrom(raw, facts), options);
  if ('issue' in selected) return fail([selected.issue]);
  const d = deploymentFrom(raw, { ...facts, selection: selected });
  return {
    format: 1,
    configFile,
    destination,
    config: encode(raw),
    version,
    selection: selected,
    setsEnvironment: Object.entries(envAfter).some(([name, value]) => env[name as keyof typeof env] !== value),
    secretsFiles: await secretsFilesOf(projectDir, text(raw, 'secrets_path') ?? '.kamal/secrets', destination),
    hooks: facts.hooks,
    files: await accessoryFilesOf(projectDir, d, env),
    errorPages: d.errorPagesPath === null ? null : await errorPagesOf(projectDir, d.errorPagesPath),
    origins: Object.fromEntries(origins),
    warnings: warningsOf(d),
  };
}

/** `--version`, else `VERSION` of the environment, else git's commit (Kamal 2.12: `Configuration#version`). */
async function versionOf({ version, env, projectDir }: LoadOptions, raw: Hash): Promise<Snapshot['version']> {
  if (version !== undefined && version.trim() !== '') return { value: version, source: 'option', problem: null };
  if (env.VERSION !== undefined) return { value: env.VERSION, source: 'environment', problem: null };
  const context = section(raw, 'builder').get('context');
  const fromGit = await gitVersion(projectDir, { clones: context === undefined || context === null, env });
  if (fromGit !== null) return { value: fromGit, source: 'git', problem: null };
  return { value: null, source: null, problem: `Can't use commit hash as version, no git repository found in ${path.resolve(projectDir)}` };
}

/** An issue with the place of the longest part of its key that stands in a file. */
function located(issue: Issue, configFile: string, origins: ReadonlyMap<string, { file: string; line: number; column: number }>): Problem {
  let key = issue.key;
  while (key !== '' && !origins.has(key)) key = key.includes('/') ? key.slice(0, key.lastIndexOf('/')) : '';
  const origin = origins.get(key);
  return {
    file: origin?.file ?? configFile,
    line: origin?.line ?? null,
    column: origin?.column ?? null,
    key: issue.key,
    found: issue.found ?? '',
    expected: issue.expected ?? '',
    ...(issue.hint ? { hint: issue.hint } : {}),
    message: issue.message,
  };
}

