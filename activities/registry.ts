import { request, type IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as tls } from 'node:tls';
import type { RegistryAnswer } from '../src/plan/check/look.ts';
import { isNotForwarded, SshError } from '../src/ssh/error.ts';
import type { SshConnection } from '../src/ssh/types.ts';

export interface RegistryWish {
  /** As the configuration names it, null for Docker Hub. */
  server: string | null;
  /** Docker on the host also takes it without TLS. */
  insecure: boolean;
  credentials: { username: string; password: string } | null;
  /** An image that should be there; null: only the login is tried. */
  image: { repository: string; tag: string } | null;
}

interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

const TIMEOUT_MS = 10_000;
/** Manifests of one platform or of several, Docker's and OCI's. */
const MANIFESTS = ['application/vnd.docker.distribution.manifest.list.v2+json', 'application/vnd.docker.distribution.manifest.v2+json', 'application/vnd.oci.image.index.v1+json', 'application/vnd.oci.image.manifest.v1+json'].join(', ');
/** More than a token is long. */
const MOST_BYTES = 256 * 1024;

/**
 * Asks a registry from where the host stands, over its SSH connection: nothing is pulled, and no login is filed there.
 * Credentials are sent as `docker login` sends them, and only over TLS that is trusted, or where Docker itself would do without.
 *
 * @throws SshError when the SSH connection is lost
 */
export async function askRegistry(connection: SshConnection, { server, insecure, credentials, image }: RegistryWish): Promise<RegistryAnswer> {
  const name = registryHost(server);
  const path = image === null ? '/v2/' : `/v2/${image.repository}/manifests/${image.tag}`;
  try {
    const scheme = await schemeOf(connection, name, insecure);
    const url = new URL(`${scheme}://${name}${path}`);
    const get = async (at: URL, authorization: string | null) => await fetchOver(connection, at, { ...(image === null ? {} : { accept: MANIFESTS }), ...(authorization === null ? {} : { authorization }) });
    const first = await get(url, null);
    if (first.status !== 401) return verdict(first.status, image);
    const challenge = first.headers['www-authenticate'] ?? '';
    if (/^basic/i.test(challenge)) return credentials === null ? { outcome: 'refused', why: 'it wants a login' } : verdict((await get(url, basic(credentials))).status, image);
    const token = await tokenFor(connection, challenge, { credentials, image });
    return typeof token === 'string' ? verdict((await get(url, `Bearer ${token}`)).status, image) : token;
  } catch (error) {
    if (error instanceof SshError && error.kind !== 'refused') throw error;
    if (error instanceof SshError && !isNotForwarded(error)) return { outcome: 'refused', why: `the host can't reach ${name}` };
    return { outcome: 'unknown', why: `${name}: ${reason(error)}` };
  }
}

/** Where a registry's API is: Docker Hub has another name for it than for people. */
function registryHost(server: string | null): string {
  const host = (server ?? '').replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return host === '' || host === 'docker.io' || host === 'index.docker.io' || host === 'hub.docker.com' ? 'registry-1.docker.io' : host;
}

/** Docker tries TLS first, also where it may do without. */
async function schemeOf(connection: SshConnection, name: string, insecure: boolean): Promise<'http' | 'https'> {
  if (!insecure) return 'https';
  try {
    await fetchOver(connection, new URL(`https://${name}/v2/`), {});
    return 'https';
  } catch (error) {
    if (error instanceof SshError) throw error;
    return 'http';
  }
}

function verdict(status: number, image: RegistryWish['image']): RegistryAnswer {
  if (status >= 200 && status < 400) return { outcome: 'open', why: image === null ? 'the login works' : 'it is there' };
  if (status === 401 || status === 403) return { outcome: 'refused', why: image === null ? 'user name or password are refused' : 'access is denied' };
  if (status === 404) return { outcome: 'refused', why: image === null ? 'it is no registry (404)' : 'there is no such image' };
  return { outcome: 'unknown', why: status === 429 ? 'too many requests: try later' : `it answers ${status}` };
}

/** A token as the challenge says to get one; an answer where none is given. */
async function tokenFor(connection: SshConnection, challenge: string, { credentials, image }: Pick<RegistryWish, 'credentials' | 'image'>): Promise<string | RegistryAnswer> {
  const part = (name: string) => new RegExp(`${name}="([^"]*)"`, 'i').exec(challenge)?.[1];
  const realm = part('realm');
  if (!/^bearer/i.test(challenge) || realm === undefined || !URL.canParse(realm)) return { outcome: 'unknown', why: 'it asks for a login of a kind that is not known here' };
  const url = new URL(realm);
  // Where to send the password is the registry's word; unencrypted it isn't sent on that word alone.
  if (url.protocol !== 'https:' && credentials !== null) return { outcome: 'unknown', why: `it wants the password sent unencrypted to ${url.host}` };
  const service = part('service');
  if (service !== undefined) url.searchParams.set('service', service);
  if (image !== null) url.searchParams.set('scope', part('scope') ?? `repository:${image.repository}:pull`);
  if (credentials !== null) url.searchParams.set('account', credentials.username);
  const { status, body } = await fetchOver(connection, url, credentials === null ? {} : { authorization: basic(credentials) });
  if (status !== 200) return verdict(status, image);
  const parsed = JSON.parse(body) as { token?: unknown; access_token?: unknown };
  const token = parsed.token ?? parsed.access_token;
  return typeof token === 'string' ? token : { outcome: 'unknown', why: 'it gives no token' };
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

async function fetchOver(connection: SshConnection, url: URL, headers: Record<string, string>): Promise<Reply> {
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const plain = await connection.forwardOut(host, Number(url.port) || (secure ? 443 : 80));
  const stream: Duplex = secure ? tls({ socket: plain, ...(isIP(host) === 0 ? { servername: host } : { host }) }) : plain;
  for (const each of [plain, stream]) each.on('error', () => undefined);
  try {
    return await new Promise<Reply>((resolve, reject) => {
      const sent = request({ createConnection: () => stream as never, method: 'GET', path: `${url.pathname}${url.search}`, headers: { host: url.host, connection: 'close', 'user-agent': 'bactrian', ...headers }, signal }, (answer) => {
        let body = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => { if (body.length < MOST_BYTES) body += chunk; });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
        answer.on('error', reject);
      });
      stream.on('error', reject);
      stream.on('close', () => reject(new Error('the connection is closed without an answer')));
      sent.on('error', reject);
      sent.end();
    });
  } finally {
    stream.destroy();
    plain.destroy();
  }
}

function reason(error: unknown): string {
  if (error instanceof SshError) return 'sshd forwards nothing, so it was not asked';
  const { code = '', name = '', message = '' } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  if (name === 'TimeoutError' || name === 'AbortError') return `no answer within ${TIMEOUT_MS / 1000} s`;
  if (/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME/.test(code)) return `this machine doesn't trust its certificate (${code}), so it was not asked`;
  return message;
}
