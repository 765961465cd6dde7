import path from 'node:path';
import { renderErb, ErbError, type Rendered } from './erb/render.ts';
import { projectHost, type ErbHost } from './erb/host.ts';
import { ConfigError, type Problem } from './problems.ts';
import { WORK_TREE, type ProjectFiles } from './project-files.ts';
import { deepMerge, isHash, Sym, type Hash, type Scalar, type Value } from './ruby/value.ts';
import type { Origin } from './snapshot.ts';
import { describe } from './validation/validator.ts';
import { readYaml, YamlError, type Read } from './yaml/read.ts';

/** What the configuration's files say. */
export interface Configuration {
  readonly raw: Hash;
  readonly origins: ReadonlyMap<string, Origin>;
  /** The environment as ERB left it: `Dotenv.load` adds to it, and secrets files see that. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Files {
  readonly projectDir: string;
  readonly configFile: string;
  readonly destination: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly interactive?: boolean;
  /** Where the configuration's files come from, the work tree unless given. */
  readonly source?: ProjectFiles;
  /** Where ERB's `File.read` finds files, `source` unless given. */
  readonly included?: ProjectFiles;
  /** ERB's `<%-` and `-%>`; Kamal 1 doesn't know them. */
  readonly trim?: boolean;
}

/**
 * The configuration's file and the destination's merged into it (Kamal 2.12: `Configuration.load_raw_config`), and
 * where each key stands.
 * @throws ConfigError with the problems of both files: missing, ERB, YAML
 */
export async function readConfiguration(files: Files): Promise<Configuration> {
  const names = [files.configFile, ...(files.destination === null ? [] : [destinationFile(files.configFile, files.destination)])];
  const problems: Problem[] = [];
  const origins = new Map<string, Origin>();
  const source = files.source ?? WORK_TREE;
  const host = projectHost(files.projectDir, files.env, files.interactive, files.included ?? source);
  let raw: Hash = new Map();
  for (const name of names) {
    try {
      const { value, places } = await readOne(files, name, { host, source });
      raw = deepMerge(raw, value);
      for (const [key, place] of places) origins.set(key, place);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { raw, origins, env: Object.fromEntries(host.env) };
}

/** `config/deploy.yml` and `staging` give `config/deploy.staging.yml`. */
export function destinationFile(configFile: string, destination: string): string {
  const extension = path.posix.extname(configFile);
  return `${extension === '' ? configFile : configFile.slice(0, -extension.length)}.${destination}.yml`;
}

async function readOne({ projectDir, trim = true }: Files, file: string, { host, source }: { host: ErbHost; source: ProjectFiles }): Promise<{ value: Hash; places: Map<string, Origin> }> {
  const absolute = path.resolve(projectDir, file);
  const template = (await source.read(absolute))?.toString('utf8') ?? null;
  if (template === null) {
    throw new ConfigError([{ file, line: null, column: null, key: '', message: `Configuration file not found in ${source.describe(absolute)}`, found: 'no such file', expected: 'a Kamal configuration', hint: 'name it with -c, and run in the directory of the project' }]);
  }
  const rendered = await render(template, file, { host, trim });
  const read = parse(rendered, file);
  if (!isHash(read.value)) {
    throw new ConfigError([{ file, line: 1, column: 1, key: '', message: 'the configuration should be a hash', found: describe(read.value), expected: 'keys such as service: and servers:' }]);
  }
  return {
    value: topLevel(read.value),
    places: new Map([...read.places].map(([key, { line, column }]) => [key, { file, line: rendered.lineOf(line), column }])),
  };
}

async function render(template: string, file: string, { host, trim }: { host: ErbHost; trim: boolean }): Promise<Rendered> {
  try {
    return await renderErb(template, host, { trim });
  } catch (error) {
    if (!(error instanceof ErbError)) throw error;
    throw new ConfigError([{ file, line: error.line, column: null, key: '', message: error.message, found: error.expression, expected: error.expected, hint: error.hint }]);
  }
}

function parse(rendered: Rendered, file: string): Read {
  try {
    return readYaml(rendered.text);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw new ConfigError([{ file, line: rendered.lineOf(error.place.line), column: error.place.column, key: '', message: error.message, found: 'text that is not YAML', expected: 'YAML' }]);
  }
}

/** Kamal makes symbols of the top level's keys, so `:service:` is as good as `service:` there. */
function topLevel(hash: Hash): Hash {
  return new Map([...hash].map(([key, value]): [Scalar, Value] => [key instanceof Sym ? key.name : key, value]));
}
