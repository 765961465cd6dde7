import { chmodSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { convertProject, Unreadable, type Conversion, type Project } from '../../convert/project.ts';
import { checkConverted, type Checked } from '../convert-check.ts';
import { projectToConvert } from '../convert-project.ts';
import { CommandError, EXIT } from '../exit-codes.ts';
import { unsafeTree } from '../git-tree.ts';
import { projectOptions, type ProjectOptions } from '../project.ts';
import { changesText, diffOf, diffText, remaindersText } from '../render/conversion.ts';
import { bold, cyan, green, Output, red, yellow } from '../terminal.ts';
import { count } from '../values.ts';

interface ConvertOptions extends ProjectOptions {
  write?: boolean;
  force?: boolean;
  json?: boolean;
}

/** `bactrian convert` */
export function convertCommand(program: Command): void {
  projectOptions(program.command('convert').description('make a Kamal 2 project of a Kamal 1 project: show the diff, write it with --write'))
    .option('--write', 'write it')
    .option('--force', 'write although git has not everything, or although something is left to you')
    .option('--json', 'as JSON')
    .action(async (options: ConvertOptions) => {
      process.exitCode = await convert(options);
    });
}

/** @returns the exit code: ok; refused while something is left to do, or git doesn't have the files */
async function convert(options: ConvertOptions): Promise<number> {
  const out = new Output(options);
  const { dir, project, conversion } = await converted(options);
  const { files, renames, remainders } = conversion;
  if (files.length === 0 && renames.length === 0) {
    const left = remainders.filter(({ weight }) => weight === 'lost');
    out.tell(remaindersText(conversion, [], []));
    out.say(`${green('✓')} nothing to convert: this is a Kamal 2 project`);
    out.result({ files: [], renames: [], changes: [], left: remainders, problems: [], written: false });
    return left.length === 0 ? EXIT.ok : EXIT.refused;
  }
  const checked = await check(dir, project, conversion);
  out.tell(diffText(conversion));
  out.tell(`\n${bold('What changes, and why')}\n${changesText(conversion)}`);
  const rest = remaindersText(conversion, checked.problems, checked.unknown);
  if (rest !== '') out.say(`\n${bold('What is left to you')}\n${rest}`);
  const open = remainders.filter(({ weight }) => weight === 'lost').length + checked.problems.length;
  const refusal = await refusalOf(dir, conversion, open, options);
  const written = options.write === true && refusal === null;
  if (written) write(dir, conversion);
  out.result({
    files: files.map((file) => ({ file: file.file, new: file.before === null, diff: diffOf(file) })),
    renames,
    changes: conversion.changes,
    left: remainders,
    problems: checked.problems,
    unchecked: checked.unknown,
    written,
  });
  out.say();
  if (written) out.say(`${green('✓')} written: ${count(files.length + renames.length, 'file')}${open > 0 ? `, ${count(open, 'thing')} left to you` : ''}\n  ${NEXT}`);
  else if (options.write) out.say(`${red('✗')} nothing is written: ${refusal ?? ''}`);
  else out.say(`${yellow('!')} nothing is written yet: ${open > 0 ? `${count(open, 'thing')} left to you; ` : ''}--write writes it${refusal === null || open > 0 ? '' : `, but: ${refusal}`}`);
  return refusal === null || (!options.write && open === 0) ? EXIT.ok : EXIT.refused;
}

async function converted(options: ConvertOptions): Promise<{ dir: string; project: Project; conversion: Conversion }> {
  try {
    const { dir, project } = await projectToConvert(options);
    return { dir, project, conversion: await convertProject(project) };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    throw new CommandError(EXIT.usage, `${error.place.file}:${error.place.line ?? 1}: ${error.message}`, 'the file has to be YAML even when its ERB is left out of account');
  }
}

/** The way back reads Kamal 1's configuration from a commit. */
const NEXT = `next: look at it (\`git diff\`), give the commit before it a name for the way back (\`git tag last-kamal-1\`), commit; then ${cyan('bactrian check')}`;

/** A destination is checked with the base; the base alone only where there are no destinations. */
async function check(dir: string, { base, destinations }: Project, { files, renames }: Conversion): Promise<Checked> {
  const own = new Set([base.file, ...destinations.map(({ file }) => file)]);
  const texts = new Map(files.filter(({ file }) => own.has(file)).map(({ file, after }) => [file, after]));
  return await checkConverted(dir, texts, { renames, configFile: base.file, destinations: destinations.length === 0 ? [null] : destinations.map(({ destination }) => destination) });
}

async function refusalOf(dir: string, { files, renames }: Conversion, open: number, { force }: ConvertOptions): Promise<string | null> {
  if (force) return null;
  if (open > 0) return `${count(open, 'thing')} couldn't be converted, see above; --force writes the rest`;
  const known = [...files.filter(({ before }) => before !== null).map(({ file }) => file), ...renames.map(({ from }) => from)];
  const unsafe = await unsafeTree(dir, known);
  return unsafe === null ? null : `${unsafe}; commit first, or --force`;
}

function write(dir: string, { files, renames }: Conversion): void {
  for (const { file, before, after, secret } of files) {
    const path = resolve(dir, file);
    mkdirSync(dirname(path), { recursive: true });
    const mode = before === null ? (secret ? 0o600 : 0o644) : statSync(path).mode & 0o777;
    const beside = `${path}.bactrian-${process.pid}`;
    writeFileSync(beside, after, { mode: 0o600 });
    chmodSync(beside, mode);
    renameSync(beside, path);
  }
  for (const { from, to } of renames) renameSync(resolve(dir, from), resolve(dir, to));
}
