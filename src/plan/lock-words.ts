import type { LockFacts } from './facts.ts';

/** A deploy lock as Kamal writes it down (Kamal 2.12: `Commands::Lock#lock_details`; Kamal 1.9 the same). */
export interface LockWords {
  by: string;
  /** Milliseconds since the epoch; null where it doesn't say. */
  since: number | null;
  version: string | null;
  message: string;
}

/** @returns null for details that are none of Kamal's */
export function readLockWords(details: string): LockWords | null {
  const head = /^Locked by: (.*) at (\S+)$/m.exec(details);
  if (!head) return null;
  const since = Date.parse(head[2] ?? '');
  return {
    by: head[1] ?? '',
    since: Number.isNaN(since) ? null : since,
    version: /^Version: (.+)$/m.exec(details)?.[1] ?? null,
    message: /^Message: ([\s\S]*)$/m.exec(details)?.[1]?.trim().replaceAll(/\s*\n\s*/g, ' ') ?? '',
  };
}

/**
 * Who holds a lock that isn't ours, since when and why.
 * @param age words for how long that is, if anybody wants them
 */
export function heldInWords({ path, details }: Pick<LockFacts, 'path' | 'details'>, age: (since: number) => string = () => ''): string {
  const held = `the deploy lock ${path} is held`;
  if (details === null) return `${held}: it has no details`;
  const words = readLockWords(details);
  if (words === null) return `${held}: ${details.replaceAll('\n', ', ')}`;
  const since = words.since === null ? '' : ` since ${new Date(words.since).toISOString().slice(0, 16).replace('T', ' ')} UTC${age(words.since)}`;
  // Kamal asks `git config user.name`, which may say nothing.
  return `${held}${words.by === '' ? '' : ` by ${words.by}`}${since}: ${words.message || 'no message'}${words.version === null ? '' : `, version ${words.version}`}`;
}

/** What to do about it. Each Kamal looks at a place of its own only. */
export function releaseInWords({ path, details }: Pick<LockFacts, 'path' | 'details'>): string {
  const by = details === null ? null : readLockWords(details)?.by;
  const release = path.includes('/locks/') ? `\`kamal lock release\` with Kamal 1.9 (Kamal 2 does not see it), or \`rm -r ${path}\` on that host` : '`kamal lock release`';
  return `wait for that deploy to end; if nobody runs it any more${by ? ` (ask ${by})` : ''}: ${release}`;
}
