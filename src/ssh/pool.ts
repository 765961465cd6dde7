import { connect } from './connect.ts';
import { aborted, SshError } from './error.ts';
import type { HopOpener } from './jump.ts';
import type { SshConnection, SshSettings } from './types.ts';

interface Entry {
  promise: Promise<SshConnection>;
  connection?: SshConnection;
  controller: AbortController;
  waiters: number;
}

/**
 * One live connection a host, shared by all who ask for it. Jump hosts are
 * shared too: a hundred hosts behind a bastion are one connection to it, where
 * its sshd would start to drop them (MaxStartups).
 */
export class SshPool {
  private readonly settingsFor: (host: string) => SshSettings;
  private readonly entries = new Map<string, Entry>();
  private closed = false;

  /** @param settingsFor asked at each new connection, so that a changed environment (agent socket) counts from then on */
  constructor(settingsFor: (host: string) => SshSettings) {
    this.settingsFor = settingsFor;
  }

  /**
   * The host's connection: the one that is there, or a new one.
   * @param signal ends this caller's waiting; the attempt itself only when nobody else waits for it
   * @throws SshError
   */
  get(host: string, signal?: AbortSignal): Promise<SshConnection> {
    return this.share(host, host, signal, (attempt) =>
      connect(host, this.settingsFor(host), attempt, { openHop: this.openHop, passengers: [] }),
    );
  }

  /** Closes every connection and ends every attempt; `get` fails from now on. */
  closeAll(): void {
    this.closed = true;
    for (const entry of this.entries.values()) {
      entry.controller.abort();
      entry.connection?.close();
    }
    this.entries.clear();
  }

  private readonly openHop: HopOpener = async (host, settings, signal, passengers) => {
    const { user, port, keys, proxyJump } = settings;
    const key = `jump ${JSON.stringify([host, user, port, keys, proxyJump])}`;
    const connection = await this.share(key, host, signal, (attempt) =>
      connect(host, settings, attempt, { openHop: this.openHop, passengers }),
    );
    // It stays for the next passenger, until closeAll.
    return { connection, release: () => undefined };
  };

  private async share(
    key: string,
    host: string,
    signal: AbortSignal | undefined,
    open: (attempt: AbortSignal) => Promise<SshConnection>,
  ): Promise<SshConnection> {
    if (this.closed)
      throw new SshError('aborted', host, `${host}: the connections were closed`, 'Nothing to do: it was asked for.');
    if (signal?.aborted) throw aborted(host, 'connecting');
    let entry = this.entries.get(key);
    if (entry === undefined || entry.connection?.closed === true || entry.controller.signal.aborted) {
      entry = this.start(key, open);
    }
    return this.wait(entry, host, signal);
  }

  private start(key: string, open: (attempt: AbortSignal) => Promise<SshConnection>): Entry {
    const controller = new AbortController();
    const entry: Entry = { promise: open(controller.signal), controller, waiters: 0 };
    this.entries.set(key, entry);
    entry.promise.then(
      (connection) => {
        entry.connection = connection;
        if (controller.signal.aborted) connection.close();
      },
      () => {
        if (this.entries.get(key) === entry) this.entries.delete(key);
      },
    );
    return entry;
  }

  private wait(entry: Entry, host: string, signal?: AbortSignal): Promise<SshConnection> {
    if (entry.connection !== undefined) return Promise.resolve(entry.connection);
    entry.waiters++;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        reject(aborted(host, 'connecting'));
        if (--entry.waiters === 0 && entry.connection === undefined) entry.controller.abort();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      entry.promise.then(resolve, reject).finally(() => signal?.removeEventListener('abort', onAbort));
    });
  }
}
