import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { parseConfigLine } from './config-line.ts';
import { matchesPattern, matchesPatternList } from './patterns.ts';

/** Keywords of which every value counts; of all others the first one does. */
const REPEATABLE = new Set(['identityfile', 'certificatefile', 'sendenv']);
const MAX_INCLUDE_DEPTH = 16;

export interface ConfigQuery {
  /** The host as it was asked for, before any HostName. */
  host: string;
  /** The remote user when it is already decided, for `Match user`. */
  user?: string;
  localUser: string;
  home: string;
  env: Record<string, string | undefined>;
}

/** What ssh_config files say about one host: each keyword (in lower case) with its arguments. */
export type HostConfig = ReadonlyMap<string, string[]>;

/** A mistake in a file, as `file:line: what`. */
export class ConfigFileError extends Error {
  override name = 'ConfigFileError';
}

/**
 * Reads ssh_config(5) files as OpenSSH does: Host, Match (all, host,
 * originalhost, user, localuser, exec, final, negations), Include; the first
 * value of a keyword wins, files in the order given. Files that don't exist
 * are passed over (as Net::SSH does).
 *
 * Our own rather than a library's because what is read here decides whom we
 * trust: it is tested against `ssh -G`.
 *
 * @throws ConfigFileError naming file and line
 */
export function readHostConfig(files: readonly string[], query: ConfigQuery): HostConfig {
  const reader = new Reader(query);
  for (const file of files) reader.file(file, true, 0);
  if (reader.wantsFinalPass) {
    reader.finalPass = true;
    for (const file of files) reader.file(file, true, 0);
  }
  return reader.values;
}

class Reader {
  readonly values = new Map<string, string[]>();
  wantsFinalPass = false;
  finalPass = false;
  readonly query: ConfigQuery;

  constructor(query: ConfigQuery) {
    this.query = query;
  }

  /** Reads one file; with `active` false nothing in it can apply, but its mistakes still count. */
  file(path: string, active: boolean, depth: number): void {
    const text = readIfThere(path);
    if (text === undefined) return;
    let applies = active;
    for (const [index, line] of text.split(/\r?\n/).entries()) {
      try {
        const parsed = parseConfigLine(line);
        if (parsed === null) continue;
        const { keyword, args } = parsed;
        if (keyword === 'host') applies = active && matchesPatternList(this.patternHost(), args);
        else if (keyword === 'match') applies = this.match(args, active) && active;
        else if (keyword === 'include') this.include(path, args, applies, depth);
        else if (applies) this.set(keyword, args);
      } catch (error) {
        if (error instanceof ConfigFileError) throw error;
        throw new ConfigFileError(`${path}:${index + 1}: ${(error as Error).message}`);
      }
    }
  }

  private set(keyword: string, args: string[]): void {
    const known = this.values.get(keyword);
    if (known === undefined) {
      this.values.set(keyword, args);
    } else if (REPEATABLE.has(keyword)) {
      // The second pass meets every line again.
      this.values.set(keyword, [...new Set([...known, ...args])]);
    }
  }

  /** `Host` looks at the name as given; in the final pass at what it was resolved to. */
  private patternHost(): string {
    return this.finalPass ? this.hostName() : this.query.host;
  }

  private hostName(): string {
    const name = this.values.get('hostname')?.[0];
    return name === undefined ? this.query.host : name.replaceAll('%h', this.query.host);
  }

  private user(): string {
    return this.query.user ?? this.values.get('user')?.[0] ?? this.query.localUser;
  }

  private include(from: string, patterns: string[], active: boolean, depth: number): void {
    if (depth >= MAX_INCLUDE_DEPTH) throw new Error(`Include goes deeper than ${MAX_INCLUDE_DEPTH} files`);
    const bases = from.startsWith('/etc/') ? ['/etc/ssh'] : [join(this.query.home, '.ssh'), dirname(from)];
    for (const pattern of patterns) {
      const path = pattern.replace(/^~(?=\/)/, this.query.home);
      const roots = isAbsolute(path) ? [path] : bases.map((base) => join(base, path));
      for (const file of new Set(roots.flatMap(expandGlob))) this.file(file, active, depth + 1);
    }
  }

  private match(args: string[], active: boolean): boolean {
    let result = active;
    for (let i = 0; i < args.length; i++) {
      const word = args[i] ?? '';
      const [criterion, inline] = splitOnce(word.startsWith('!') ? word.slice(1) : word);
      const negated = word.startsWith('!');
      const kind = criterion.toLowerCase();
      let holds: boolean;
      if (kind === 'all') {
        holds = true;
      } else if (kind === 'final' || kind === 'canonical') {
        if (kind === 'final') this.wantsFinalPass = true;
        holds = this.finalPass;
      } else {
        const value = inline ?? args[++i];
        if (value === undefined) throw new Error(`Match ${criterion} has no value`);
        // What can't apply any more isn't worth running a command for.
        holds = result && this.criterion(kind, value);
      }
      if (holds === negated) result = false;
    }
    return result;
  }

  private criterion(kind: string, value: string): boolean {
    const patterns = value.split(',');
    switch (kind) {
      case 'host':
        return matchesPatternList(this.hostName(), value.toLowerCase().split(','));
      case 'originalhost':
        return matchesPatternList(this.query.host, patterns);
      case 'user':
        return matchesPatternList(this.user(), patterns);
      case 'localuser':
        return matchesPatternList(this.query.localUser, patterns);
      case 'exec':
        return this.exec(value);
      default:
        // localnetwork, tagged and what comes after them: not decided here, so not applied.
        return false;
    }
  }

  private exec(command: string): boolean {
    const tokens: Record<string, string> = {
      '%': '%',
      h: this.hostName(),
      n: this.query.host,
      p: this.values.get('port')?.[0] ?? '22',
      r: this.user(),
      u: this.query.localUser,
      d: this.query.home,
    };
    const line = command.replace(/%(.)/g, (all, token: string) => tokens[token] ?? all);
    return spawnSync('/bin/sh', ['-c', line], { env: this.query.env, stdio: 'ignore', timeout: 10_000 }).status === 0;
  }
}

function splitOnce(word: string): [string, string?] {
  const at = word.indexOf('=');
  return at === -1 ? [word] : [word.slice(0, at), word.slice(at + 1)];
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new ConfigFileError(`${path}: can't be read (${code ?? String(error)})`);
  }
}

/** The existing paths that an absolute path with `*` and `?` stands for, sorted. */
function expandGlob(path: string): string[] {
  let found = ['/'];
  for (const segment of path.split('/').filter((part) => part !== '')) {
    found = /[*?]/.test(segment)
      ? found.flatMap((dir) =>
          entries(dir)
            .filter((name) => !(name.startsWith('.') && !segment.startsWith('.')) && matchesPattern(name, segment))
            .map((name) => join(dir, name)),
        )
      : found.map((dir) => join(dir, segment));
  }
  return found.sort();
}

function entries(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
