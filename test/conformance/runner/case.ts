import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** How one case is run: the options and the surroundings of real Kamal's run. */
export interface Case {
  readonly version?: string | null;
  readonly destination?: string;
  readonly config_file?: string;
  readonly hosts?: string;
  readonly roles?: string;
  readonly primary?: boolean;
  readonly env?: Record<string, string>;
  readonly git?: { readonly revision: string; readonly dirty: boolean };
}

export async function readCase(directory: string): Promise<Case> {
  return JSON.parse(await readFile(path.join(directory, 'case.json'), 'utf8')) as Case;
}

/** Runs something with a `git` on the path that answers as in the case, so that the repository around us doesn't. */
export async function withGit<T>(git: Case['git'], use: (binDirectory: string) => Promise<T>): Promise<T> {
  const bin = await mkdtemp(path.join(tmpdir(), 'conformance-git-'));
  const answers = git
    ? `case "$*" in rev-parse) exit 0 ;; "rev-parse HEAD") echo ${git.revision} ;; "status --porcelain") ${git.dirty ? 'echo " M file"' : ':'} ;; esac`
    : 'exit 128';
  await writeFile(path.join(bin, 'git'), `#!/bin/sh\n${answers}\n`, { mode: 0o755 });
  try {
    return await use(bin);
  } finally {
    await rm(bin, { recursive: true });
  }
}

/** The environment that the corpus was made in. */
export function environment(of: Case, bin: string): Record<string, string> {
  return { PATH: `${bin}:${process.env.PATH ?? ''}`, HOME: '/home/deployer', LANG: 'C.UTF-8', TZ: 'UTC', USER: 'deployer', LOGNAME: 'deployer', ...of.env };
}
