import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/**
 * The app's version by git (Kamal 2.12: `Configuration#git_version`): the commit, with `_uncommitted_<16 hex>` behind it
 * when there are changes and the builder doesn't clone. Null outside a repository.
 */
export async function gitVersion(directory: string, { clones, env }: { clones: boolean; env: Readonly<Record<string, string | undefined>> }): Promise<string | null> {
  const git = async (...args: string[]): Promise<string | null> => {
    try {
      return (await execute('git', args, { cwd: directory, env: { ...env } })).stdout.trim();
    } catch {
      return null;
    }
  };
  if ((await git('rev-parse')) === null) return null;
  const revision = (await git('rev-parse', 'HEAD')) ?? '';
  const changed = !clones && (await git('status', '--porcelain')) !== '';
  return changed ? `${revision}_uncommitted_${randomBytes(8).toString('hex')}` : revision;
}
