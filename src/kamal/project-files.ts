import { readFile, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { fnmatch } from './ruby/fnmatch.ts';
import type { LocalFile, Snapshot } from './snapshot.ts';

/**
 * Where a project's files come from: the work tree, or a commit ({@link file://./git-files.ts}). Paths are absolute.
 */
export interface ProjectFiles {
  /** A file's bytes, null when there is no such file. */
  read(file: string): Promise<Buffer | null>;
  /** A file or folder as it is uploaded. */
  local(file: string): Promise<LocalFile>;
  /** A path as named to the user when it isn't there. */
  describe(file: string): string;
}

/** The files on this machine's disk. */
export const WORK_TREE: ProjectFiles = { read: readBytes, local: localFile, describe: (file) => file };

/** A file's text, null when there is no such file. */
export async function readText(file: string): Promise<string | null> {
  const bytes = await readBytes(file);
  return bytes === null ? null : bytes.toString('utf8');
}

async function readBytes(file: string): Promise<Buffer | null> {
  try {
    return await readFile(file);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Names of the files in a directory, sorted; none when it doesn't exist. */
async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** The hooks of a project by name. */
export async function hooksIn(projectDir: string, hooksPath: string): Promise<string[]> {
  const names = await namesIn(path.resolve(projectDir, hooksPath));
  return names.filter((name) => !name.endsWith('.sample'));
}

/** Secrets files of a destination, in the order of reading (Kamal 2.12: `Secrets#secrets_filenames`). */
export async function secretsFilesOf(projectDir: string, secretsPath: string, destination: string | null): Promise<Snapshot['secretsFiles']> {
  const looked = [`${secretsPath}-common`, `${secretsPath}${destination === null ? '' : `.${destination}`}`];
  const present: string[] = [];
  for (const file of looked) if (await exists(path.resolve(projectDir, file))) present.push(file);
  return { looked, present };
}

/** Contents of all accessories' files. */
export async function accessoryFilesOf(
  projectDir: string,
  accessories: readonly { readonly files: readonly { readonly local: string }[] }[],
  env: Readonly<Record<string, string | undefined>>,
  source: ProjectFiles = WORK_TREE,
): Promise<Record<string, LocalFile>> {
  const locals = [...new Set(accessories.flatMap(({ files }) => files.map(({ local }) => local)))].sort();
  const files: Record<string, LocalFile> = {};
  for (const local of locals) files[local] = await source.local(expandPath(projectDir, local, env.HOME));
  return files;
}

async function localFile(file: string): Promise<LocalFile> {
  try {
    if (!(await stat(file)).isDirectory()) return { kind: 'file', base64: (await readFile(file)).toString('base64') };
  } catch (error) {
    if (isMissing(error)) return { kind: 'missing' };
    throw error;
  }
  const entries = await readdir(file, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name)).sort();
  const files = [];
  for (const each of paths) files.push({ path: path.relative(file, each), base64: (await readFile(each)).toString('base64') });
  return { kind: 'directory', files };
}

/** Error pages of the app: `4??.html` and `5??.html`, base64 by name. */
export async function errorPagesOf(projectDir: string, directory: string): Promise<Record<string, string>> {
  const root = path.resolve(projectDir, directory);
  const names = (await namesIn(root)).filter((name) => fnmatch('{4??.html,5??.html}', name));
  const pages: Record<string, string> = {};
  for (const name of names) pages[name] = (await readFile(path.join(root, name))).toString('base64');
  return pages;
}

/** `File.expand_path`: relative to the project, `~` is the user's home. */
export function expandPath(projectDir: string, file: string, home = process.env.HOME): string {
  if (home !== undefined && (file === '~' || file.startsWith('~/'))) return path.join(home, file.slice(1));
  return path.resolve(projectDir, file);
}

/** Whether there is a file or folder of that name. */
export async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
