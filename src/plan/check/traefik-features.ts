/** Something that Traefik does here and kamal-proxy doesn't. */
export interface Feature {
  /** With the label or argument that asks for it, without its value: that may be a credential. */
  what: string;
  fix: string;
}

const MATCHERS_OF_BOTH = new Set(['host', 'hostheader', 'path', 'pathprefix']);
/** Middlewares that Kamal 1 itself sets up, or that have a counterpart. */
const MIDDLEWARES_OF_BOTH = new Set(['retry', 'buffering', 'redirectscheme', 'stripprefix', 'compress']);
const REMARKS: Record<string, string> = {
  compress: 'kamal-proxy does not compress: let the app do it (Rack::Deflater) or Thruster',
  basicauth: 'let the app ask for the password',
  digestauth: 'let the app ask for the password',
  forwardauth: 'let the app do it',
  ipwhitelist: 'do it in the firewall or the app: until then everybody gets through',
  ipallowlist: 'do it in the firewall or the app: until then everybody gets through',
  ratelimit: 'do it in the app (rack-attack) or in front of the host',
  inflightreq: 'do it in the app or in front of the host',
  headers: 'let the app send these headers',
  redirectregex: 'let the app redirect',
  addprefix: 'let the app serve the path without the prefix',
  replacepath: 'let the app serve the path as it comes',
  replacepathregex: 'let the app serve the path as it comes',
  errors: 'put error pages into the project (`error_pages_path`)',
};

const ARGUMENTS: [pattern: RegExp, what: string, fix: string][] = [
  [/^--api(\.|=|$)/, "Traefik's dashboard and API", 'kamal-proxy has none: `kamal proxy details` and `kamal proxy logs` tell what there is'],
  [/^--metrics\./, "Traefik's metrics", 'kamal-proxy has `proxy/run/metrics_port`, with other names of metrics'],
  [/^--tracing(\.|=|$)/, "Traefik's tracing", 'let the app do it'],
  [/^--experimental\.plugins\./, "a plugin of Traefik's", 'let the app do it, or keep Traefik for it'],
  [/^--providers\.(?!docker(\.|=|$))/, "routes that Traefik doesn't take from Docker", 'kamal-proxy serves what Kamal deploys and nothing else: move these routes first'],
  [/^--certificatesresolvers\.[^.]+\.acme\.dnschallenge/i, 'certificates by DNS challenge', "kamal-proxy asks Let's Encrypt by HTTP only: names that can't be reached from outside, and wildcards, need a certificate of your own"],
  [/^--entrypoints\.[^.]+\.forwardedheaders\./i, "headers of a proxy in front are trusted", 'set `proxy/forward_headers: true` where a load balancer is in front'],
  [/^--entrypoints\.[^.]+\.proxyprotocol/i, 'the PROXY protocol', 'kamal-proxy does not speak it: turn it off at the load balancer at the time of the cutover'],
];

/**
 * What Traefik is asked to do on a host and kamal-proxy won't, as the running containers tell it.
 *
 * @param labels of the app's running containers
 * @param args of the running Traefik
 */
export function featuresLost(labels: readonly Readonly<Record<string, string>>[], args: readonly string[]): Feature[] {
  const found = [...labels.flatMap((each) => Object.entries(each).flatMap(([label, value]) => inLabel(label, value))), ...args.flatMap(inArgument)];
  return found.filter((feature, at) => found.findIndex(({ what }) => what === feature.what) === at);
}

function inLabel(label: string, value: string): Feature[] {
  const [, protocol] = /^traefik\.(tcp|udp)\./i.exec(label) ?? [];
  if (protocol !== undefined) return [{ what: `a ${protocol.toUpperCase()} route (${label})`, fix: 'kamal-proxy speaks HTTP only: publish the port with the role\'s or accessory\'s own `options: publish`' }];
  const [, middleware = ''] = /^traefik\.http\.middlewares\.[^.]+\.([^.=]+)/i.exec(label) ?? [];
  const kind = middleware.toLowerCase();
  if (kind !== '' && (!MIDDLEWARES_OF_BOTH.has(kind) || kind === 'compress')) {
    return [{ what: `the middleware ${middleware} (${label.split('.').slice(0, 5).join('.')})`, fix: REMARKS[kind] ?? 'kamal-proxy has nothing like it: let the app do it' }];
  }
  if (/^traefik\.http\.routers\.[^.]+\.rule$/i.test(label)) {
    const others = [...value.matchAll(/\b([A-Za-z]+)\s*\(/g)].flatMap(([, matcher = '']) => (MATCHERS_OF_BOTH.has(matcher.toLowerCase()) ? [] : [matcher]));
    return [...new Set(others)].map((matcher) => ({ what: `a rule by ${matcher} (${label})`, fix: 'kamal-proxy chooses by host name and path prefix only: give such requests a name of their own' }));
  }
  if (/^traefik\.http\.services\.[^.]+\.loadbalancer\.sticky/i.test(label)) return [{ what: `sticky sessions (${label})`, fix: 'on one host there is one container of a role: nothing to do unless Traefik balances over several' }];
  return [];
}

function inArgument(argument: string): Feature[] {
  const [, what, fix] = ARGUMENTS.find(([pattern]) => pattern.test(argument)) ?? [];
  return what !== undefined && fix !== undefined && !/=false$/i.test(argument) ? [{ what: `${what} (${argument.split('=')[0]})`, fix }] : [];
}
