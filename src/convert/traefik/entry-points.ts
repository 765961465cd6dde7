import { isOn, type Settings } from './settings.ts';

/** Where Traefik listens, as its arguments say. */
export interface EntryPoint {
  readonly name: string;
  /** Port in the container. */
  readonly port: number | null;
  /** Requests are sent on to HTTPS. */
  readonly redirects: boolean;
  /** Routers here speak TLS without saying so. */
  readonly tls: boolean;
  readonly resolver: string | null;
}

/** Who makes certificates. */
export interface Resolver {
  readonly name: string;
  /** By a record in the DNS, which kamal-proxy can't. */
  readonly dns: boolean;
}

export interface EntryPoints {
  readonly all: readonly EntryPoint[];
  readonly resolvers: readonly Resolver[];
  /** `X-Forwarded-…` of clients is believed: everybody's, or only that of some addresses. */
  readonly forwarded: 'all' | 'some' | null;
}

/** Entry points and certificate resolvers among Traefik's arguments. */
export function entryPointsOf(args: Settings): EntryPoints {
  const names = args.names(/^entrypoints\.([^.]+)/);
  const all = names.map((name): EntryPoint => {
    const prefix = `entrypoints.${name}`;
    const address = args.get(`${prefix}.address`) ?? '';
    const to = args.take(new RegExp(`^${escape(prefix)}\\.http\\.redirections\\.entrypoint\\.(to|scheme|permanent)$`));
    const resolver = args.get(`${prefix}.http.tls.certresolver`) ?? null;
    const port = /:(\d+)(?:\/tcp)?$/.exec(address)?.[1];
    return { name, port: port === undefined ? null : Number(port), redirects: to.length > 0, tls: resolver !== null || isOn(args.get(`${prefix}.http.tls`)), resolver };
  });
  const insecure = names.some((name) => isOn(args.get(`entrypoints.${name}.forwardedheaders.insecure`)));
  const trusted = names.some((name) => args.get(`entrypoints.${name}.forwardedheaders.trustedips`) !== undefined);
  return { all, resolvers: resolversOf(args), forwarded: insecure ? 'all' : trusted ? 'some' : null };
}

function resolversOf(args: Settings): Resolver[] {
  return args.names(/^certificatesresolvers\.([^.]+)\.acme/).map((name) => {
    const settings = args.take(new RegExp(`^certificatesresolvers\\.${escape(name)}\\.acme\\.(?!caserver$)`));
    return { name, dns: settings.some(({ key }) => /\.dnschallenge/i.test(key)) };
  });
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
