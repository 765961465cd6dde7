import type { Hash } from '../../kamal/ruby/value.ts';
import type { Report } from '../report.ts';
import { isErb } from '../yaml/mask.ts';
import type { Setting, Settings } from './settings.ts';

/** What a router's middlewares come to for kamal-proxy. */
export interface Middlewares {
  /** Plain HTTP is sent on to HTTPS. */
  redirects: boolean;
  /** These prefixes are taken off before the app sees the path. */
  strips: readonly string[];
  buffering: Hash;
}

/** What kamal-proxy has nothing for, by the kind of middleware, and where else it can be done. */
const ELSEWHERE: Record<string, string> = {
  basicauth: 'let the app ask for the password (HTTP basic authentication)',
  digestauth: 'let the app ask for the password',
  forwardauth: 'let the app, or a proxy ahead of kamal-proxy, ask for the login',
  ipwhitelist: 'let the firewall or the app look at addresses',
  ipallowlist: 'let the firewall or the app look at addresses',
  ratelimit: 'limit rates in the app, or ahead of kamal-proxy',
  inflightreq: 'limit requests in the app, or ahead of kamal-proxy',
  headers: 'let the app set the headers',
  compress: 'let the app compress (Thruster does), or a CDN',
  redirectregex: 'let the app redirect; kamal-proxy answers for each host alike',
  errors: 'put the pages into a folder and name it with error_pages_path',
  addprefix: 'let the app serve the path as it comes',
  replacepath: 'let the app serve the path as it comes',
  replacepathregex: 'let the app serve the path as it comes',
  stripprefixregex: 'let the app serve the path as it comes, or name fixed prefixes in proxy/path_prefixes',
  circuitbreaker: 'kamal-proxy sends to one container a host; nothing takes its place',
  contenttype: 'let the app name content types',
  plugin: 'kamal-proxy has no plugins',
};

const BUFFERING: Record<string, string> = { maxrequestbodybytes: 'max_request_body', maxresponsebodybytes: 'max_response_body', memrequestbodybytes: 'memory' };

/** Reads the middlewares of a router by their names, as in `a@docker,b`. */
export function middlewaresOf(names: readonly string[], labels: Settings, report: Report, at: Setting, seen: ReadonlySet<string> = new Set()): Middlewares {
  const result: Middlewares = { redirects: false, strips: [], buffering: new Map() };
  for (const reference of names) {
    const [name = '', provider = 'docker'] = reference.split('@');
    if (provider !== 'docker') report.lost(at.place, `the middleware ${reference} of Traefik's ${provider} provider`, 'see what it does, and let the app or a proxy ahead of kamal-proxy do it');
    else if (!seen.has(name)) one(name, labels, report, result, new Set([...seen, name]));
  }
  return result;
}

function one(name: string, labels: Settings, report: Report, result: Middlewares, seen: ReadonlySet<string>): void {
  const prefix = `traefik.http.middlewares.${name}.`;
  const settings = labels.take(new RegExp(`^${escape(prefix.toLowerCase())}`));
  const lost = new Map<string, Setting>();
  for (const setting of settings) {
    const [kind = '', option = ''] = setting.key.slice(prefix.length).toLowerCase().split('.');
    switch (kind) {
      case 'chain': {
        const chained = middlewaresOf(setting.value.split(',').map((each) => each.trim()), labels, report, setting, seen);
        result.redirects ||= chained.redirects;
        result.strips = [...result.strips, ...chained.strips];
        for (const [key, value] of chained.buffering) result.buffering.set(key, value);
        break;
      }
      case 'redirectscheme':
        if (option === 'scheme' && setting.value === 'https') result.redirects = true;
        else if (option === 'scheme' || option === 'port') report.lost(setting.place, `${setting.key}: ${setting.value}`, 'kamal-proxy only sends on from HTTP to HTTPS; let the app redirect');
        break;
      case 'headers':
        if (option === 'sslredirect' && setting.value !== 'false') result.redirects = true;
        else lost.set(kind, setting);
        break;
      case 'retry':
        if (option === 'attempts') report.note(setting.place, `${setting.key}: kamal-proxy doesn't repeat requests`, 'nothing, if it was for deploys: kamal-proxy holds requests until the new container answers');
        break;
      case 'stripprefix':
        if (option.startsWith('prefixes')) result.strips = [...result.strips, ...setting.value.split(',').map((each) => each.trim())];
        break;
      case 'buffering':
        buffer(setting, option, result.buffering, report);
        break;
      default:
        if (!lost.has(kind)) lost.set(kind, setting);
    }
  }
  for (const [kind, { key, place }] of lost) report.lost(place, `${key} (middleware ${name})`, ELSEWHERE[kind] ?? 'kamal-proxy has nothing like it; let the app or a proxy ahead of kamal-proxy do it');
}

function buffer(setting: Setting, option: string, buffering: Hash, report: Report): void {
  const key = BUFFERING[option];
  if (key === undefined) {
    report.note(setting.place, `${setting.key}: kamal-proxy has no such setting`, option === 'memresponsebodybytes' ? 'proxy/buffering/memory holds for requests and responses alike' : 'nothing');
    return;
  }
  if (/^\d+$/.test(setting.value)) buffering.set(key, Number(setting.value));
  else if (isErb(setting.value)) buffering.set(key, setting.value);
  else report.lost(setting.place, `${setting.key}: ${setting.value}`, `give proxy/buffering/${key} a number of bytes`);
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
