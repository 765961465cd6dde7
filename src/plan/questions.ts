import { routedNames } from './traefik-rules.ts';

/** One request that old and new proxy are asked alike. */
export interface Question {
  /** Stays the same from run to run and host to host: `http by ip /up`, `https shop.example /`. People accept differences by it. */
  name: string;
  scheme: 'http' | 'https';
  /** The port of the host on which the old proxy is asked. */
  port: number;
  /** The name that is asked for; null: the host's own address. */
  host: string | null;
  /** With its query, if there is one. */
  path: string;
}

/** What people call a question that is asked by the host's address, and one for a name that nobody has. */
export const BY_IP = 'by ip';
export const BY_UNKNOWN_HOST = 'unknown host';

export interface QuestionsAbout {
  /** Ports of the host that the old proxy publishes. */
  ports: readonly number[];
  /** Host names that kamal-proxy will serve, and the name or address under which the configuration knows the host. */
  hosts: readonly string[];
  /** Health paths, path prefixes. */
  paths: readonly string[];
  /** Labels of the containers whose routers the old proxy follows. */
  labels: readonly Record<string, string>[];
  /** `--probe-url`s: what a load balancer asks each host. */
  probes: readonly string[];
}

/** A name that nobody has (RFC 2606). */
export const UNKNOWN_HOST = 'unknown.invalid';
/** More names and paths than these are not asked for on one host. */
const MOST_NAMES = 24;
const MOST_PATHS = 8;
const SCHEMES = ['http', 'https'] as const;
const DEFAULT_PORT = { http: 80, https: 443 } as const;

/**
 * What clients may be asking a host now: by its address, by each name, by a name that nobody has, on each port, in
 * plain and over TLS (80 and 443 as everybody knows them). Each load balancer's own check comes first.
 */
export function questionsAbout({ ports, hosts, paths, labels, probes }: QuestionsAbout): Question[] {
  const routed = routedNames(labels);
  // A pattern among kamal-proxy's hosts stands for names that nobody has told.
  const names = [...new Set([...hosts, ...routed.hosts].map((host) => host.toLowerCase()).filter((host) => host !== '' && !host.includes('*')))];
  const asked: (string | null)[] = [null, ...names.slice(0, MOST_NAMES), UNKNOWN_HOST];
  const wanted = [...new Set([...paths, '/', ...routed.paths])].slice(0, MOST_PATHS);
  const questions = ports.flatMap((port) => schemesOn(port).flatMap((scheme) => asked.flatMap((host) => wanted.map((path) => named({ scheme, port, host, path })))));
  return [...probes.map(probeQuestion), ...questions];
}

/**
 * Traefik speaks both on each of its ports, and Kamal 1's router is on all of them, so it answers plain HTTP on 443, too:
 * a thing that no client asks for, and no other server does.
 */
function schemesOn(port: number): readonly Question['scheme'][] {
  const own = SCHEMES.filter((scheme) => port === DEFAULT_PORT[scheme]);
  return own.length > 0 ? own : SCHEMES;
}

/** The three parts of a name: in which way (`http`, `http:8080`), as whom (`by ip`, a host), and the path. */
export function partsOf({ scheme, port, host, path }: Omit<Question, 'name'>): [way: string, who: string, path: string] {
  const who = host === null ? BY_IP : host === UNKNOWN_HOST ? BY_UNKNOWN_HOST : host;
  return [`${scheme}${port === DEFAULT_PORT[scheme] ? '' : `:${port}`}`, sayable(who), sayable(path)];
}

function named(question: Omit<Question, 'name'>): Question {
  return { name: partsOf(question).join(' '), ...question };
}

/** Names are given on a command line, as a list with commas between quotes. */
function sayable(name: string): string {
  return name.replaceAll(',', '%2C').replaceAll("'", '%27');
}

/**
 * A load balancer's check as a question to each host.
 * @throws TypeError when it is no http or https URL
 */
export function probeQuestion(text: string): Question {
  const url = new URL(text);
  const scheme = url.protocol.slice(0, -1);
  if (scheme !== 'http' && scheme !== 'https') throw new TypeError(`${scheme} is not asked`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { name: sayable(`probe ${url.origin}${url.pathname}`), scheme, port: Number(url.port) || DEFAULT_PORT[scheme], host, path: `${url.pathname}${url.search}` };
}
