import { createTwoFilesPatch } from 'diff';
import type { Conversion, FileChange } from '../../convert/project.ts';
import type { Place } from '../../convert/report.ts';
import { withoutValues } from '../../convert/secrets/env-file.ts';
import { describeProblem, type Problem } from '../../kamal/index.ts';
import { bold, cyan, dim, green, red, yellow } from '../terminal.ts';

/** What a file becomes, as a unified diff; of secrets names and references only. */
export function diffOf({ file, before, after, secret }: FileChange): string {
  const shown = (text: string) => (secret ? withoutValues(text) : text);
  const patch = createTwoFilesPatch(before === null ? '/dev/null' : `a/${file}`, `b/${file}`, before === null ? '' : shown(before), shown(after), undefined, undefined, { context: 3 });
  return patch.split('\n').filter((line) => !/^={10,}$/.test(line) && !line.startsWith('Index: ')).map((line) => line.replace(/^(---|\+\+\+) (\S.*?)\t.*$/, '$1 $2')).join('\n').trimEnd();
}

/** All diffs, coloured on a terminal. */
export function diffText({ files, renames }: Conversion): string {
  const moved = renames.map(({ from, to }) => bold(`rename from ${from}\nrename to ${to}`));
  return [...files.map((file) => diffOf(file).split('\n').map(paint).join('\n')), ...moved].join('\n\n');
}

function paint(line: string): string {
  if (/^(---|\+\+\+) /.test(line)) return bold(line);
  if (line.startsWith('@@')) return cyan(line);
  if (line.startsWith('+')) return green(line);
  return line.startsWith('-') ? red(line) : line;
}

/** What changes, and why. */
export function changesText({ changes }: Conversion): string {
  return changes.map((change) => `${green('✓')} ${placeText(change)} ${change.what}\n    ${change.why}\n    ${dim(change.guide)}`).join('\n');
}

/** What is left to do, what Kamal 2 would refuse, and what may matter to somebody. */
export function remaindersText({ remainders }: Conversion, problems: readonly Problem[], unknown: readonly Problem[]): string {
  const lost = remainders.filter(({ weight }) => weight === 'lost');
  const notes = remainders.filter(({ weight }) => weight === 'note');
  return [
    ...lost.map((each) => `${red('✗')} ${placeText(each)} ${each.what}\n    ${each.todo}`),
    ...problems.map((problem) => `${red('✗')} ${describeProblem(problem).replaceAll('\n', '\n    ')}`),
    ...notes.map((each) => `${yellow('!')} ${placeText(each)} ${each.what}\n    ${each.todo}`),
    ...unknown.map((problem) => `${yellow('!')} not checked: ${describeProblem(problem).replaceAll('\n', '\n    ')}`),
  ].join('\n');
}

function placeText({ file, line }: Place): string {
  return `${line === null ? file : `${file}:${line}`}:`;
}
