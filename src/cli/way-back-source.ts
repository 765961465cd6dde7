import { ConfigError, type Secrets } from '../kamal/index.ts';
import type { Records } from '../plan/record/variables.ts';
import { openKamal1Project, openKamal1Secrets, openProject, openSecrets, type LoadedKamal1Project, type LoadedProject, type ProjectOptions } from './project.ts';
import { openRecordedProject, type RecordWish } from './records.ts';

/** Where a way back goes to, and what that was made of. */
export interface WayBackSource {
  project: LoadedKamal1Project;
  secrets: Secrets;
  /** What is written down on the hosts, where the configuration was made of it. */
  records?: Records;
  /** Worth knowing about it. */
  notes: string[];
  /** Said when all is done. */
  farewell: string;
}

/**
 * Finds the configuration of Kamal 1: in a commit, in a file, else made of what is written down on the hosts. The last
 * is what a project gets that is one of Kamal 2.
 *
 * @throws ConfigError, SecretsError, CommandError
 */
export async function openWayBack(options: ProjectOptions & { fromGit?: string; fromSnapshot?: boolean }, say: RecordWish['say']): Promise<WayBackSource> {
  const { fromGit, fromSnapshot } = options;
  const kamal2 = fromGit === undefined ? await kamal2Project(options, fromSnapshot === true) : null;
  if (kamal2) {
    const { project, records, notes } = await openRecordedProject(kamal2, await openSecrets(kamal2), { skipHooks: options.skipHooks === true, say });
    return { project, records, notes, secrets: await openKamal1Secrets(project), farewell: "is on Kamal 1, as it was before the upgrade. From here on: kamal 1.9, with the project as it was then." };
  }
  const project = await openKamal1Project(options, fromGit);
  return { project, secrets: await openKamal1Secrets(project), notes: [], farewell: 'is on Kamal 1. From here on: kamal 1.9, with this configuration.' };
}

/** The project as Kamal 2 sees it; null where it is one of Kamal 1: no configuration is both (Kamal 2 needs `builder: arch`). */
async function kamal2Project(options: ProjectOptions, wanted: boolean): Promise<LoadedProject | null> {
  if (wanted) return await openProject(options);
  // A file that is named is meant to be Kamal 1's, and is told what in it isn't.
  if (options.configFile !== undefined) return null;
  try {
    return await openProject(options);
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}
