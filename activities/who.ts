import { execFile } from 'node:child_process';
import { userInfo } from 'node:os';
import { promisify } from 'node:util';
import type { Environment } from './project.ts';

const run = promisify(execFile);

/** Who does it: Kamal's audit lines and hooks name the e-mail of git's user, its lock the name. */
export interface Who {
  performer: string;
  locker: string;
}

/**
 * (Kamal 2.12: `Git.email`, else `whoami`; `Git.user_name` for the lock, which stays empty where git knows none.)
 */
export async function whoAmI(projectDir: string, env: Environment): Promise<Who> {
  const git = async (key: string) => {
    try {
      return (await run('git', ['config', key], { cwd: projectDir, env: { ...env } })).stdout.trim();
    } catch {
      return '';
    }
  };
  const [email, name] = await Promise.all([git('user.email'), git('user.name')]);
  return { performer: email || userInfo().username, locker: name };
}

/** Now, as Kamal writes times: ISO 8601 in UTC, to the second. */
export function kamalTime(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
