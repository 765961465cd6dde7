import { accessoryFilesOf, errorPagesOf, hooksIn, secretsFilesOf } from './project-files.ts';
import { readConfiguration } from './configuration-files.ts';
import { versionOf } from './app-version.ts';
import { located } from './locate.ts';
import { deploymentFrom } from './deployment.ts';
import { ConfigError } from './problems.ts';
import { encode } from './ruby/json.ts';
import { text } from './configuration/raw.ts';
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
    files: await accessoryFilesOf(projectDir, d.accessories, env),
    errorPages: d.errorPagesPath === null ? null : await errorPagesOf(projectDir, d.errorPagesPath),
    origins: Object.fromEntries(origins),
    warnings: warningsOf(d),
  };
}
