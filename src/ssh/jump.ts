import type { Duplex } from 'node:stream';
import type { Transport } from './dial.ts';
import { SshError } from './error.ts';
import type { Target } from './target.ts';
import type { SshConnection, SshSettings } from './types.ts';

/** A jump host that is connected, and what to do with it when its passenger is gone. */
export interface Hop {
  connection: SshConnection;
  release(): void;
}

/** How a jump host is connected: for one passenger, or shared. `passengers` are it and the jump hosts that wait for it, itself first. */
export type HopOpener = (host: string, settings: SshSettings, signal: AbortSignal, passengers: string[]) => Promise<Hop>;

const MAX_HOPS = 8;

/**
 * Opens the way to a target through the last of its jump hosts, which is
 * itself reached through the ones before it. Each is verified and
 * authenticated to like any host, with its own part of `~/.ssh/config`.
 * @throws SshError with the jump host as `host` when it is the one that fails
 */
export async function openThroughJump(
  target: Target,
  settings: SshSettings,
  signal: AbortSignal,
  openHop: HopOpener,
  passengers: string[],
): Promise<Transport> {
  const last = target.jumps.at(-1) ?? '';
  const { host, user, port } = parseJump(target.host, last);
  const before = target.jumps.slice(0, -1).join(',');
  const way = before === '' ? last : `${last} behind ${before}`;
  if (passengers.length >= MAX_HOPS || passengers.includes(way)) {
    throw new SshError(
      'config',
      target.host,
      `the jump hosts lead in a circle: ${[...passengers].reverse().join(' via ')} via ${way}`,
      'Correct ProxyJump in ~/.ssh/config.',
    );
  }
  const hop = await onTheWayTo(target, () =>
    openHop(
      host,
      {
        ...settings,
        user,
        port,
        forwardAgent: false,
        proxyCommand: undefined,
        // Where none is left before it, its own configuration says how it is reached.
        proxyJump: before === '' ? undefined : before,
      },
      signal,
      [way, ...passengers],
    ),
  );
  try {
    const stream = await orAbort(hop.connection.forwardOut(target.hostName, target.port), signal);
    stream.once('close', () => hop.release());
    return {
      stream,
      close: () => {
        stream.destroy();
        hop.release();
      },
      complaint: () => Promise.resolve(''),
    };
  } catch (error) {
    hop.release();
    throw error;
  }
}

/**
 * Takes `[user@]host[:port]` or `ssh://…` apart, with an IPv6 address in brackets.
 * @throws SshError `config`
 */
export function parseJump(passenger: string, jump: string): { host: string; user?: string; port?: number } {
  const match = /^(?:ssh:\/\/)?(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:/\s]+))(?::(\d{1,5}))?\/?$/.exec(jump);
  const host = match?.[2] ?? match?.[3];
  if (match === null || host === undefined) {
    throw new SshError(
      'config',
      passenger,
      `the jump host \`${jump}\` for ${passenger} can't be read`,
      'It is written [user@]host[:port], an IPv6 address in brackets.',
    );
  }
  return { host, user: match[1], port: match[4] === undefined ? undefined : Number(match[4]) };
}

async function onTheWayTo(target: Target, open: () => Promise<Hop>): Promise<Hop> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof SshError) || error.kind === 'aborted') throw error;
    throw new SshError(error.kind, error.host, `on the way to ${target.host}: ${error.message}`, error.hint, error);
  }
}

/** Waits for a stream, but not longer than the signal lets it; a late one is closed. */
async function orAbort(opening: Promise<Duplex>, signal: AbortSignal): Promise<Duplex> {
  if (signal.aborted) throw signal.reason;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal.reason as Error);
      opening.then(
        (stream) => stream.destroy(),
        () => undefined,
      );
    };
    signal.addEventListener('abort', onAbort, { once: true });
    opening.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
