/** A place that the app's environment names: something it will want to connect to. */
export interface EnvAddress {
  /** The variables that name it. Values never leave the function that reads them: they may hold credentials. */
  variables: string[];
  host: string;
  port: number;
}

/** A place known to the deployment, for variables that name a host and no port. */
export interface KnownPlace {
  names: readonly string[];
  ports: readonly number[];
}

const PORTS: Record<string, number> = {
  postgres: 5432, postgresql: 5432, postgis: 5432, cockroachdb: 26257, mysql: 3306, mysql2: 3306, trilogy: 3306, mariadb: 3306, sqlserver: 1433, mssql: 1433,
  redis: 6379, rediss: 6379, valkey: 6379, memcached: 11211, amqp: 5672, amqps: 5671, mongodb: 27017, nats: 4222, kafka: 9092, clickhouse: 9000,
  smtp: 25, smtps: 465, ldap: 389, ldaps: 636, http: 80, https: 443, ws: 80, wss: 443, tcp: 0, jdbc: 0,
};

/** What a variable's name tells about the port, where its value doesn't. */
const NAMED_PORTS: [RegExp, number][] = [
  [/REDIS|VALKEY|SIDEKIQ|RESQUE/, 6379], [/PG|POSTGRES/, 5432], [/MYSQL|MARIADB/, 3306], [/MONGO/, 27017], [/RABBIT|AMQP/, 5672], [/MEMCACHE/, 11211],
  [/ELASTIC|OPENSEARCH/, 9200], [/KAFKA|BROKERS/, 9092], [/CLICKHOUSE/, 8123], [/NATS/, 4222], [/LDAP/, 389],
];

/** A variable of such a name holds a place, not half of a credential. */
const PLACE = /(^|_)?(HOST|HOSTNAME|HOSTS|ADDR|ADDRESS|ADDRESSES|SERVER|SERVERS|ENDPOINT|ENDPOINTS|BROKERS|NODES|SENTINELS|URL|URI|DSN|CLUSTER)$/;
const CREDENTIAL = /AUTH|PASS|SECRET|TOKEN|KEY|CRED|USER|LOGIN|ACCOUNT|SALT/;
/** More places than these are not tried from one host. */
const MOST = 40;

/**
 * The places in an environment: URLs, `X_HOST` with `X_PORT`, lists of `host:port`. Whatever could be part of a
 * credential instead is left out; addresses of the container itself, too.
 *
 * @param env names and values as the container gets them
 * @param known where a host alone names a place of the deployment
 */
export function addressesIn(env: ReadonlyMap<string, string>, known: readonly KnownPlace[] = []): EnvAddress[] {
  const found = new Map<string, EnvAddress>();
  for (const [variable, value] of env) {
    for (const { host, port } of placesIn(variable, value.trim(), env, known)) {
      if (!isName(host) || isOneself(host) || !(port > 0 && port < 65_536)) continue;
      const key = `${host.toLowerCase()} ${port}`;
      const address = found.get(key) ?? { variables: [], host: host.toLowerCase(), port };
      if (!address.variables.includes(variable)) address.variables.push(variable);
      found.set(key, address);
    }
  }
  return [...found.values()].slice(0, MOST);
}

interface Place {
  host: string;
  port: number;
}

