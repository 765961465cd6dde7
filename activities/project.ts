import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, deploymentOf, kamal1, loadProject, readSecrets, SecretMissing, SecretsError, secretValuesIn, snapshotDigest, type Deployment, type Secrets, type Snapshot } from '../src/kamal/index.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import { failure } from './failures.ts';

export type Environment = Record<string, string | undefined>;

/** Where a worker finds its project: the checkout, and the snapshots kept of it. */
export interface ProjectPlace {
  projectDir: string;
  snapshotDirectory: string;
  /** The shell's environment, as last handed over by the CLI. */
  env: () => Environment;
}

/** What a digest stands for, ready to render commands from. */
export interface Project {
  snapshot: Snapshot;
  deployment: Deployment;
}

/** The same of a Kamal 1 configuration: where a way back goes to. */
export interface Kamal1Project {
  snapshot: kamal1.Kamal1Snapshot;
  deployment: kamal1.Kamal1Deployment;
}

/** True for what a way back was started with. */
export function isKamal1(project: Project | Kamal1Project): project is Kamal1Project {
  return isKamal1Snapshot(project.snapshot);
}

function isKamal1Snapshot(snapshot: Snapshot | kamal1.Kamal1Snapshot): snapshot is kamal1.Kamal1Snapshot {
  return 'generation' in snapshot && snapshot.generation === 'kamal1';
}

/**
 * Keeps a snapshot under its digest, 0600, for the life of the runs that name it: what happens to the checkout in the
 * meantime (a `git pull` while an approval is waited for) changes nothing. What ERB put into the file is in it.
 *
 * @returns the digest
 */
export async function keepSnapshot(directory: string, snapshot: Snapshot | kamal1.Kamal1Snapshot): Promise<string> {
  const digest = snapshotDigest(snapshot);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, `${digest}.json`);
  const temporary = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(temporary, JSON.stringify(snapshot), { mode: 0o600 });
  await rename(temporary, file);
  return digest;
}

/** Finds configurations by digest and resolves their secrets, for as long as a worker lives. */
export class ProjectStore {
  readonly #place: ProjectPlace;
  readonly #projects = new Map<string, Promise<Project | Kamal1Project>>();
  readonly #secretValues = new Set<string>();
  /** Clear values that may be secrets. */
  readonly #suspicious = new Set<string>();
  readonly #public = new Set<string>();
  /** Digests whose secrets have been resolved here. */
  readonly #known = new Set<string>();

  constructor(place: ProjectPlace) {
    this.#place = place;
  }

