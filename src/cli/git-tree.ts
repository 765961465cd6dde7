import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Git's output in a folder, null when it fails: no repository, or no git. */
async function git(dir: string, ...args: string[]): Promise<string | null> {
  try {
    return (await execute('git', args, { cwd: dir, maxBuffer: 64 << 20 })).stdout;
  } catch {
    return null;
  }
}

/** Whether git ignores a file; null outside a repository. */
export async function ignoredByGit(dir: string, file: string): Promise<boolean | null> {
  if ((await git(dir, 'rev-parse', '--git-dir')) === null) return null;
  return (await git(dir, 'check-ignore', '--quiet', file)) !== null;
}

/**
 * Why changing these files (relative to the folder) could lose something that git doesn't have: no repository, changes
 * that aren't committed, files that git doesn't know. Null when nothing could.
 */
export async function unsafeTree(dir: string, files: readonly string[]): Promise<string | null> {
  const status = await git(dir, 'status', '--porcelain', '-z', '--untracked-files=no');
  if (status === null) return 'this is no git repository, so nothing would keep the files as they were';
  const changed = status.split('\0').filter((line) => line !== '').map((line) => line.slice(3));
  if (changed.length > 0) return `git has changes that aren't committed: ${changed.slice(0, 5).join(', ')}${changed.length > 5 ? ' …' : ''}`;
  const known = new Set(((await git(dir, 'ls-files', '-z', '--', ...files)) ?? '').split('\0'));
  const unknown = files.filter((file) => !known.has(file));
  return unknown.length > 0 ? `git doesn't know ${unknown.join(', ')}` : null;
}
