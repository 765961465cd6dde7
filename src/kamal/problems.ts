/** One thing that is wrong with a configuration. */
export interface Problem {
  /** File as the user named it, relative to the project. */
  file: string;
  /** 1-based, null when the problem belongs to no line (a key that isn't there). */
  line: number | null;
  column: number | null;
  /** The key's path, as `proxy/healthcheck/port`; empty for the file as a whole. */
  key: string;
  found: string;
  expected: string;
  /** What to do next. */
  hint?: string;
  /** Kamal's own message where it has one, else ours. */
  message: string;
}

/** The configuration can't be used; all of its problems at once. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(describeProblem).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** A problem as text for a person: place, message, what was found and expected, what to do. */
export function describeProblem(problem: Problem): string {
  const place = [problem.file, problem.line, problem.line === null ? null : problem.column].filter((part) => part !== null).join(':');
  const details = [problem.found && `found ${problem.found}`, problem.expected && `expected ${problem.expected}`].filter(Boolean).join(', ');
  return [`${place}: ${problem.message}`, details && `  ${details}`, problem.hint && `  ${problem.hint}`].filter(Boolean).join('\n');
}
