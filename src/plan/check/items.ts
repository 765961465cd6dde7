/** `ok`: as it should be; `warn`: the upgrade goes on, and somebody may want to know; `fail`: it would be refused, or break. */
export type Level = 'ok' | 'warn' | 'fail';

/** One line of a check. Keys and ids stay as they are: scripts read them. */
export interface CheckItem {
  /** What was looked at: `config`, `docker`, `health` … */
  id: string;
  level: Level;
  /** `project`, or the host. */
  where: string;
  what: string;
  /** What to do about it; null where all is well. */
  fix: string | null;
}

/** Items about one place. */
export class ItemsAt {
  readonly where: string;
  readonly items: CheckItem[] = [];

  constructor(where: string) {
    this.where = where;
  }

  ok(id: string, what: string): void {
    this.items.push({ id, level: 'ok', where: this.where, what, fix: null });
  }

  warn(id: string, what: string, fix: string): void {
    this.items.push({ id, level: 'warn', where: this.where, what, fix });
  }

  fail(id: string, what: string, fix: string): void {
    this.items.push({ id, level: 'fail', where: this.where, what, fix });
  }

  /** True when something about it was found wrong already. */
  hasFailed(id: string): boolean {
    return this.items.some((item) => item.id === id && item.level === 'fail');
  }
}
