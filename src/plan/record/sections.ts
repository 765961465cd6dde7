import { shellQuote, type Hash, type Value } from '../../kamal/index.ts';
import { unmask } from './masking.ts';
import { partInWords, type PartRecord, type Text } from './shape.ts';
import { configured } from './value.ts';

/** What sections are made with. */
export interface Making {
  /** The deployment's service, role and destination: the prefix of the role's containers. */
  readonly prefix: (role: string) => string;
  /** A secret's value of now. @throws SecretMissing */
  readonly secret: (name: string) => string;
  /** Called with what can't be said in a configuration of Kamal 1. */
  readonly problem: (reason: string) => void;
}

/** How a role ran, as its section of a Kamal 1 configuration, without hosts and environment; and what its mounts tell. */
export interface RoleSection {
  readonly section: Hash;
  /** Where Kamal 1 keeps its files, when it isn't `.kamal`. */
  readonly runDirectory: string | null;
}

const CORD = /^\(([\s\S]*)\) && \(stat (\S+)\/cord > \/dev\/null \|\| exit 1\)$/;

/** How a role ran (Kamal 1.9: `Configuration::Role`, `Commands::App#run`). */
export function roleSection(record: PartRecord, name: string, making: Making): RoleSection {
  const { container, home } = record;
  const say = saying(record, making);
  const prefix = making.prefix(name);
  const labels = new Map([...say.named(container.labels)].filter(([label]) => !['service', 'role', 'destination'].includes(label as string)));
  const routed = labels.has(`traefik.http.routers.${prefix}.rule`);
  const cord = new RegExp(`^(.*)/cords/${escaped(prefix)}-[0-9a-f]{32}:`);
  const assets = new RegExp(`/assets/volumes/${escaped(prefix)}-[^/:]+:([^:]+)`);
  const cordDirectory = container.volumes.map((volume) => cord.exec(volume)?.[1]).find((found) => found !== undefined);
  const assetPath = container.volumes.map((volume) => assets.exec(volume)?.[1]).find((found) => found !== undefined);
  const volumes = container.volumes.filter((volume) => !cord.test(volume) && !assets.test(volume));
  const section: Hash = new Map<string, Value>([['traefik', routed]]);
  if (container.cmd) section.set('cmd', words(say.texts(container.cmd)));
  if (labels.size > 0) section.set('labels', labels);
  if (assetPath !== undefined) section.set('asset_path', say.one(assetPath));
  const check = healthSection(container.health, routed, say);
  if (check) section.set('healthcheck', check);
  else if (routed) say.problem('it is behind Traefik, and has no health check of its own');
  putOptions(section, say.options(container.options, { volume: volumes }));
  return { section, runDirectory: cordDirectory === undefined ? null : below(home, cordDirectory) };
}

/** How Traefik ran (Kamal 1.9: `Configuration::Traefik`); its environment is left out. */
export function traefikSection(record: PartRecord, making: Making): Hash {
  const { container } = record;
  const say = saying(record, making);
  const section: Hash = new Map<string, Value>([['image', container.image], ['publish', false]]);
  const labels = say.named(container.labels);
  if (labels.size > 0) section.set('labels', labels);
  section.set('args', argsOf(say.texts(container.cmd ?? []), say));
  // Both are what Kamal 1 starts each Traefik with.
  const { restart: _, ...options } = container.options;
  const volumes = container.volumes.filter((volume) => !/^\/var\/run\/docker\.sock:\/var\/run\/docker\.sock(:rw)?$/.test(volume));
  putOptions(section, say.options(options, { publish: container.publish, volume: volumes, ...healthOptions(container.health) }));
  return section;
}

/** How an accessory ran, without hosts, image and environment (Kamal 1.9: `Configuration::Accessory`). */
export function accessorySection(record: PartRecord, making: Making): Hash {
  const { container } = record;
  const say = saying(record, making);
  const section: Hash = new Map<string, Value>([['service', container.name]]);
  const labels = new Map([...say.named(container.labels)].filter(([label]) => label !== 'service'));
  if (labels.size > 0) section.set('labels', labels);
  if (container.cmd) section.set('cmd', words(say.texts(container.cmd)));
  putOptions(section, say.options(container.options, { publish: container.publish, volume: container.volumes, ...healthOptions(container.health) }));
  return section;
}

