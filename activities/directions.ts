import type { Direction } from '../workflows/types.ts';

/** Steps that are told which way their run goes. */
type Steps<T> = { [Name in keyof T]: T[Name] extends (args: infer Args) => Promise<unknown> ? (Args extends { direction: Direction } ? T[Name] : never) : never };

/**
 * The steps that differ by the direction of a run: each call goes to those of its own.
 *
 * @param upgrade the steps to Kamal 2
 * @param downgrade the same ones to Kamal 1
 */
export function byDirection<T extends Steps<T>>(upgrade: T, downgrade: T): T {
  const step = (name: keyof T) => (args: { direction: Direction }) => ((args.direction === 'downgrade' ? downgrade : upgrade)[name] as (args: { direction: Direction }) => Promise<unknown>)(args);
  return Object.fromEntries((Object.keys(downgrade) as (keyof T)[]).map((name) => [name, step(name)])) as unknown as T;
}
