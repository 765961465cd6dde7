import { equal, isHash, toS, type Hash, type Value } from '../kamal/ruby/value.ts';
import type { GuideSection, Report } from './report.ts';
import { child, isTraefikLabel, whole } from './view.ts';
import type { ErbTags } from './yaml/mask.ts';
import { YamlText, type Entry, type Path } from './yaml/text.ts';

/** One configuration file on its way. */
export interface Rewriting {
  readonly file: string;
  readonly source: string;
  /** What has to be in it (`targetOf`, `differenceOf`). */
  readonly additions: Hash;
  /** Networks of Docker that roles and accessories leave for Kamal 2's own. */
  readonly networks: ReadonlySet<string>;
  readonly tags: ErbTags;
  readonly report: Report;
}

/** Takes Kamal 1's keys out of a file and puts Kamal 2's in, and says so for each. */
export function rewrite({ file, source, additions, networks, tags, report }: Rewriting): string {
  const before = new YamlText(source, tags);
  const text = new YamlText(source, tags);
  const rest = new Tree(additions);
  const say = (path: Path, what: string, why: string, guide: GuideSection) => report.change({ file, line: before.lineOf(path) }, what, why, guide);
  roles({ text, rest, say });
  leaveNetworks(text, networks, say);
  labels(text, ['labels'], say);
  accessories({ text, rest, say });
  builder({ text, rest, say });
  timeouts({ text, rest, say });
  proxy({ text, rest, say });
  for (const [path, value] of rest.leaves()) {
    put(text, path, value);
    say(path.slice(0, 1), path.join('/'), 'Kamal 1 had it elsewhere, or as its default', 'proxy');
  }
  if (text.has(['run_directory'])) {
    text.remove(['run_directory']);
    say(['run_directory'], 'run_directory is gone', 'Kamal 2 keeps its files in .kamal on the hosts, whatever it says', 'overview');
    report.note({ file, line: before.lineOf(['run_directory']) }, 'run_directory', `hosts keep Kamal 1's files in ${before.reveal(toS(before.value.get('run_directory')))} until you remove them, after the upgrade`);
  }
  return text.source;
}

interface Work {
  readonly text: YamlText;
  readonly rest: Tree;
  readonly say: (path: Path, what: string, why: string, guide: GuideSection) => void;
}

/** What is still to be put into the file. */
class Tree {
  readonly #root: Hash;

  constructor(root: Hash) {
    this.#root = copy(root);
  }

