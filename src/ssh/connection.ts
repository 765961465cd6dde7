import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'ssh2';
import type { Transport } from './dial.ts';
import { SshError } from './error.ts';
import { AgentRefused, execOnce, SessionRefused } from './exec.ts';
import { Slots } from './slots.ts';
import type { ExecOptions, ExecResult, SshConnection } from './types.ts';

/** sshd allows 10 sessions a connection by default; two stay free for whoever else shares it. */
const MAX_SESSIONS = 8;
const MAX_REFUSALS = 20;

/** A connection whose authentication is done. */
export class Connection implements SshConnection {
  readonly host: string;
  closed = false;
  private readonly client: Client;
  private readonly transport: Transport;
  private readonly slots: Slots;
  private forwardAgent: boolean;
  private readonly lossCallbacks = new Set<(error: SshError) => void>();

  /** @param settings keepaliveIntervalMs as the client was given it, for the message when it strikes */
  constructor(
    host: string,
    client: Client,
    transport: Transport,
    settings: { keepaliveIntervalMs: number; forwardAgent: boolean },
  ) {
    this.host = host;
    this.client = client;
    this.transport = transport;
    this.slots = new Slots(host, MAX_SESSIONS);
    this.forwardAgent = settings.forwardAgent;
    // Each command that waits to send its stdin listens for `drain`.
    transport.stream.setMaxListeners(0);
    const onEnd = (why = 'it was closed from the other side'): void =>
      this.end(
        new SshError(
          'lost',
          host,
          `the connection to ${host} was lost: ${why}`,
          'Is the host up? What was running there may still be running.',
        ),
      );
    client.on('error', (error: Error & { level?: string }) => {
      if (error.level === 'agent') return;
      // Not left to the stream's end: that of a jump host's channel may never come.
      onEnd(
        error.message.includes('Keepalive timeout')
          ? `no answer to three keep-alives, ${settings.keepaliveIntervalMs} ms apart`
          : error.message,
      );
    });
    client.on('end', () => onEnd());
    client.on('close', () => onEnd());
  }

  async exec(command: string, options: ExecOptions = {}): Promise<ExecResult> {
    for (let refusals = 0; ; refusals++) {
      const release = await this.slots.take(options.signal);
      try {
        return await execOnce(
          {
            host: this.host,
            client: this.client,
            stream: this.transport.stream,
            forwardAgent: this.forwardAgent,
            onLost: (callback) => {
              this.lossCallbacks.add(callback);
              return () => this.lossCallbacks.delete(callback);
            },
          },
          command,
          options,
        );
      } catch (error) {
        if (error instanceof AgentRefused) {
          // As ssh does: the command runs without it.
          this.forwardAgent = false;
          continue;
        }
        if (!(error instanceof SessionRefused)) throw error;
        if (refusals >= MAX_REFUSALS) {
          throw new SshError(
            'refused',
            this.host,
            `${this.host} opens no session: ${error.message}`,
            "See MaxSessions in the host's sshd_config.",
            error,
          );
        }
        this.slots.shrink();
      } finally {
        release();
      }
      // A session that has just ended takes sshd a moment to clear away.
      await sleep(Math.min(50 * (refusals + 1), 500));
    }
  }

  forwardOut(host: string, port: number): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const fail = (error: SshError): void => {
        this.lossCallbacks.delete(fail);
        reject(error);
      };
      if (this.closed) return fail(new SshError('lost', this.host, `the connection to ${this.host} is gone`, 'Try again.'));
      this.lossCallbacks.add(fail);
      this.client.forwardOut('127.0.0.1', 0, host, port, (error, channel) => {
        this.lossCallbacks.delete(fail);
        if (!error) return resolve(channel);
        fail(
          new SshError(
            'refused',
            this.host,
            `${this.host} can't connect to ${host}:${port}: ${error.message}`,
            `Does ${host}:${port} listen, and does the sshd on ${this.host} allow it (AllowTcpForwarding, PermitOpen)?`,
            error,
          ),
        );
      });
    });
  }

  close(): void {
    if (this.closed) return;
    this.end(
      new SshError('lost', this.host, `the connection to ${this.host} was closed by us`, 'Nothing to do: it was asked for.'),
    );
  }

  private end(error: SshError): void {
    if (this.closed) return;
    this.closed = true;
    this.client.end();
    // A peer that is gone never acknowledges the goodbye.
    setTimeout(() => this.transport.close(), 200);
    this.slots.close(error);
    for (const callback of this.lossCallbacks) callback(error);
  }
}
