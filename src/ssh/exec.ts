import type { Duplex } from 'node:stream';
import type { Client, ClientChannel, ExecOptions as Ssh2ExecOptions } from 'ssh2';
import { Collector } from './collector.ts';
import { aborted, SshError } from './error.ts';
import { Leader } from './leader.ts';
import type { ExecOptions, ExecResult } from './types.ts';

const DEFAULT_MAX_OUTPUT_BYTES = 8 * 1024 * 1024;
const STDIN_CHUNK_BYTES = 64 * 1024;
/** How long an ended command's first line is waited for. */
const LEADER_WAIT_MS = 2000;

/** The server answered the request for a session with no (sshd: MaxSessions). */
export class SessionRefused extends Error {}

/** The server won't have the agent forwarded (sshd: AllowAgentForwarding). */
export class AgentRefused extends Error {}

export interface ExecContext {
  host: string;
  client: Client;
  /** The transport, whose back-pressure paces stdin: keep-alives must not queue behind megabytes. */
  stream: Duplex;
  forwardAgent: boolean;
  /** Registers what to do when the connection is gone; returns what takes it back. */
  onLost(callback: (error: SshError) => void): () => void;
}

/**
 * Runs one command in one session.
 * @throws SessionRefused; AgentRefused; SshError `aborted`, `timeout`, `lost`; what `onOutput` throws
 */
export function execOnce(context: ExecContext, command: string, options: ExecOptions): Promise<ExecResult> {
  return new Promise((resolve, reject) => new Execution(context, options, { resolve, reject }).start(command));
}

/** One command on its way from the request for a session to its result. */
class Execution {
  private readonly context: ExecContext;
  private readonly options: ExecOptions;
  private readonly outcome: { resolve(result: ExecResult): void; reject(error: unknown): void };
  private readonly stdout: Collector;
  private readonly stderr: Collector;
  /** Only what may have to be ended needs to say who it is. */
  private readonly leader?: Leader;
  private readonly forgetLoss: () => void;
  private channel?: ClientChannel;
  private timer?: NodeJS.Timeout;
  private settled = false;

  constructor(context: ExecContext, options: ExecOptions, outcome: Execution['outcome']) {
    this.context = context;
    this.options = options;
    this.outcome = outcome;
    const max = options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES;
    this.stdout = new Collector('stdout', max, options.onOutput);
    this.stderr = new Collector('stderr', max, options.onOutput);
    if (options.signal !== undefined || options.timeoutMs !== undefined) this.leader = new Leader();
    this.forgetLoss = context.onLost((error) => this.fail(error));
  }

  start(command: string): void {
    const { signal } = this.options;
    if (signal?.aborted) return this.onAbort();
    signal?.addEventListener('abort', this.onAbort, { once: true });
    const options: Ssh2ExecOptions & { agentForward: boolean } = { agentForward: this.context.forwardAgent };
    try {
      this.context.client.exec(this.leader?.wrap(command) ?? command, options, (error, channel) => {
        if (error) this.fail(this.notStarted(error));
        else this.run(channel);
      });
    } catch (error) {
      this.fail(new SshError('lost', this.context.host, `the connection to ${this.context.host} is gone`, 'Try again.', error));
    }
  }

  private run(channel: ClientChannel): void {
    this.channel = channel;
    let exit: { code: number | null; signal?: string } | undefined;
    channel.on('error', (cause: Error) => this.fail(this.lost(`the command's channel broke: ${cause.message}`)));
    channel.on('exit', (code: number | null, signal?: string) => {
      exit = signal === undefined ? { code } : { code, signal };
    });
    channel.on('data', (chunk: Buffer) => this.collect(this.stdout, chunk));
    channel.stderr.on('data', (chunk: Buffer) => this.collect(this.stderr, this.leader?.filter(chunk) ?? chunk));
    if (this.settled) return this.terminate(channel);
    let streams = 2;
    const onClose = (): void => {
      if (--streams === 0) this.finish(exit);
    };
    channel.on('close', onClose);
    channel.stderr.on('close', onClose);
    const { timeoutMs, stdin } = this.options;
    if (timeoutMs !== undefined) this.timer = setTimeout(() => this.giveUp(this.timedOut(timeoutMs)), timeoutMs);
    sendStdin(channel, this.context.stream, stdin, () => this.settled);
  }