/** A log as the root of a configuration has it; empty for what Kamal 1 takes unless told otherwise. */
export function loggingSection({ container: { log } }: PartRecord): Hash {
  const options = Object.entries(log.options);
  if (log.driver === 'json-file' && options.length === 1 && log.options['max-size'] === '10m') return new Map();
  return new Map<string, Value>([['driver', log.driver], ['options', new Map(options)]]);
}

function healthSection(health: PartRecord['container']['health'], routed: boolean, say: Saying): Hash | null {
  if (health === null) return null;
  const whole = say.text(health.cmd);
  const [, inner, directory] = CORD.exec(whole) ?? [];
  const cmd = inner ?? whole;
  const [, port, path] = /http:\/\/localhost(?::(\d+))?(\/[^\s"'|;]*)/.exec(cmd) ?? [];
  const section: Hash = new Map<string, Value>([['cmd', say.one(cmd)], ['interval', health.interval], ['cord', directory === undefined ? false : directory]]);
  // Kamal 1 checks a role without Traefik only where port or path are set; with a command of its own they are not used.
  if (path !== undefined || !routed) section.set('path', path ?? '/up');
  if (port !== undefined) section.set('port', Number(port));
  return section;
}

/** Traefik's own arguments by name; the first one is Kamal's. */
function argsOf(args: readonly string[], say: Saying): Hash {
  const result: Hash = new Map();
  for (const [at, arg] of args.entries()) {
    if (at === 0 && arg === '--providers.docker') continue;
    const [, name, value] = /^--([^=\s"'`$\\;&|<>()]+)(?:=([\s\S]*))?$/.exec(arg) ?? [];
    if (name === undefined) {
      say.problem(`its argument ${JSON.stringify(arg)} is none that Kamal 1 could have given`);
      continue;
    }
    const given: Value = value === undefined ? true : say.one(value);
    const before = result.get(name);
    result.set(name, before === undefined ? given : Array.isArray(before) ? [...before, given] : [before, given]);
  }
  return result;
}

/** Other containers than the app's have their health check as options. */
function healthOptions(health: PartRecord['container']['health']): Record<string, Text[]> {
  return health === null ? {} : { 'health-cmd': [health.cmd], 'health-interval': [health.interval] };
}

function putOptions(section: Hash, options: Hash): void {
  if (options.size > 0) section.set('options', options);
}

/** Values as a configuration says them, so that they arrive as they were. */
interface Saying {
  text(text: Text): string;
  texts(texts: readonly Text[]): string[];
  one(text: Text): string;
  named(texts: Readonly<Record<string, Text>>): Hash;
  options(options: Readonly<Record<string, readonly (Text | true)[]>>, more: Readonly<Record<string, readonly Text[]>>): Hash;
  problem(reason: string): void;
}

function saying({ part }: PartRecord, { secret, problem: report }: Making): Saying {
  const problem = (reason: string) => report(`${partInWords(part)}: ${reason}`);
  const text = (masked: Text) => unmask(masked, secret);
  const one = (masked: Text) => {
    const said = configured(text(masked));
    if (said === null) problem(`${typeof masked === 'string' ? JSON.stringify(masked) : 'a text with a secret in it'} can't be said in a configuration of Kamal 1: the shell on the host would fill in \${…}`);
    return said ?? '';
  };
  return {
    text,
    one,
    problem,
    texts: (masked) => masked.map(text),
    named: (texts) => new Map(Object.entries(texts).map(([name, masked]) => [name, one(masked)])),
    options: (options, more) => {
      const all: Record<string, readonly (Text | true)[]> = { ...options };
      for (const [name, values] of Object.entries(more)) all[name] = [...(all[name] ?? []), ...values];
      return new Map(
        Object.entries(all).flatMap(([name, values]): [string, Value][] => {
          const said = values.map((value) => (value === true ? value : one(value)));
          return said.length === 0 ? [] : [[name, said.length === 1 ? (said[0] ?? true) : said]];
        }),
      );
    },
  };
}

/** What Kamal 1 puts behind the image as it is: words for the shell on the host. */
function words(texts: readonly string[]): string {
  return texts.map(shellQuote).join(' ');
}

function below(home: string, directory: string): string {
  return directory.startsWith(`${home.replace(/\/$/, '')}/`) ? directory.slice(home.replace(/\/$/, '').length + 1) : directory;
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
