import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { ConfigError } from './problems.ts';
import { WORK_TREE, type ProjectFiles } from './project-files.ts';
import type { LocalFile } from './snapshot.ts';

const execute = promisify(execFile);
const MOST = 64 * 1024 * 1024;

/** A project's files as of a commit; the work tree isn't touched, nor looked at unless `ProjectFiles` says so. */
export interface CommitFiles {
  /** The commit, 40 hex digits. */
  readonly revision: string;
  /** What the commit has, and nothing else. */
  readonly commit: ProjectFiles;
  /** What the commit has, else the work tree's file: keys and the like that git ignores. */
  readonly withWorkTree: ProjectFiles;
}

/**
 * Reads files from a commit of the repository that the project is in.
 * @throws ConfigError when there is no repository, or no such commit
 */
export async function filesOfCommit(projectDir: string, revision: string, env: Readonly<Record<string, string | undefined>>): Promise<CommitFiles> {
  const git = new Repository(projectDir, env);
  const root = await git.text('rev-parse', '--show-toplevel');
  if (root === null) throw new ConfigError([problem(revision, 'not a git repository', 'a project in a git repository, to read an earlier configuration from')]);
  const oid = /^-|[\0\n]/.test(revision) ? null : await git.text('rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`);
  if (oid === null) throw new ConfigError([problem(revision, `no commit ${revision} in this repository`, 'a commit, branch or tag', 'git log --oneline -- config/deploy.yml lists the commits that changed the configuration')]);
  const inRepository = (file: string): string | null => {
    const relative = path.relative(root, file);
    return relative === '' || relative.startsWith('..') || path.isAbsolute(relative) || relative.includes('\n') ? null : relative;
  };
  const commit: ProjectFiles = {
    read: async (file) => {
      const name = inRepository(file);
      return name === null ? WORK_TREE.read(file) : git.blob(oid, name);
    },
    local: async (file) => {
      const name = inRepository(file);
      return name === null ? WORK_TREE.local(file) : git.local(oid, name);
    },
    describe: (file) => `${revision}:${inRepository(file) ?? file}`,
  };
  const withWorkTree: ProjectFiles = {
    ...commit,
    read: async (file) => (await commit.read(file)) ?? WORK_TREE.read(file),
    local: async (file) => {
      const found = await commit.local(file);
      return found.kind === 'missing' ? WORK_TREE.local(file) : found;
    },
  };
  return { revision: oid, commit, withWorkTree };
}

class Repository {
  private readonly directory: string;
  private readonly env: Readonly<Record<string, string | undefined>>;

  constructor(directory: string, env: Readonly<Record<string, string | undefined>>) {
    this.directory = directory;
    this.env = env;
  }

  /** What git prints, null when it fails. */
  async text(...args: string[]): Promise<string | null> {
    return (await this.run(args))?.toString('utf8').trim() ?? null;
  }

  /** A file's content; symbolic links within the commit are followed. */
  async blob(oid: string, name: string): Promise<Buffer | null> {
    const output = await this.run(['cat-file', '--batch', '--follow-symlinks'], `${oid}:${name}\n`);
    const end = output?.indexOf('\n') ?? -1;
    const [, size] = /^[0-9a-f]+ blob (\d+)$/.exec(output?.subarray(0, end).toString('utf8') ?? '') ?? [];
    return output && size !== undefined ? output.subarray(end + 1, end + 1 + Number(size)) : null;
  }

  async local(oid: string, name: string): Promise<LocalFile> {
    const content = await this.blob(oid, name);
    if (content) return { kind: 'file', base64: content.toString('base64') };
    const listing = (await this.run(['ls-tree', '-r', '-z', '--full-tree', '--name-only', oid, '--', `${name}/`]))?.toString('utf8') ?? '';
    const names = listing.split('\0').filter(Boolean).sort();
    if (names.length === 0) return { kind: 'missing' };
    const files = [];
    for (const each of names) {
      const bytes = await this.blob(oid, each);
      if (bytes) files.push({ path: path.posix.relative(name, each), base64: bytes.toString('base64') });
    }
    return { kind: 'directory', files };
  }

  private async run(args: readonly string[], input = ''): Promise<Buffer | null> {
    try {
      const running = execute('git', [...args], { cwd: this.directory, env: { ...this.env }, encoding: 'buffer', maxBuffer: MOST });
      // A git that is gone before it read all says so by its exit.
      running.child.stdin?.on('error', () => undefined).end(input);
      return (await running).stdout;
    } catch {
      return null;
    }
  }
}

function problem(revision: string, message: string, expected: string, hint?: string) {
  return { file: revision, line: null, column: null, key: '', message, found: revision, expected, ...(hint === undefined ? {} : { hint }) };
}