  /** The value at a path, which is then somebody else's. */
  take(path: Path): Value | undefined {
    const parent = path.slice(0, -1).reduce(child, this.#root);
    const value = parent.get(path.at(-1) ?? '');
    parent.delete(path.at(-1) ?? '');
    return value;
  }

  has(path: Path): boolean {
    return path.reduce<Value | undefined>((at, key) => (isHash(at) ? at.get(key) : undefined), this.#root) !== undefined;
  }

  /** What is left, as the largest pieces that have a place: sections at the top, settings of roles and accessories. */
  leaves(): [Path, Value][] {
    const deep = ['servers', 'accessories'];
    return [...this.#root].flatMap(([key, value]): [Path, Value][] => {
      const name = toS(key);
      if (!deep.includes(name) || !isHash(value)) return isHash(value) && value.size === 0 ? [] : [[[name], value]];
      return [...value].flatMap(([each, settings]) => (isHash(settings) ? [...settings].map(([setting, inner]): [Path, Value] => [[name, toS(each), toS(setting)], inner]) : []));
    });
  }
}

function copy(hash: Hash): Hash {
  return new Map([...hash].map(([key, value]) => [key, isHash(value) ? copy(value) : value]));
}

/** Gives a key its value, key by key where it is a mapping that is there already. */
function put(text: YamlText, path: Path, value: Value): void {
  const own = path.reduce<Value | undefined>((at, key) => (isHash(at) ? at.get(key) : undefined), text.value);
  if (own !== undefined && equal(own, value)) return;
  if (isHash(value) && isHash(own)) for (const [key, inner] of value) put(text, [...path, toS(key)], inner);
  else text.put(path, value);
}

function roles({ text, rest, say }: Work): void {
  for (const [name, settings] of child(text.value, 'servers')) {
    const role = ['servers', toS(name)];
    if (Array.isArray(settings) && rest.has(role)) text.nest(role, 'hosts');
    if (!isHash(settings)) continue;
    labels(text, [...role, 'labels'], say);
    const wanted = rest.take([...role, 'proxy']);
    const traefik = [...role, 'traefik'];
    const health = [...role, 'healthcheck'];
    const entries: Entry[] = wanted === undefined ? [] : [['proxy', wanted]];
    if (text.has(traefik)) {
      const said = settings.get('traefik') ?? null;
      if (wanted === undefined || equal(wanted, said)) {
        text.rename(traefik, 'proxy');
        entries.length = 0;
      } else text.replace(traefik, entries.splice(0));
      say(traefik, `${traefik.join('/')} is ${role.join('/')}/proxy`, 'kamal-proxy takes the place of Traefik', 'proxy');
    }
    if (text.has(health)) {
      const options = rest.take([...role, 'options']);
      const there = text.has([...role, 'options']);
      if (entries.length > 0 || (options !== undefined && !there)) {
        text.replace(health, [...entries.splice(0), ...(options !== undefined && !there ? [['options', options] as const] : [])]);
      } else text.remove(health);
      if (options !== undefined && there) put(text, [...role, 'options'], options);
      const where = isHash(options) ? 'options: Docker\'s own health check' : 'proxy/healthcheck';
      say(health, `${health.join('/')} is now ${role.join('/')}/${where}`, isHash(options) ? 'roles without the proxy have no other' : 'kamal-proxy asks the app itself, on app_port', 'healthcheck');
    }
    for (const [key, value] of entries) {
      put(text, [...role, key], value);
      say(role, `${role.join('/')}/${key}`, 'from the labels of Traefik', 'proxy');
    }
  }
}

function leaveNetworks(text: YamlText, networks: ReadonlySet<string>, say: Work['say']): void {
  for (const name of child(text.value, 'servers').keys()) {
    const options = ['servers', toS(name), 'options'];
    const network = options.reduce(child, text.value).get('network');
    if (network === undefined || !networks.has(toS(network))) continue;
    say([...options, 'network'], `${options.join('/')}/network is gone`, 'roles and accessories meet in the network kamal', 'network');
    leave(text, options);
  }
}

/** Takes `network` out of options, and options away when nothing else is in them. */
function leave(text: YamlText, options: Path): void {
  text.remove(options.reduce(child, text.value).size === 1 ? options : [...options, 'network']);
}

/** Traefik's labels are of no use without it. */
function labels(text: YamlText, path: Path, say: Work['say']): void {
  const all = [...path.reduce(child, text.value).keys()].map(toS);
  const traefik = all.filter(isTraefikLabel).filter((label) => text.has([...path, label]));
  if (traefik.length === 0) return;
  for (const label of traefik) say([...path, label], `label ${label} is gone`, 'only Traefik read it; what it said is in proxy:, or in the list of what is left to do', 'proxy');
  if (traefik.length === all.length) text.remove(path);
  else for (const label of traefik) text.remove([...path, label]);
}

function accessories({ text, rest, say }: Work): void {
  for (const [name] of child(text.value, 'accessories')) {
    const accessory = ['accessories', toS(name)];
    labels(text, [...accessory, 'labels'], say);
    const network = [...accessory, 'options', 'network'];
    if (!text.has(network)) continue;
    const options = [...accessory, 'options'];
    const wanted = rest.take([...accessory, 'network']);
    if (wanted === undefined) say(network, `${network.join('/')} is gone`, 'roles and accessories meet in the network kamal', 'network');
    else say(network, `${network.join('/')} is ${accessory.join('/')}/network`, 'Kamal 2 gives each accessory a network itself', 'network');
    if (wanted === undefined) {
      leave(text, options);
      continue;
    }
    const only = options.reduce(child, text.value).size === 1;
    const entries: Entry[] = [['network', wanted]];
    if (only) text.replace(options, entries);
    else {
      text.remove(network);
      for (const [key, value] of entries) text.put([...accessory, key], value);
    }
  }
}

function builder({ text, rest, say }: Work): void {
  const keys = ['local', 'remote', 'multiarch'];
  const own = child(text.value, 'builder');
  const old = keys.filter((key) => text.has(['builder', key]) && (key === 'multiarch' || isHash(own.get(key))));
  const wanted = new Map(['arch', 'remote', 'local'].flatMap((key): Entry[] => {
    const value = rest.take(['builder', key]);
    return value === undefined ? [] : [[key, value]];
  }));
  const entries: Entry[] = [...wanted].filter(([key]) => !(key === 'remote' && old.includes('remote')));
  for (const key of old) {
    const path = ['builder', key];
    say(path, `builder/${key} is now builder/${[...wanted.keys()].join(', ') || 'left out'}`, 'architectures are named once, and a remote builder is its address', 'builder');
    const remote = wanted.get('remote');
    if (key === 'remote' && remote !== undefined) {
      text.replace(path, [...entries.splice(0), ['remote', remote]]);
      continue;
    }
    const last = child(text.value, 'builder').size === 1 && entries.length === 0 && !old.includes('remote');
    if (last) text.remove(['builder']);
    else text.replace(path, entries.splice(0));
  }
  if (entries.length === 0) return;
  put(text, ['builder'], new Map(entries));
  if (old.length === 0) say(['builder'], 'builder/arch', 'Kamal 2 asks for the architecture of the servers', 'builder');
}

function timeouts({ text, rest, say }: Work): void {
  const drain = rest.take(['drain_timeout']);
  if (!text.has(['stop_wait_time'])) {
    if (drain !== undefined) put(text, ['drain_timeout'], drain);
    return;
  }
  if (equal(text.value.get('stop_wait_time') ?? null, drain ?? null) || drain === undefined) text.rename(['stop_wait_time'], 'drain_timeout');
  else text.replace(['stop_wait_time'], [['drain_timeout', whole(drain)]]);
  say(['stop_wait_time'], 'stop_wait_time is drain_timeout', 'the time that requests under way get before the old container is stopped', 'healthcheck');
}

function proxy({ text, rest, say }: Work): void {
  const wanted = rest.take(['proxy']);
  const timeout = rest.take(['deploy_timeout']);
  const entries: Entry[] = wanted === undefined ? [] : [['proxy', wanted]];
  const there = text.has(['proxy']);
  const defaults = isHash(wanted) && wanted.size === 1 && wanted.has('app_port');
  if (text.has(['traefik'])) {
    text.replace(['traefik'], there ? [] : entries.splice(0));
    say(['traefik'], 'traefik: is proxy:', 'kamal-proxy takes the place of Traefik; it gets certificates of its own when it first starts', 'proxy');
  }
  if (text.has(['healthcheck'])) {
    text.replace(['healthcheck'], [...(there ? [] : entries.splice(0)), ...(timeout === undefined ? [] : [['deploy_timeout', timeout] as const])]);
    const parts = ['proxy/healthcheck and proxy/app_port', ...(timeout === undefined ? [] : ['deploy_timeout'])];
    say(['healthcheck'], `healthcheck: is now ${parts.join(', ')}`, 'kamal-proxy asks the app itself, on app_port', 'healthcheck');
  } else if (timeout !== undefined) put(text, ['deploy_timeout'], timeout);
  for (const [key, value] of entries) {
    put(text, [key], value);
    say(['proxy'], defaults ? 'proxy/app_port' : 'proxy:', defaults ? 'Kamal 2 sends to port 80 unless told otherwise, Kamal 1 asked on 3000' : 'from the labels of Traefik, and Kamal 1\'s defaults', 'proxy');
  }
}
