import type { CheckItem, Level } from '../../plan/check/items.ts';
import { bold, cyan, dim, green, red, yellow } from '../terminal.ts';

const MARKS: Record<Level, () => string> = { ok: () => green('✓'), warn: () => yellow('!'), fail: () => red('✗') };

/**
 * The list as a person reads it: the project, then host by host; below each ! and ✗ what to do about it.
 * @param quiet only what is ! or ✗
 */
export function checkText(all: readonly CheckItem[], { quiet = false }: { quiet?: boolean } = {}): string {
  const items = quiet ? all.filter(({ level }) => level !== 'ok') : all;
  const places = [...new Set(items.map(({ where }) => where))];
  return places.map((where) => [bold(where === 'project' ? 'Project' : where), ...items.filter((item) => item.where === where).flatMap(lines)].join('\n')).join('\n\n');
}

function lines({ level, what, fix }: CheckItem): string[] {
  return [`  ${MARKS[level]()} ${what}`, ...(fix === null ? [] : [`    ${cyan('→')} ${dim(fix)}`])];
}

/** The last line: how much of what was found. */
export function checkSummary(items: readonly CheckItem[], { offline = false }: { offline?: boolean }): string {
  const of = (level: Level) => items.filter((item) => item.level === level).length;
  const fails = of('fail');
  const rest = `${of('ok')} ✓ · ${of('warn')} ! · ${fails} ✗`;
  return fails === 0 ? `${green('✓')} ${offline ? 'the project is ready; its hosts were not looked at' : 'ready for `bactrian upgrade`'}  ${dim(rest)}` : `${red('✗')} not ready: ${fails} thing${fails === 1 ? '' : 's'} to put right first  ${dim(rest)}`;
}
