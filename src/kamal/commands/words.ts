import type { Command } from '../shell.ts';

type Part = Command | null | undefined;

/** Joins commands by an operator of the shell, leaving out what is missing. */
function joined(parts: readonly Part[], by: string): string[] {
  const present = parts.filter((part): part is Command => part !== null && part !== undefined);
  return present.flatMap((part, index) => (index === 0 ? [...part] : [by, ...part]));
}

/** `a && b` */
export const combine = (...parts: Part[]): Command => joined(parts, '&&');
/** `a ; b` */
export const chain = (...parts: Part[]): Command => joined(parts, ';');
/** `a | b` */
export const pipe = (...parts: Part[]): Command => joined(parts, '|');
/** `a || b` */
export const any = (...parts: Part[]): Command => joined(parts, '||');
/** `a > b` */
export const write = (...parts: Part[]): Command => joined(parts, '>');
/** `a >> b` */
export const append = (...parts: Part[]): Command => joined(parts, '>>');

/** `docker …`, leaving out what is missing. */
export function docker(...words: (string | null | undefined)[]): Command {
  return ['docker', ...words.filter((word): word is string => word !== null && word !== undefined)];
}

export function xargs(command: Command): Command {
  return ['xargs', ...command];
}

/** `sh -c '…'` */
export function shell(command: Command): Command {
  return ['sh', '-c', `'${command.join(' ').replaceAll("'", "'\\''")}'`];
}

export function makeDirectory(path: string): Command {
  return ['mkdir', '-p', path];
}

export function removeDirectory(path: string): Command {
  return ['rm', '-r', path];
}

/** Ids of containers of exactly this name. */
export function containerIdFor(name: string, { onlyRunning = false } = {}): Command {
  return docker('container', 'ls', onlyRunning ? null : '--all', '--filter', `'name=^${name}$'`, '--quiet');
}
