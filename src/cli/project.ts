import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Option, type Command } from 'commander';
import { deploymentOf, kamal1, keyDataWarnings, loadProject, mangledVariables, readSecrets, type Deployment, type Secrets, type Snapshot } from '../kamal/index.ts';
import { kamal2Secrets } from '../../activities/project.ts';
import { workflowIdOf } from '../plan/workflow-id.ts';
import { realProjectDir } from '../temporal/state.ts';

/** The options by which Kamal's commands find their project and hosts; the same letters here. */
export interface ProjectOptions {
  project: string;
  configFile?: string;
  destination?: string;
  hosts?: string;
  roles?: string;
  primary?: boolean;
  version?: string;
  skipHooks?: boolean;
  verbose?: boolean;
  quiet?: boolean;
}

/** A loaded project: where it is, what it says. */
export interface LoadedProject {
  dir: string;
  snapshot: Snapshot;
  deployment: Deployment;
  workflowId: string;
}

/** The same of a Kamal 1 configuration: where a way back goes to. */
export interface LoadedKamal1Project {
  dir: string;
  snapshot: kamal1.Kamal1Snapshot;
  deployment: kamal1.Kamal1Deployment;
  workflowId: string;
}

/** What both ways need of a project. */
export type EitherProject = LoadedProject | LoadedKamal1Project;

/** Adds the options that say which deployment is meant. `-h` is hosts, as in Kamal. */
export function projectOptions(command: Command): Command {
  return command
    .addOption(new Option('--project <dir>', 'folder of the project').default('.', 'this folder'))
    .option('-c, --config-file <file>', "configuration file (default: config/deploy.yml)")
    .option('-d, --destination <name>', 'destination (staging, production …)')
    .option('-v, --verbose', 'also tell where things are')
    .option('-q, --quiet', 'only the end, and what went wrong');
}

/** Adds the options that choose a part of the fleet. */
export function selectionOptions(command: Command): Command {
  return command
    .option('-h, --hosts <hosts>', 'only these hosts, separated by commas, wildcards with *')
    .option('-r, --roles <roles>', 'only these roles, separated by commas, wildcards with *')
    .option('-p, --primary', 'only the primary host')
    .option('-H, --skip-hooks', "don't run hooks")
    .option('--version <version>', 'boot this version of the app instead of the one that runs');
}

/**
 * Loads the project as Kamal 2 would.
 * @throws ConfigError with all problems
 */
export async function openProject(options: ProjectOptions): Promise<LoadedProject> {
  const dir = realProjectDir(options.project);
  const snapshot = await loadProject({
    projectDir: dir,
    configFile: options.configFile,
    destination: options.destination,
    hosts: options.hosts,
    roles: options.roles,
    primary: options.primary,
    version: options.version,
    env: process.env,
    interactive: atTerminal(),
  });
  const deployment = deploymentOf(snapshot);
  return { dir, snapshot, deployment, workflowId: workflowIdOf(deployment) };
}

/**
 * Loads the project as Kamal 1 would.
 * @param fromGit the commit whose configuration is meant; undefined: the work tree's
 * @throws ConfigError with all problems
 */
export async function openKamal1Project(options: ProjectOptions, fromGit: string | undefined): Promise<LoadedKamal1Project> {
  const dir = realProjectDir(options.project);
  const { configFile, destination, hosts, roles, primary, version } = options;
  const snapshot = await kamal1.loadKamal1Project({ projectDir: dir, configFile, destination, hosts, roles, primary, version, fromGit, env: process.env, interactive: atTerminal() });
  const deployment = kamal1.kamal1DeploymentOf(snapshot);
  return { dir, snapshot, deployment, workflowId: workflowIdOf(deployment) };
}

/** Destinations that have a file of their own beside the configuration's: `deploy.staging.yml` is `staging`. */
export function destinationsOf(options: ProjectOptions): string[] {
  const file = options.configFile ?? 'config/deploy.yml';
  const stem = basename(file).replace(/\.ya?ml$/, '');
  return readdirSync(join(realProjectDir(options.project), dirname(file))).flatMap((name) => {
    const match = name.startsWith(`${stem}.`) ? /^(.+)\.ya?ml$/.exec(name.slice(stem.length + 1)) : null;
    return match?.[1] ? [match[1]] : [];
  });
}

/** Vaults' tools may ask for a password where somebody sits. */
function atTerminal(): true | undefined {
  return process.stdin.isTTY ? true : undefined;
}

/**
 * Resolves the project's secrets in this shell.
 * @throws SecretsError
 */
export async function openSecrets({ dir, snapshot }: LoadedProject): Promise<Secrets> {
  return await readSecrets(snapshot, { projectDir: dir, env: process.env, interactive: atTerminal() });
}

/** The same of a Kamal 1 project: `.env` files, this shell, and what `.kamal/secrets` knows besides. */
export async function openKamal1Secrets({ dir, snapshot }: LoadedKamal1Project): Promise<Secrets> {
  const place = { projectDir: dir, env: process.env };
  return await kamal1.readKamal1Secrets(snapshot, { ...place, interactive: atTerminal(), others: await kamal2Secrets(snapshot, place) });
}

/**
 * What loads, and isn't what its author may think: Kamal's own warnings, and values that its quoting changes on their
 * way to the app. Ours arrive changed in the same way, since the next `kamal deploy` would change them.
 */
export function warningsOf({ snapshot, deployment }: LoadedProject, secrets: Secrets | null): string[] {
  const mangled = mangledVariables(deployment, secrets ?? undefined).map(
    ({ owner, variable, kind, reason }) => `${owner}: the ${kind === 'secret' ? 'secret ' : ''}variable ${variable} ${reason}, as after \`kamal deploy\``,
  );
  return [...snapshot.warnings, ...(secrets ? keyDataWarnings(deployment.ssh, secrets) : []), ...mangled];
}