function placesIn(variable: string, value: string, env: ReadonlyMap<string, string>, known: readonly KnownPlace[]): Place[] {
  if (value === '' || value.length > 4096 || /[\r\n\0]/.test(value)) return [];
  if (/^(jdbc:)?[a-z][a-z0-9+.-]*:\/\//i.test(value)) return value.split(/,(?=[a-z][a-z0-9+.-]*:\/\/)/i).flatMap(inUrl);
  const dsn = /@tcp6?\(([^()@]+)\)\//.exec(value);
  if (dsn?.[1] !== undefined) return hostPorts(dsn[1], 3306);
  const words = inWords(value);
  if (words.length > 0) return words;
  const name = variable.toUpperCase();
  if (!PLACE.test(name) || CREDENTIAL.test(name)) return [];
  const listed = hostPorts(value, /[,\s]/.test(value) ? (meantPort(name) ?? 0) : 0);
  if (listed.length > 0 && listed.every(({ port }) => port > 0)) return listed;
  return isName(value) ? portsOf(name, value, env, known).map((port) => ({ host: value, port })) : [];
}

/** `scheme://user:password@host:port,host:port/…` */
function inUrl(text: string): Place[] {
  const [, scheme = '', rest = ''] = /^(?:jdbc:)?([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text) ?? [];
  const port = portOfScheme(scheme.toLowerCase());
  if (port === null) return [];
  const end = rest.search(/[/?#]/);
  const authority = end < 0 ? rest : rest.slice(0, end);
  const later = end < 0 ? '' : rest.slice(end);
  // With an @ behind the first slash, a colon before it may stand in a password: then nothing tells the host.
  if (!authority.includes('@') && later.includes('@') && authority.includes(':')) return [];
  const places = authority.slice(authority.lastIndexOf('@') + 1);
  // A password with a slash, and with an @ before it.
  if (authority.includes('@') && later.includes('@')) return [];
  return hostPorts(places, port);
}

/** Null for a scheme that is no connection (`sqlite3:`), or that names no host of its own (`mongodb+srv:`). */
function portOfScheme(scheme: string): number | null {
  if (scheme.endsWith('+srv')) return null;
  const plain = scheme.split('+')[0] ?? '';
  return PORTS[scheme] ?? PORTS[plain] ?? (/sqlite|file|unix|data|s3|gs|azure|memory|null|async/.test(plain) ? null : 0);
}

/** libpq's `host=… port=…`, .NET's `Server=…;Port=…`. */
function inWords(value: string): Place[] {
  if (!/(^|[\s;])(host|server|data source)\s*=/i.test(value)) return [];
  const word = (name: string) => new RegExp(`(?:^|[\\s;])(?:${name})\\s*=\\s*([^\\s;']+)`, 'i').exec(value)?.[1];
  const [host = '', own] = (word('host|server|data source') ?? '').replace(/^tcp:/i, '').split(/[,:](?=\d+$)/);
  return [{ host, port: Number(own ?? word('port') ?? (/;/.test(value) ? 1433 : 5432)) }];
}

/** A list of `host` and `host:port`; empty when any part is something else. */
function hostPorts(text: string, fallback: number): Place[] {
  const parts = text.split(/[,\s]+/).filter((part) => part !== '');
  const places = parts.map((part) => {
    const [, six, sixPort] = /^\[([0-9a-f:.]+)\](?::(\d{1,5}))?$/i.exec(part) ?? [];
    if (six !== undefined) return { host: six, port: Number(sixPort ?? fallback) };
    const [, host, port] = /^([^:@/]+)(?::(\d{1,5}))?$/.exec(part) ?? [];
    return host !== undefined && isName(host) ? { host, port: Number(port ?? fallback) } : null;
  });
  return places.every((place) => place !== null) ? places : [];
}

/** For a variable that names a host only: its sister with the port, the deployment's own knowledge, the name's meaning. */
function portsOf(name: string, host: string, env: ReadonlyMap<string, string>, known: readonly KnownPlace[]): number[] {
  const sister = name.replace(/(HOSTNAME|HOST|ADDRESS|ADDR|SERVER|ENDPOINT)$/, 'PORT');
  const told = sister === name ? undefined : [...env].find(([variable]) => variable.toUpperCase() === sister)?.[1].trim();
  if (told !== undefined && /^\d{1,5}$/.test(told)) return [Number(told)];
  const ports = known.filter(({ names }) => names.includes(host.toLowerCase())).flatMap((place) => place.ports);
  const meant = meantPort(name);
  if (meant !== undefined && (ports.length === 0 || ports.includes(meant))) return [meant];
  return ports;
}

function meantPort(name: string): number | undefined {
  return NAMED_PORTS.find(([pattern]) => pattern.test(name))?.[1];
}

function isName(text: string): boolean {
  return text.length <= 253 && (/^[a-z0-9_]([a-z0-9._-]*[a-z0-9])?$/i.test(text) || /^[0-9a-f]*:[0-9a-f:]+$/i.test(text));
}

/** The container itself: the same in any network. */
function isOneself(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|::1|::|0|\d+)$/i.test(host);
}
