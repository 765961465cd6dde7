import { Client } from 'ssh2';
import { Authentication } from './auth.ts';
import { Connection } from './connection.ts';
import { dialCommand, dialTcp, type Transport } from './dial.ts';
import { aborted, SshError } from './error.ts';
import { HostKeyCheck } from './host-key.ts';
import { collectIdentities, type Identities } from './identities.ts';
import { type HopOpener, openThroughJump } from './jump.ts';
import { resolveTarget, type Target } from './target.ts';
import type { SshConnection, SshSettings } from './types.ts';

const UNANSWERED_KEEPALIVES = 3;

export interface Route {
  openHop: HopOpener;
  /** This host, if it is a jump host, and those that wait for it. */
  passengers: string[];
}

/** Connects to a jump host for one passenger only. */
const freshHop: HopOpener = async (host, settings, signal, passengers) => {
  const connection = await connect(host, settings, signal, { openHop: freshHop, passengers });
  return { connection, release: () => connection.close() };
};

/**
 * Connects to a host and authenticates.
 *
 * @param host a name (which `~/.ssh/config` may know), an IPv4 or an IPv6 address
 * @param signal ends the attempt, not the connection
 * @param route how jump hosts are connected (the pool shares those connections), and for whom
 * @throws SshError of every kind but `lost` in mid-command
 */
export async function connect(
  host: string,
  settings: SshSettings,
  signal?: AbortSignal,
  route: Route = { openHop: freshHop, passengers: [] },
): Promise<SshConnection> {
  if (signal?.aborted) throw aborted(host, 'connecting');
  const target = resolveTarget(host, settings);
  const attempt = new AbortController();
  const onAbort = (): void => attempt.abort(aborted(host, 'connecting'));
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => attempt.abort(timedOut(target)), target.connectTimeoutMs);
  try {
    const identities = await collectIdentities(target);
    const transport = await openTransport(target, settings, attempt.signal, route);
    try {
      return await handshake(target, identities, transport, attempt.signal);
    } catch (error) {
      transport.close();
      throw error;
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

async function openTransport(target: Target, settings: SshSettings, signal: AbortSignal, route: Route): Promise<Transport> {
  if (target.jumps.length > 0) return openThroughJump(target, settings, signal, route.openHop, route.passengers);
  if (target.proxyCommand !== undefined) return dialCommand(target, target.proxyCommand);
  return dialTcp(target, signal);
}

function handshake(target: Target, identities: Identities, transport: Transport, signal: AbortSignal): Promise<SshConnection> {
  const client = new Client();
  const authentication = new Authentication(target, identities);
  const hostKey = new HostKeyCheck(target);
  const forwardAgent = target.forwardAgent && target.agentSocket !== undefined;
  let hostKeyError: SshError | undefined;
  let greeting = '';

  return new Promise((resolve, reject) => {
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort);
      client.removeListener('error', onError);
      client.removeListener('close', onClose);
      // ssh2 may have one more error to tell, which nobody waits for any more.
      client.on('error', () => undefined);
    };
    const fail = (error: unknown): void => {
      settle();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason);
    const onError = (error: Error & { level?: string }): void => {
      if (error.level === 'agent') authentication.agentError = error.message;
      else if (hostKeyError !== undefined) fail(hostKeyError);
      else void handshakeError(target, transport, authentication, error, greeting).then(fail);
    };
    const onClose = (): void => onError(new Error('the connection was closed'));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    client.on('error', onError);
    client.on('close', onClose);
    client.once('ready', () => {
      settle();
      resolve(new Connection(target.host, client, transport, { keepaliveIntervalMs: target.keepaliveIntervalMs, forwardAgent }));
    });
    client.connect({
      sock: transport.stream,
      username: target.user,
      algorithms: { serverHostKey: hostKey.algorithms() },
      hostVerifier: (key: Buffer): boolean => {
        try {
          hostKey.verify(key);
          return true;
        } catch (error) {
          hostKeyError = error as SshError;
          return false;
        }
      },
      authHandler: authentication.handler,
      // Our own clock covers dialling as well.
      readyTimeout: 0,
      keepaliveInterval: target.keepaliveIntervalMs,
      keepaliveCountMax: UNANSWERED_KEEPALIVES,
      // Only for forwarding, which each command asks for: what is offered is the authHandler's business.
      ...(forwardAgent ? { agent: target.agentSocket } : {}),
    });
    // ssh2 has paused the stream until it listens itself, so that nothing passes it by.
    transport.stream.once('data', (chunk: Buffer) => {
      greeting = chunk.toString('latin1', 0, 4096);
    });
  });
}

async function handshakeError(
  target: Target,
  transport: Transport,
  authentication: Authentication,
  error: Error & { level?: string },
  greeting: string,
): Promise<SshError> {
  const { host, hostName, port } = target;
  const at = `${hostName}:${port}`;
  if (error.level === 'client-authentication') return authentication.refused(false);
  if (/too many authentication failures/i.test(error.message)) return authentication.refused(true);
  if (/no matching/i.test(error.message)) {
    return new SshError(
      'config',
      host,
      `${at} and we have no algorithm in common: ${error.message}`,
      "The host's OpenSSH is very old, or its sshd_config very strict (Ciphers, KexAlgorithms, MACs, HostKeyAlgorithms).",
      error,
    );
  }
  if (greeting !== '' && !greeting.includes('SSH-')) {
    const line = JSON.stringify(greeting.split(/\r?\n/, 1)[0]?.slice(0, 80));
    return new SshError('config', host, `${at} doesn't speak SSH, it says ${line}`, 'Check the port.', error);
  }
  const complaint = await transport.complaint();
  if (complaint !== '') {
    return new SshError(
      'unreachable',
      host,
      `the ProxyCommand for ${host} failed: ${complaint}`,
      `Try it by hand: ${target.proxyCommand}`,
      error,
    );
  }
  return new SshError(
    'lost',
    host,
    `${at} ended the connection before we were in: ${error.message}`,
    'Too many connections at once (MaxStartups), a ban (fail2ban) or a restart of sshd look like this; try again.',
    error,
  );
}

function timedOut(target: Target): SshError {
  return new SshError(
    'timeout',
    target.host,
    `${target.hostName}:${target.port} wasn't connected within ${target.connectTimeoutMs} ms`,
    'Is the host up, and does a firewall let this machine in? A longer ConnectTimeout in ~/.ssh/config helps a slow one.',
  );
}