  /** Every secret value that this worker has seen, for scrubbing. */
  secretValues(): Iterable<string> {
    return [...this.#secretValues, ...this.#suspicious];
  }

  /**
   * Takes clear values out of what is scrubbed that are nothing but a part of these: a host name that everybody asks for is
   * no secret because a variable has it, too. What is a secret by the configuration stays one.
   */
  showPublic(texts: readonly string[]): void {
    for (const value of this.#suspicious) if (texts.some((text) => text.includes(value))) this.#public.add(value);
    for (const value of this.#public) this.#suspicious.delete(value);
  }

  /** Remembers a value that was found on a host, for scrubbing. */
  keepSecret(value: string): void {
    this.#secretValues.add(value);
  }

  /**
   * The configuration that a run was started with.
   * @throws ApplicationFailure ConfigurationMissing when it is neither kept here nor what the checkout gives now
   */
  async project(digest: string): Promise<Project> {
    const project = await this.either(digest);
    if (isKamal1(project)) throw failure(FailureType.configurationMissing, `digest ${digest.slice(0, 12)} is a Kamal 1 configuration, where one of Kamal 2 is expected`);
    return project;
  }

  /** The same for a way back. @throws ApplicationFailure ConfigurationMissing */
  async kamal1(digest: string): Promise<Kamal1Project> {
    const project = await this.either(digest);
    if (!isKamal1(project)) throw failure(FailureType.configurationMissing, `digest ${digest.slice(0, 12)} is a Kamal 2 configuration, where one of Kamal 1 is expected`);
    return project;
  }

  /** The same, of whichever Kamal it is. @throws ApplicationFailure ConfigurationMissing */
  async either(digest: string): Promise<Project | Kamal1Project> {
    const known = this.#projects.get(digest) ?? this.#load(digest);
    this.#projects.set(digest, known);
    try {
      return await known;
    } catch (error) {
      this.#projects.delete(digest);
      throw error;
    }
  }

  /**
   * The secrets, resolved anew at each call: they may come from a password manager whose session has ended meanwhile.
   * @throws ApplicationFailure SecretsUnresolved
   */
  async secrets(project: Project | Kamal1Project): Promise<Secrets> {
    const place = { projectDir: this.#place.projectDir, env: this.#place.env() };
    try {
      const secrets = isKamal1(project) ? await kamal1.readKamal1Secrets(project.snapshot, { ...place, others: await kamal2Secrets(project.snapshot, place) }) : await readSecrets(project.snapshot, place);
      const { secret, suspicious } = secretValuesIn(project.deployment, secrets);
      for (const value of secret) this.#secretValues.add(value);
      for (const value of suspicious) if (!this.#public.has(value)) this.#suspicious.add(value);
      return secrets;
    } catch (error) {
      throw secretsFailure(error);
    }
  }

  /**
   * Resolves the secrets once, so that they can be told in what a step says. A worker that was started again in the
   * midst of a run has not seen them yet. A step that needs none goes on where they don't resolve.
   */
  async knowSecrets(digest: string, project: Project | Kamal1Project): Promise<void> {
    if (this.#known.has(digest)) return;
    await this.secrets(project).then(() => this.#known.add(digest), () => undefined);
  }

  async #load(digest: string): Promise<Project | Kamal1Project> {
    const snapshot = (await this.#kept(digest)) ?? (await this.#fromCheckout(digest));
    return isKamal1Snapshot(snapshot) ? { snapshot, deployment: kamal1.kamal1DeploymentOf(snapshot) } : { snapshot, deployment: deploymentOf(snapshot) };
  }

  async #kept(digest: string): Promise<Snapshot | kamal1.Kamal1Snapshot | null> {
    try {
      return JSON.parse(await readFile(join(this.#place.snapshotDirectory, `${digest}.json`), 'utf8')) as Snapshot | kamal1.Kamal1Snapshot;
    } catch {
      return null;
    }
  }

  /** A worker on another machine than the CLI's: its own checkout must mean the same. */
  async #fromCheckout(digest: string): Promise<Snapshot> {
    const wanted = `the configuration that this run was started with (digest ${digest.slice(0, 12)}) is not kept on this worker's machine`;
    const hint = 'check out the commit that the run was started from on the worker, then: bactrian resume';
    let snapshot: Snapshot;
    try {
      snapshot = await loadProject({ projectDir: this.#place.projectDir, env: this.#place.env() });
    } catch (error) {
      const reason = error instanceof ConfigError ? error.message : 'it cannot be read';
      throw failure(FailureType.configurationMissing, `${wanted}, and its own checkout does not load: ${reason}`, { hint });
    }
    if (snapshotDigest(snapshot) !== digest) {
      throw failure(FailureType.configurationMissing, `${wanted}, and its own checkout differs (digest ${snapshotDigest(snapshot).slice(0, 12)}, ${snapshot.configFile})`, { hint });
    }
    await keepSnapshot(this.#place.snapshotDirectory, snapshot);
    return snapshot;
  }
}

/**
 * The secrets of the same project under Kamal 2: whoever moved to it has them there, and `.env` may be gone.
 * @returns undefined where there are none, or they don't resolve: then those of Kamal 1 have to do
 */
export async function kamal2Secrets({ destination }: Pick<Snapshot, 'destination'>, { projectDir, env }: { projectDir: string; env: Environment }): Promise<Secrets | undefined> {
  try {
    return await readSecrets(await loadProject({ projectDir, destination: destination ?? undefined, env }), { projectDir, env });
  } catch {
    return undefined;
  }
}

/** Missing secrets are a person's to mend: the run waits for them instead of failing. */
export function secretsFailure(error: unknown): unknown {
  if (!(error instanceof SecretMissing || error instanceof SecretsError)) return error;
  return failure(FailureType.secretsUnresolved, error.message, { hint: 'needs your shell: set what .kamal/secrets reads, then `bactrian resume`' });
}
