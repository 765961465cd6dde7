import { request } from 'node:http';
import { connect as tcp, isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as tls } from 'node:tls';
import type { SshConnection } from '../src/ssh/types.ts';

/** What a client of the site asks for. */
export interface ClientRequest {
  tls: boolean;
  /** The published port, and the address at which it is asked. */
  address: string;
  port: number;
  /** The name that is asked for: Host, and SNI. */
  name: string;
  path: string;
}

/** The port is named only where a client would. */
function hostHeader({ tls: secure, name, port }: Pick<ClientRequest, 'tls' | 'name' | 'port'>): string {
  const host = isIP(name) === 6 ? `[${name}]` : name;
  return port === (secure ? 443 : 80) ? host : `${host}:${port}`;
}

export function urlOf({ tls: secure, name, port, path }: ClientRequest): string {
  return `${secure ? 'https' : 'http'}://${hostHeader({ tls: secure, name, port })}${path}`;
}

/**
 * Asks once, on a new connection, as a client that does not look at certificates: whether they are right is asked elsewhere.
 *
 * @param via the host over whose SSH connection it is asked; null: from here
 * @param timeoutMs for the whole of it
 * @returns the answer's status
 * @throws SshError when the SSH connection itself fails; Error when there is no answer
 */
export async function askAsClient(asked: ClientRequest, via: SshConnection | null, timeoutMs: number): Promise<number> {
  const signal = AbortSignal.timeout(timeoutMs);
  const plain: Duplex = via ? await via.forwardOut(asked.address, asked.port) : tcp({ host: asked.address, port: asked.port });
  const { name } = asked;
  const stream = asked.tls ? tls({ socket: plain, rejectUnauthorized: false, ...(isIP(name) === 0 && { servername: name }) }) : plain;
  // What is not an answer in time is the request's error; a socket that dies of it later has nobody to tell.
  for (const each of [plain, stream]) each.on('error', () => undefined);
  try {
    return await new Promise<number>((resolve, reject) => {
      const headers = { host: hostHeader(asked), connection: 'close', 'user-agent': 'bactrian' };
      const sent = request({ createConnection: () => stream as never, path: asked.path, headers, signal }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      stream.on('error', reject);
      sent.on('error', reject);
      sent.end();
    });
  } finally {
    stream.destroy();
    plain.destroy();
  }
}