  /** Output that comes after the end of our interest (an aborted command's) is dropped. */
  private collect(collector: Collector, chunk: Buffer): void {
    if (this.settled) return;
    try {
      collector.add(chunk);
    } catch (error) {
      // Thrown by onOutput; let through, it would end the whole connection.
      this.giveUp(error);
    }
  }

  private finish(exit: { code: number | null; signal?: string } | undefined): void {
    if (this.leader !== undefined) this.collect(this.stderr, this.leader.rest());
    if (exit === undefined) return this.fail(this.lost("closed the command's channel without telling how it ended"));
    const { stdout, stderr } = this;
    try {
      const result = { ...exit, stdout: stdout.end(), stderr: stderr.end(), truncated: stdout.truncated || stderr.truncated };
      this.settle(() => this.outcome.resolve(result));
    } catch (error) {
      this.fail(error);
    }
  }

  private readonly onAbort = (): void => this.giveUp(aborted(this.context.host, 'the command'));

  private giveUp(error: unknown): void {
    if (this.channel !== undefined && !this.settled) this.terminate(this.channel);
    this.fail(error);
  }

  private fail(error: unknown): void {
    this.settle(() => this.outcome.reject(error));
  }

  private settle(tell: () => void): void {
    if (this.settled) return;
    this.settled = true;
    clearTimeout(this.timer);
    this.forgetLoss();
    this.options.signal?.removeEventListener('abort', this.onAbort);
    tell();
  }

  /** Sends TERM to the command, through a session beside it, and closes its channel. */
  private terminate(channel: ClientChannel): void {
    const { leader } = this;
    let gone = false;
    channel.once('close', () => {
      gone = true;
      leader?.rest();
    });
    if (leader === undefined) return channel.close();
    void leader.killCommand(LEADER_WAIT_MS).then((command) => {
      if (gone || command === undefined) return channel.close();
      try {
        this.context.client.exec(command, (error, killer) => {
          if (error) return channel.close();
          killer.resume().on('close', () => channel.close());
          killer.stderr.resume();
          killer.end();
        });
      } catch {
        // The connection is gone, and the channel with it.
      }
    });
  }

  private notStarted(error: Error & { reason?: number | string }): Error {
    const { host, forwardAgent } = this.context;
    if (error.reason !== undefined) return new SessionRefused(error.message);
    if (forwardAgent && error.message.includes('agent forwarding')) return new AgentRefused(error.message);
    const hint = 'Does the account have a shell, or a ForceCommand?';
    return new SshError('refused', host, `${host} didn't run the command: ${error.message}`, hint, error);
  }

  private lost(what: string): SshError {
    return new SshError('lost', this.context.host, `${this.context.host}: ${what}`, 'Look on the host whether the command ran.');
  }

  private timedOut(ms: number): SshError {
    const hint = 'It was sent TERM; see on the host whether it is still there.';
    return new SshError('timeout', this.context.host, `${this.context.host}: the command didn't end within ${ms} ms`, hint);
  }
}

function sendStdin(channel: ClientChannel, stream: Duplex, stdin: string | Buffer | undefined, stopped: () => boolean): void {
  const data = typeof stdin === 'string' ? Buffer.from(stdin) : (stdin ?? Buffer.alloc(0));
  let at = 0;
  const next = (): void => {
    if (stopped() || !channel.writable) return;
    if (at >= data.length) {
      channel.end();
    } else if (stream.writableNeedDrain) {
      stream.once('drain', next);
    } else {
      const chunk = data.subarray(at, (at += STDIN_CHUNK_BYTES));
      channel.write(chunk, next);
    }
  };
  next();
}
