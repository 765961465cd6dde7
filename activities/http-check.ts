import { request } from 'node:http';
import { SshError } from '../src/ssh/error.ts';
import type { SshConnection } from '../src/ssh/types.ts';

/**
 * Asks a port of the host for a path over the SSH connection, as a client of the site would, without anything
 * installed there.
 *
 * @param at the address and port as the host itself reaches them
 * @param hostHeader the name that is asked for
 * @returns the answer's status; null where sshd doesn't forward (AllowTcpForwarding no)
 */
export async function askOverSsh(connection: SshConnection, at: { address: string; port: number }, path: string, hostHeader: string): Promise<number | null> {
  let socket;
  try {
    socket = await connection.forwardOut(at.address, at.port);
  } catch (error) {
    if (error instanceof SshError && error.kind === 'refused' && /prohibited/i.test(error.message)) return null;
    throw error;
  }
  const stream = socket;
  return await new Promise<number>((resolve, reject) => {
    const asked = request({ createConnection: () => stream as never, path, headers: { host: hostHeader, connection: 'close', 'user-agent': 'bactrian' }, signal: AbortSignal.timeout(10_000) }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.on('error', (error) => reject(error.name === 'AbortError' || error.name === 'TimeoutError' ? new Error(`no answer from port ${at.port} within 10 s`) : error));
    asked.end();
  }).finally(() => stream.destroy());
}
