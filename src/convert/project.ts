import { deepMerge, isHash, toS, type Hash, type Value } from '../kamal/ruby/value.ts';
import { dotenvEntries } from '../kamal/secrets/dotenv.ts';
import { convertConfiguration, isKamal1Project, Unreadable, type ConfigurationFile, type DestinationFile } from './configuration.ts';
import { renamedHooks, type Hook, type Rename } from './hooks.ts';
import { ignoresSecrets, withSecretsIgnored } from './ignore.ts';
import { Report, type Change, type Remainder } from './report.ts';
import { keysThatUse, namesInErb, secretNames } from './secrets/names.ts';
import { secretsFile, type SecretsFile, type SecretsSource } from './secrets/secrets.ts';
import { templateOf } from './secrets/template.ts';
import { child } from './view.ts';
import { ErbTags } from './yaml/mask.ts';
import { YamlText } from './yaml/text.ts';

/** A Kamal 1 project, as far as it has to do with Kamal. */
export interface Project {
  readonly base: ConfigurationFile;
  /** Files of the destinations to convert. */
  readonly destinations: readonly DestinationFile[];
  /** Destinations that are left as they are. */
  readonly others: readonly string[];
  /** Folder of hooks, and what is in it. */
  readonly hooksPath: string;
  readonly hooks: readonly Hook[];
  /** Text of a file of the project, null when there is none. */
  readonly read: (file: string) => string | null;
  /** Whether git ignores `.kamal/secrets` already; null: it isn't known. */
  readonly secretsIgnored: boolean | null;
}

/** A file before and after. */
export interface FileChange {
  readonly file: string;
  /** Null: it is new. */
  readonly before: string | null;
  readonly after: string;
  /** It holds secrets: never show its values. */
  readonly secret: boolean;
}

export interface Conversion {
  readonly files: readonly FileChange[];
  readonly renames: readonly Rename[];
  readonly changes: readonly Change[];
  readonly remainders: readonly Remainder[];
}

const SECRETS = '.kamal/secrets';

/**
 * Makes a Kamal 2 project of a Kamal 1 project; nothing is written. A project that is one already stays as it is.
 * @throws Unreadable when a configuration file is no YAML even with its ERB hidden
 */
export async function convertProject(project: Project): Promise<Conversion> {
  const tags = new ErbTags();
  const report = new Report((text) => tags.reveal(text));
  const files: FileChange[] = [];
  const renames = renamedHooks(project.hooksPath, project.hooks, report);
  const done = () => ({ files, renames, changes: report.changes, remainders: report.remainders });
  const { base, destinations, read } = project;
  const kamal1 = isKamal1Project(base, destinations);
  const texts = kamal1 ? convertConfiguration(base, destinations, tags, report) : new Map<string, string>();
  const secrets = await convertSecrets(project, kamal1, report);
  const converted = texts.get(base.file) ?? base.text;
  const loading = kamal1 || secrets.length > 0 ? withDotenv(project, converted, report) : converted;
  if (loading !== base.text) texts.set(base.file, loading);
  for (const [file, after] of texts) files.push({ file, before: [base, ...destinations].find((each) => each.file === file)?.text ?? null, after, secret: false });
  for (const { file, text } of secrets) files.push({ file, before: null, after: text, secret: true });
  if (secrets.some(({ plain }) => plain)) ignore(project, files, report);
  if (kamal1) {
    accessoryTemplates(project, report);
    for (const other of project.others) report.note({ file: base.file, line: null }, `the destination ${other} is left as it is`, `convert it too (-d ${other}): with ${base.file} converted, Kamal 1 can't deploy it any more, and Kamal 2 not yet`);
    if (read('.env') !== null) report.note({ file: '.env', line: null }, 'Kamal 2 doesn\'t read it', 'keep it as long as you may want to go back to Kamal 1');
  }
  return done();
}

/** The dotenv files of the project and where each one's secrets go. */
function sources({ destinations, others, read }: Project): { common: SecretsSource; own: (SecretsSource & { destination: string })[] } {
  const some = destinations.length + others.length > 0;
  const of = (file: string, target: string): SecretsSource => ({ file, text: read(file), template: read(`${file}.erb`), target });
  return {
    common: of('.env', some ? `${SECRETS}-common` : SECRETS),
    own: destinations.map(({ destination }) => ({ ...of(`.env.${destination}`, `${SECRETS}.${destination}`), destination })),
  };
}

