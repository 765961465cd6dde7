import { spawn } from 'node:child_process';
import { connect as connectTcp } from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { SshError } from './error.ts';
import type { Target } from './target.ts';

/** The bytes that SSH is spoken over: a TCP connection, a channel through a jump host, or a command's pipes. */
export interface Transport {
  stream: Duplex;
  close(): void;
  /** What a ProxyCommand that has ended last said on stderr, for the message of a failure. */
  complaint(): Promise<string>;
}

/**
 * Opens a TCP connection to the target.
 * @throws SshError `refused`, `unreachable` or `timeout`; what `signal` was aborted with
 */
export async function dialTcp(target: Target, signal: AbortSignal): Promise<Transport> {
  const socket = connectTcp({
    host: target.hostName,
    port: target.port,
    family: target.family,
    noDelay: true,
    keepAlive: true,
    // Node gives an address 250 ms before it tries the next, too few for a far-away host.
    autoSelectFamilyAttemptTimeout: 3000,
  });
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      socket.destroy();
      reject(signal.reason as Error);
    };
    const settle = (): void => signal.removeEventListener('abort', onAbort);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', (error) => {
      settle();
      reject(dialError(target, error));
    });
    socket.once('connect', () => {
      settle();
      socket.removeAllListeners('error');
      resolve({ stream: socket, close: () => socket.destroy(), complaint: () => Promise.resolve('') });
    });
  });
}

function dialError(target: Target, error: NodeJS.ErrnoException): SshError {
  const { host, hostName, port } = target;
  const at = `${hostName.includes(':') ? `[${hostName}]` : hostName}:${port}`;
  // Several addresses tried: the first one's error stands for them.
  const inner = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException) : error;
  const code = inner.code ?? error.code;
  switch (code) {
    case 'ECONNREFUSED':
      return new SshError('refused', host, `${at} refuses the connection`, 'Is sshd running there, and on that port?', error);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_NODATA':
      return new SshError(
        'unreachable',
        host,
        `the name ${hostName} can't be resolved (${code})`,
        'Check the spelling, DNS, and HostName in ~/.ssh/config.',
        error,
      );
    case 'ETIMEDOUT':
      return new SshError(
        'timeout',
        host,
        `${at} doesn't answer`,
        'Is the host up, and does a firewall let this machine in?',
        error,
      );
    default:
      return new SshError(
        'unreachable',
        host,
        `${at} can't be reached: ${inner.message}`,
        'Check the network, the VPN and the address.',
        error,
      );
  }
}

/** Starts a ProxyCommand, as `exec`'d by the shell, and speaks through its stdin and stdout. */
export function dialCommand(target: Target, command: string): Transport {
  const child = spawn('/bin/sh', ['-c', `exec ${command}`], { env: target.env, stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-1000);
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  // Its end reaches ssh2 as the stream's end; a broken pipe says nothing more.
  child.stdin.on('error', () => undefined);
  child.on('error', (error) => {
    complaint ||= error.message;
    stream.destroy();
  });
  return {
    stream,
    close: () => {
      stream.destroy();
      child.kill();
    },
    complaint: async () => {
      await Promise.race([ended, sleep(500)]);
      return complaint.trim();
    },
  };
}
