import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix, resolve } from 'node:path';
import type { Rename } from '../convert/hooks.ts';
import { ConfigError, loadProject, type Problem } from '../kamal/index.ts';

/** What a converted configuration is, before it is written. */
export interface Checked {
  /** What Kamal 2 would refuse it for. */
  readonly problems: readonly Problem[];
  /** Why it can't be said here: ERB that needs another environment. */
  readonly unknown: readonly Problem[];
}

interface Conditions {
  /** Hooks get their new names before Kamal 2 looks at them. */
  readonly renames: readonly Rename[];
  readonly configFile: string;
  /** Null: the configuration without a destination. */
  readonly destinations: readonly (string | null)[];
}

/**
 * Loads a converted configuration as Kamal 2 does, in a copy of the project that is made of links. Secrets aren't read.
 * @param files new texts of configuration files, by path relative to the project
 */
export async function checkConverted(dir: string, files: ReadonlyMap<string, string>, { renames, configFile, destinations }: Conditions): Promise<Checked> {
  return await inConvertedCopy(dir, files, renames, async (copy) => {
    const problems: Problem[] = [];
    for (const destination of destinations) {
      try {
        await loadProject({ projectDir: copy, configFile, destination: destination ?? undefined, version: 'any', env: process.env });
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        problems.push(...error.problems.map((problem) => JSON.parse(JSON.stringify(problem).replaceAll(copy, dir)) as Problem));
      }
    }
    const once = problems.filter((problem, index) => problems.findIndex(({ file, line, message }) => file === problem.file && line === problem.line && message === problem.message) === index);
    return { problems: once.filter((problem) => !isErb(problem)), unknown: once.filter(isErb) };
  });
}

/**
 * Calls with a copy of the project as it is once converted: links to what stays, in a folder that only this user reads.
 * @param files new texts, by path relative to the project
 */
export async function inConvertedCopy<T>(dir: string, files: ReadonlyMap<string, string>, renames: readonly Rename[], use: (copy: string) => Promise<T>): Promise<T> {
  const copy = mkdtempSync(join(tmpdir(), 'bactrian-convert-'));
  try {
    const renamed = renames.flatMap(({ from, to }): Place[] => [{ path: parts(from) }, { path: parts(to), target: resolve(dir, from) }]);
    // What lies outside the project stays as it is.
    const places = [...[...files].map(([file, text]): Place => ({ path: parts(file), text })), ...renamed];
    link(dir, copy, places.filter(({ path }) => path[0] !== '..' && path[0] !== ''));
    return await use(copy);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** ERB that fails has a line, and neither a column nor a key. */
function isErb({ key, line, column }: Problem): boolean {
  return key === '' && line !== null && column === null;
}

/** How the copy differs in one place: a new text, a link to another file, or nothing there. */
interface Place {
  readonly path: readonly string[];
  readonly text?: string;
  readonly target?: string;
}

/** A folder like another one: links to what is in it, but for some places. */
function link(from: string, to: string, places: readonly Place[]): void {
  const changed = new Set(places.map(({ path }) => path[0] ?? ''));
  // A folder that the conversion adds has nothing in it yet.
  for (const name of existsSync(from) ? readdirSync(from) : []) if (!changed.has(name)) symlinkSync(join(from, name), join(to, name));
  for (const { path, text, target } of places.filter((place) => place.path.length === 1)) {
    if (text !== undefined) writeFileSync(join(to, path[0] ?? ''), text);
    if (target !== undefined) symlinkSync(target, join(to, path[0] ?? ''));
  }
  for (const folder of new Set(places.filter(({ path }) => path.length > 1).map(({ path }) => path[0] ?? ''))) {
    mkdirSync(join(to, folder));
    link(join(from, folder), join(to, folder), places.flatMap((place) => (place.path.length > 1 && place.path[0] === folder ? [{ ...place, path: place.path.slice(1) }] : [])));
  }
}

function parts(file: string): string[] {
  return posix.normalize(file).split('/');
}
