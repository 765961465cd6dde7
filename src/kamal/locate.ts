import type { Problem } from './problems.ts';
import type { Origin } from './snapshot.ts';
import type { Issue } from './validation/issues.ts';

/** An issue with the place of the longest part of its key that stands in a file. */
export function located(issue: Issue, configFile: string, origins: ReadonlyMap<string, Origin>): Problem {
  let key = issue.key;
  while (key !== '' && !origins.has(key)) key = key.includes('/') ? key.slice(0, key.lastIndexOf('/')) : '';
  const origin = origins.get(key);
  return {
    file: origin?.file ?? configFile,
    line: origin?.line ?? null,
    column: origin?.column ?? null,
    key: issue.key,
    found: issue.found ?? '',
    expected: issue.expected ?? '',
    ...(issue.hint ? { hint: issue.hint } : {}),
    message: issue.message,
  };
}
