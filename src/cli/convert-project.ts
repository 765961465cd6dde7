import { accessSync, constants, readdirSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Hook } from '../convert/hooks.ts';
import type { Project } from '../convert/project.ts';
import { configuredHooksPath } from '../convert/configuration.ts';
import { destinationFile } from '../kamal/index.ts';
import { realProjectDir } from '../temporal/state.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { ignoredByGit } from './git-tree.ts';
import { destinationsOf, type ProjectOptions } from './project.ts';

/**
 * Reads what there is to convert: the configuration, all destinations or the one that is named, hooks.
 * @throws CommandError when the configuration or the destination's file isn't there
 */
export async function projectToConvert(options: ProjectOptions): Promise<{ dir: string; project: Project }> {
  const dir = realProjectDir(options.project);
  const file = options.configFile ?? 'config/deploy.yml';
  const read = (name: string) => textOf(resolve(dir, name));
  const text = read(file);
  if (text === null) throw new CommandError(EXIT.usage, `${file}: no such file in ${dir}`, 'run it in the folder of the project, or name the file with -c');
  const all = destinationsOf(options);
  const wanted = options.destination === undefined ? all : [options.destination];
  const destinations = wanted.map((destination) => {
    const own = destinationFile(file, destination);
    const content = read(own);
    if (content === null) throw new CommandError(EXIT.usage, `${own}: no such file in ${dir}`, all.length === 0 ? 'there are no destinations: leave -d out' : `destinations are ${all.join(', ')}`);
    return { file: own, text: content, destination };
  });
  const base = { file, text };
  const hooksPath = configuredHooksPath(base);
  return {
    dir,
    project: {
      base,
      destinations,
      others: all.filter((each) => !wanted.includes(each)),
      hooksPath,
      hooks: hooksOf(dir, hooksPath),
      read,
      secretsIgnored: await ignoredByGit(dir, '.kamal/secrets'),
    },
  };
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(String(error.code))) return null;
    throw error;
  }
}

function hooksOf(dir: string, folder: string): Hook[] {
  let names: string[];
  try {
    names = readdirSync(resolve(dir, folder)).sort();
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const file = resolve(dir, folder, name);
    return statSync(file).isFile() ? [{ name, text: readFileSync(file, 'utf8'), executable: isExecutable(file) }] : [];
  });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
