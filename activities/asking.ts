import type { Duplex } from 'node:stream';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { checkServerIdentity, connect, type TLSSocket } from 'node:tls';
import type { Answer, Asked, CertificateSeen } from '../src/plan/answers.ts';
import type { Question } from '../src/plan/questions.ts';
import { isProxys, redirectOf } from '../src/plan/read-answer.ts';
import { isNotForwarded, SshError } from '../src/ssh/error.ts';
import type { SshConnection } from '../src/ssh/types.ts';
import { askWithCurl } from './curl.ts';

/** Where a proxy listens, as the host itself reaches it. */
export interface Place {
  address: string;
  port: number;
}

/** Longer than a site takes that anybody waits for; milliseconds. */
const TIMEOUT_MS = 8000;
/** How much of an answer is read to see who wrote it, in bytes. */
const HEAD_BYTES = 2048;
const AT_ONCE = 8;

/**
 * Asks a place on the host over the SSH connection, as a client of the site would, without anything installed there;
 * where sshd forwards nothing, with the host's curl.
 *
 * @param ip the host's own address: what clients that know no name ask for
 * @returns null where neither is to be had: nobody knows what it would answer
 * @throws SshError when the connection is lost
 */
export async function ask(connection: SshConnection, at: Place, question: Question, ip: string): Promise<Asked | null> {
  let stream;
  try {
    stream = await connection.forwardOut(at.address, at.port);
  } catch (error) {
    if (!(error instanceof SshError && error.kind === 'refused')) throw error;
    if (isNotForwarded(error)) return await askWithCurl(connection, at, question, ip);
    return { silent: 'nobody listens' };
  }
  const lost = connection.closed;
  try {
    return await askOn(stream, question, ip);
  } catch (error) {
    if (connection.closed && !lost) throw new SshError('lost', connection.host, `the connection to ${connection.host} was lost`, 'Is the host up?', error);
    return { silent: silence(question, error) };
  } finally {
    stream.destroy();
  }
}

/** Asks several questions, a few at once; answers come in the questions' order. */
export async function askAll<T>(questions: readonly Question[], one: (question: Question) => Promise<T>): Promise<T[]> {
  const answers: T[] = [];
  const waiting = questions.entries();
  const next = async (): Promise<void> => {
    for (const [at, question] of waiting) answers[at] = await one(question);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  return answers;
}

/** The Host header, which names a port only where a client would. */
export function hostHeader(question: Question, ip: string): string {
  const name = question.host ?? ip;
  const bracketed = isIP(name) === 6 ? `[${name}]` : name;
  return question.port === (question.scheme === 'https' ? 443 : 80) ? bracketed : `${bracketed}:${question.port}`;
}

async function askOn(stream: Duplex, question: Question, ip: string): Promise<Answer> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const secure = question.scheme === 'https' ? await handshake(stream, question, signal) : null;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = httpRequest(
      {
        createConnection: () => (secure ?? stream) as never,
        path: question.path,
        headers: { host: hostHeader(question, ip), connection: 'close', 'user-agent': 'bactrian', 'accept-encoding': 'identity' },
        signal,
      },
      resolve,
    );
    asked.on('error', reject);
    asked.end();
  });
  const head = await headOf(answer);
  return {
    status: answer.statusCode ?? 0,
    redirect: redirectOf(answer.headers.location),
    from: isProxys(answer.statusCode ?? 0, head) ? 'proxy' : 'app',
    certificate: secure ? certificateOf(secure, question.host) : null,
  };
}

/** A certificate that nobody would accept is looked at all the same: that is what is asked. */
function handshake(stream: Duplex, { host }: Question, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    // An address is never named in the handshake (RFC 6066).
    const servername = host !== null && isIP(host) === 0 ? host : undefined;
    const socket = connect({ socket: stream, rejectUnauthorized: false, ...(servername === undefined ? {} : { servername }) }, () => resolve(socket));
    socket.on('error', reject);
    stream.on('close', () => reject(new Error('closed')));
    signal.addEventListener('abort', () => socket.destroy(new Error('time-out')), { once: true });
  });
}

async function headOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  try {
    for await (const chunk of answer) {
      text += (chunk as Buffer).toString();
      if (text.length >= HEAD_BYTES) break;
    }
  } catch {
    // What was said up to here is enough to know who spoke.
  }
  return text.slice(0, HEAD_BYTES);
}

function certificateOf(socket: TLSSocket, host: string | null): CertificateSeen | null {
  const certificate = socket.getPeerCertificate();
  if (!certificate.subject) return null;
  const now = Date.now();
  return {
    // By address no name is asked for, and none can be wrong.
    named: host === null || checkServerIdentity(host, certificate) === undefined,
    current: Date.parse(certificate.valid_from) <= now && now <= Date.parse(certificate.valid_to),
    trusted: socket.authorized || String(socket.authorizationError) === 'ERR_TLS_CERT_ALTNAME_INVALID',
  };
}

function silence({ scheme }: Question, error: unknown): string {
  const { code = '', name = '', message = '' } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  if (name === 'TimeoutError' || name === 'AbortError' || message === 'time-out') return `no answer within ${TIMEOUT_MS / 1000} s`;
  if (scheme === 'https' && (code.startsWith('ERR_SSL') || code === 'EPROTO')) return 'the TLS handshake fails';
  return scheme === 'https' ? 'no TLS connection' : 'the connection is closed without an answer';
}
