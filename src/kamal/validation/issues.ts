import { OF_KAMAL_1, type OtherKeys } from './nearest.ts';

/** A problem before it is known where in which file its key stands. */
export interface Issue {
  /** The key's path; the place is that of the longest part of it that exists. */
  key: string;
  /** Kamal's message, with its own prefix (`proxy/app_port: should be an integer`). */
  message: string;
  found?: string;
  expected?: string;
  hint?: string;
}

/** Collects issues under a key's path, as Kamal's validators do in `with_context`, but goes on after the first. */
export class Context {
  readonly path: string;
  readonly issues: Issue[];
  /** Hints for keys of the other generation of Kamal. */
  readonly otherKeys: OtherKeys;

  constructor(path = '', issues: Issue[] = [], otherKeys: OtherKeys = OF_KAMAL_1) {
    this.path = path;
    this.issues = issues;
    this.otherKeys = otherKeys;
  }

  /** The same collection, one key deeper. */
  at(key: string): Context {
    return new Context([this.path, key].filter((part) => part.trim() !== '').join('/'), this.issues, this.otherKeys);
  }

  /** The same collection, another path. */
  of(path: string): Context {
    return new Context(path, this.issues, this.otherKeys);
  }

  /** Adds an issue with Kamal's text, prefixed by the path as Kamal does. */
  error(message: string, details: Partial<Omit<Issue, 'message'>> = {}): void {
    this.add({ key: this.path, ...details, message: this.path === '' ? message : `${this.path}: ${message}` });
  }

  /** Adds an issue whose text has no prefix. */
  add(issue: Issue): void {
    if (!this.issues.some((known) => known.message === issue.message && known.key === issue.key)) this.issues.push(issue);
  }

  /** Whether nothing was found wrong below a path. */
  clean(path: string): boolean {
    return !this.issues.some(({ key }) => key === path || key.startsWith(`${path}/`));
  }
}
