import { OWNER_LABEL } from '../src/plan/facts.ts';
import { shellQuote, auditor, line, type Deployment, type Secrets } from '../src/kamal/index.ts';
import { SshPool } from '../src/ssh/pool.ts';
import type { SshConnection } from '../src/ssh/types.ts';
import type { StepArgs } from './api.ts';
import { KeyedMutex } from './mutex.ts';
import { isKamal1, ProjectStore, type Environment, type Kamal1Project, type Project } from './project.ts';
import type { WholeLook } from './probe.ts';
import type { RemoteSteps } from './remote-step.ts';
import { scrubber } from './scrub.ts';
import { sshSettings } from './ssh-settings.ts';
import { kamalTime, whoAmI, type Who } from './who.ts';

/** What a worker hands to its activities. */
export interface Surroundings {
  projectDir: string;
  /** Folders in the project's state directory. */
  snapshotDirectory: string;
  logDirectory: string;
  reportDirectory: string;
  /** The shell's environment, as last handed over by the CLI. */
  env: () => Environment;
}

/** Shared by all activities of a worker: the project, the connections, one lock a host. */
export class Context implements RemoteSteps {
  readonly store: ProjectStore;
  readonly scrub: (text: string) => string;
  readonly logDirectory: string;
  readonly reportDirectory: string;
  readonly snapshotDirectory: string;
  readonly projectDir: string;
  readonly env: () => Environment;
  readonly #looks = new Map<string, { run: string; look: WholeLook }>();
  readonly #mutex = new KeyedMutex();
  readonly #pools = new Map<string, Promise<SshPool>>();

  constructor(surroundings: Surroundings) {
    this.store = new ProjectStore(surroundings);
    this.scrub = scrubber(() => this.store.secretValues());
    this.logDirectory = surroundings.logDirectory;
    this.reportDirectory = surroundings.reportDirectory;
    this.snapshotDirectory = surroundings.snapshotDirectory;
    this.projectDir = surroundings.projectDir;
    this.env = surroundings.env;
  }

  async connection(digest: string, host: string, signal?: AbortSignal): Promise<SshConnection> {
    const pool = this.#pools.get(digest) ?? this.#pool(digest);
    this.#pools.set(digest, pool);
    try {
      return await (await pool).get(host, signal);
    } catch (error) {
      // A pool that could not be made (a key among the secrets that doesn't resolve) is made anew next time.
      if (await pool.then(() => false, () => true)) this.#pools.delete(digest);
      throw error;
    }
  }

  /** Keeps a run's last look at a host for the step after it: facts hold environment values, so in memory only. */
  keepLook(run: string, look: WholeLook): void {
    for (const [host, kept] of this.#looks) if (kept.run !== run) this.#looks.delete(host);
    this.#looks.set(look.facts.host, { run, look });
  }

  /** That look, once; null where another worker has had it. */
  takeLook(run: string, host: string): WholeLook | null {
    const kept = this.#looks.get(host);
    this.#looks.delete(host);
    return kept?.run === run ? kept.look : null;
  }

  exclusively<T>(host: string, work: () => Promise<T>): Promise<T> {
    return this.#mutex.run(host, work);
  }

  async close(): Promise<void> {
    for (const pool of this.#pools.values()) await pool.then((each) => each.closeAll(), () => undefined);
  }

  async #pool(digest: string): Promise<SshPool> {
    const project = await this.store.either(digest);
    const secrets: Secrets | null = project.deployment.ssh.keyData === null ? null : await this.store.secrets(project);
    return new SshPool(() => sshSettings(project.deployment, secrets, this.env()));
  }
}

/** What rendering a step's script needs. */
export interface Rendering extends Project {
  deployment: Deployment;
  who: Who;
  /** A line for the host's audit log, as a shell command. */
  audit: (text: string, role?: string) => string;
}

export async function rendering(context: Context, args: Pick<StepArgs, 'digest'>): Promise<Rendering> {
  const project = await context.store.project(args.digest);
  await context.store.knowSecrets(args.digest, project);
  const who = await whoAmI(context.projectDir, context.env());
  const audit = (text: string, role?: string) => line(auditor.record(project.deployment, text, { at: kamalTime(), performer: who.performer, role }));
  return { ...project, who, audit };
}

/** What rendering a step of the way back needs. */
export interface Kamal1StepRendering extends Kamal1Project {
  who: Who;
  audit: Rendering['audit'];
}

export async function kamal1Rendering(context: Context, args: Pick<StepArgs, 'digest'>): Promise<Kamal1StepRendering> {
  const project = await context.store.kamal1(args.digest);
  await context.store.knowSecrets(args.digest, project);
  const { deployment } = project;
  const who = await whoAmI(context.projectDir, context.env());
  const logged = { service: deployment.service, destination: deployment.destination, directories: { run: deployment.runDirectory } };
  const audit = (text: string, role?: string) => line(auditor.record(logged, text, { at: kamalTime(), performer: who.performer, role }));
  return { ...project, who, audit };
}

/** What the steps of both ways need of a project, whichever Kamal it is for. */
export async function eitherRendering(context: Context, args: Pick<StepArgs, 'digest'>): Promise<(Project | Kamal1Project) & { who: Who }> {
  const project = await context.store.either(args.digest);
  await context.store.knowSecrets(args.digest, project);
  const who = await whoAmI(context.projectDir, context.env());
  return isKamal1(project) ? { ...project, who } : { ...project, who };
}

/** The fence's file on a host: one a deployment, since two of them may be upgraded on one host at once. */
export function fenceOf(deployment: Pick<Deployment, 'name'>): string {
  return shellQuote(`fence-${deployment.name}`);
}

/**
 * Says whose run a second proxy is of: its folder is in the home of whoever logged in for it, which another deployment's
 * user may have no way to look into.
 */
export function ownerLabel(deployment: Pick<Deployment, 'name'>): string {
  return shellQuote(`${OWNER_LABEL}=${deployment.name}`);
}

/** The second kamal-proxy, which proves the app before the published one takes over. */
export function warmName(run: string): string {
  return `kamal-proxy-warm-${run}`;
}