async function convertSecrets(project: Project, kamal1: boolean, report: Report): Promise<SecretsFile[]> {
  const { base, destinations, read } = project;
  const { common, own } = sources(project);
  // A Kamal 2 project may have dotenv files of its own; only a destination that is still without secrets is looked at.
  if (!kamal1 && ![SECRETS, `${SECRETS}-common`].some((file) => read(file) !== null)) return [];
  const baseRaw = new YamlText(base.text).value;
  const raws = new Map<string | null, Hash>(destinations.map(({ destination, text }) => [destination, deepMerge(baseRaw, new YamlText(text).value)]));
  const secrets = new Set([baseRaw, ...raws.values()].flatMap((raw) => [...secretNames(raw)]));
  const all = new Set([common, ...own].flatMap(keysOf));
  const erb = new Set([base, ...destinations].flatMap(({ text }) => [...namesInErb(text, all)]));
  const files: SecretsFile[] = [];
  const held = (source: SecretsSource) => new Set([...keysOf(source), ...keysOf(common), ...keysIn(read(source.target)), ...keysIn(read(common.target))]);
  const lacking = own.length === 0 ? [...secretNames(baseRaw)].filter((name) => !held(common).has(name)) : own.flatMap((source) => [...secretNames(raws.get(source.destination) ?? baseRaw)].filter((name) => !held(source).has(name)));
  for (const source of [common, ...own]) {
    const fromEnvironment = source === common ? [...new Set(lacking)] : [];
    if (read(source.target) !== null) {
      if (fromEnvironment.length > 0) report.lost({ file: source.target, line: null }, `it lacks ${fromEnvironment.join(', ')}`, 'add them: NAME=$NAME takes one from the environment');
      continue;
    }
    if (!kamal1 && source === common) continue;
    const file = await secretsFile(source, source === common ? null : common, { secrets, erb, fromEnvironment }, report);
    if (file) files.push(file);
  }
  return files;
}

function keysOf({ text, template }: SecretsSource): string[] {
  return [...keysIn(text), ...(template === null ? [] : templateOf(template).lines.map(({ key }) => key))];
}

function keysIn(text: string | null): string[] {
  return dotenvEntries(text ?? '').map(({ key }) => key);
}

/** ERB that reads variables of `.env` finds them only if it loads the file itself. */
function withDotenv(project: Project, text: string, report: Report): string {
  const { base, destinations } = project;
  const { common, own } = sources(project);
  const names = new Set([common, ...own].flatMap(keysOf));
  const used = [base, ...destinations].flatMap((each) => [...namesInErb(each.text, names)].map((name) => ({ ...each, name })));
  if (used.length === 0 || /Dotenv\.(?:over)?load/.test([base, ...destinations].map((each) => each.text).join('\n'))) return text;
  const several = own.some((source) => source.text !== null || source.template !== null);
  const call = several ? 'Dotenv.overload(".env.#{ENV["KAMAL_DESTINATION"]}", ".env")' : 'Dotenv.overload(".env")';
  report.change({ file: base.file, line: 1 }, call, `Kamal 2 doesn't load .env, and ERB here reads ${[...new Set(used.map(({ name }) => name))].join(', ')}`, 'erb');
  for (const { file, name, text: source } of used) {
    const twice = own.some((each) => keysOf(each).includes(name)) && keysOf(common).includes(name);
    if (twice) report.note({ file, line: source.split('\n').findIndex((line) => namesInErb(line, [name]).size > 0) + 1 }, `${name} is in .env and in a destination's`, 'nothing: the destination\'s counts, as in Kamal 1. It stands first in the call, since of the files of an overload Kamal 2\'s dotenv takes the first', keysThatUse(source, name));
  }
  const converted = new YamlText(text);
  converted.insertOnTop(`<% require "dotenv"; ${call} %>`);
  return converted.source;
}

function ignore({ read, secretsIgnored }: Project, files: FileChange[], report: Report): void {
  const git = read('.gitignore');
  if (!(secretsIgnored ?? false) && !ignoresSecrets(git ?? '')) {
    files.push({ file: '.gitignore', before: git, after: withSecretsIgnored(git ?? ''), secret: false });
    report.change({ file: '.gitignore', line: null }, 'git ignores .kamal/secrets*', 'they hold values themselves', 'secrets');
  }
  const docker = read('.dockerignore');
  if (docker !== null && !ignoresSecrets(docker)) {
    files.push({ file: '.dockerignore', before: docker, after: withSecretsIgnored(docker), secret: false });
    report.change({ file: '.dockerignore', line: null }, 'images are built without .kamal/secrets*', 'they hold values themselves', 'secrets');
  }
}

/** Kamal 1 gave accessories' ERB files all of `.env`; Kamal 2 only what the accessory's env names. */
function accessoryTemplates(project: Project, report: Report): void {
  const { base, destinations, read } = project;
  const { common, own } = sources(project);
  const names = new Set([common, ...own].flatMap(keysOf));
  for (const { file: config, text } of [base, ...destinations]) {
    const yaml = new YamlText(text);
    for (const [key, accessory] of child(yaml.value, 'accessories')) {
      if (!isHash(accessory)) continue;
      const listed = new Set([child(accessory, 'env').get('secret')].flatMap((value: Value | undefined) => (Array.isArray(value) ? value.map(toS) : [])));
      for (const local of localFiles(accessory)) {
        const missing = [...namesInErb(read(local) ?? '', names)].filter((name) => !listed.has(name));
        if (missing.length > 0) report.lost({ file: config, line: yaml.lineOf(['accessories', toS(key)]) }, `${local} reads ${missing.join(', ')} from .env`, `add ${missing.length === 1 ? 'it' : 'them'} to accessories/${toS(key)}/env/secret: Kamal 2 shows the file nothing else`);
      }
    }
  }
}

function localFiles(accessory: Hash): string[] {
  const files = accessory.get('files');
  return Array.isArray(files) ? files.map((file) => toS(file).split(':')[0] ?? '').filter((file) => file.endsWith('erb')) : [];
}

export { Unreadable };
