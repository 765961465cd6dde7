import path from 'node:path';
import { section } from './configuration/raw.ts';
import { gitVersion } from './git.ts';
import type { Hash } from './ruby/value.ts';
import type { Snapshot } from './snapshot.ts';

export interface VersionOptions {
  readonly projectDir: string;
  /** `--version` */
  readonly version?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** `--version`, else `VERSION` of the environment, else git's commit (Kamal 2.12: `Configuration#version`). */
export async function versionOf({ version, env, projectDir }: VersionOptions, raw: Hash): Promise<Snapshot['version']> {
  if (version !== undefined && version.trim() !== '') return { value: version, source: 'option', problem: null };
  if (env.VERSION !== undefined) return { value: env.VERSION, source: 'environment', problem: null };
  const context = section(raw, 'builder').get('context');
  const fromGit = await gitVersion(projectDir, { clones: context === undefined || context === null, env });
  if (fromGit !== null) return { value: fromGit, source: 'git', problem: null };
  return { value: null, source: null, problem: `Can't use commit hash as version, no git repository found in ${path.resolve(projectDir)}` };
}
