import { StringDecoder } from 'node:string_decoder';
import type { Duplex } from 'node:stream';
import type { Client, ClientChannel, ExecOptions as Ssh2ExecOptions } from 'ssh2';
import { aborted, SshError } from './error.ts';
import { Leader } from './leader.ts';
import type { ExecOptions, ExecResult, OutputStream } from './types.ts';

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
 * @throws SessionRefused; AgentRefused; SshError `aborted`, `timeout`, `lost`
 */
export function execOnce(context: ExecContext, command: string, options: ExecOptions): Promise<ExecResult> {
  const { host } = context;
  return new Promise((resolve, reject) => {
    const max = options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES;
    const stdout = new Collector('stdout', max, options.onOutput);
    const stderr = new Collector('stderr', max, options.onOutput);
    // Only what may have to be ended needs to say who it is.
    const leader = options.signal !== undefined || options.timeoutMs !== undefined ? new Leader() : undefined;
    let channel: ClientChannel | undefined;
    let timer: NodeJS.Timeout | undefined;
    let settled = false;

    const settle = (finish: () => void): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      takeBack();
      options.signal?.removeEventListener('abort', onAbort);
      finish();
    };
    const fail = (error: Error): void => settle(() => reject(error));
    const giveUp = (error: SshError): void => {
      if (channel !== undefined) terminate(context.client, channel, leader);
      fail(error);
    };
    const onAbort = (): void => giveUp(aborted(host, 'the command'));
    const takeBack = context.onLost(fail);

    if (options.signal?.aborted) return onAbort();
    options.signal?.addEventListener('abort', onAbort, { once: true });

    const started = (error: SessionError | undefined, opened: ClientChannel): void => {
      if (error) {
        if (context.forwardAgent && error.message.includes('agent forwarding')) return fail(new AgentRefused(error.message));
        return fail(error.reason === undefined ? new SshError('refused', host, `${host} didn't run the command: ${error.message}`, 'Does the account have a shell, or a ForceCommand?', error) : new SessionRefused(error.message));
      }
      channel = opened;
      if (settled && leader === undefined) return opened.close();
      if (options.timeoutMs !== undefined) {
        const ms = options.timeoutMs;
        timer = setTimeout(() => giveUp(new SshError('timeout', host, `${host}: the command didn't end within ${ms} ms`, 'It was sent TERM; see on the host whether it is still there.')), ms);
      }
      let exit: { code: number | null; signal?: string } | undefined;
      opened.on('error', (cause: Error) => fail(new SshError('lost', host, `${host}: the command's channel broke: ${cause.message}`, 'Try again.', cause)));
      opened.on('exit', (code: number | null, signal?: string) => {
        exit = signal === undefined ? { code } : { code, signal };
      });
      opened.on('data', (chunk: Buffer) => stdout.add(chunk));
      opened.stderr.on('data', (chunk: Buffer) => stderr.add(leader?.filter(chunk) ?? chunk));
      if (settled) return terminate(context.client, opened, leader);
      let open = 2;
      const onClose = (): void => {
        if (--open > 0) return;
        if (leader !== undefined) stderr.add(leader.rest());
        const end = exit;
        if (end === undefined) {
          return fail(new SshError('lost', host, `${host} closed the command's channel without telling how it ended`, 'Look on the host whether it ran.'));
        }
        settle(() => resolve({ ...end, stdout: stdout.text(), stderr: stderr.text(), truncated: stdout.truncated || stderr.truncated }));
      };
      opened.on('close', onClose);
      opened.stderr.on('close', onClose);
      sendStdin(opened, context.stream, options.stdin, () => settled);
    };
    try {
      const agentForward: SshExecOptions = { agentForward: context.forwardAgent };
      context.client.exec(leader?.wrap(command) ?? command, agentForward, started);
    } catch (error) {
      fail(new SshError('lost', host, `the connection to ${host} is gone`, 'Try again.', error));
    }
  });
}

/** ssh2 takes this as well, though its types don't know. */
type SshExecOptions = Ssh2ExecOptions & { agentForward: boolean };

type SessionError = Error & { reason?: number | string };

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

/** Sends TERM to the command, through a session beside it, and closes its channel. */
function terminate(client: Client, channel: ClientChannel, leader: Leader | undefined): void {
  // Its output goes on flowing until then, and is dropped by whoever listens no more.
  const close = (): void => channel.close();
  channel.once('close', () => leader?.rest());
  if (leader === undefined) return close();
  void leader.killCommand(LEADER_WAIT_MS).then((command) => {
    if (command === undefined) return close();
    try {
      client.exec(command, (error, killer) => {
        if (error) return close();
        killer.resume().on('close', close);
        killer.stderr.resume();
        killer.end();
      });
    } catch {
      // The connection is gone, and the channel with it.
    }
  });
}

/** Gathers a stream's text up to a number of bytes, and passes all of it on. */
class Collector {
  truncated = false;
  private readonly name: OutputStream;
  private readonly max: number;
  private readonly onOutput: ExecOptions['onOutput'];
  private readonly decoder = new StringDecoder('utf8');
  private readonly kept: Buffer[] = [];
  private bytes = 0;

  constructor(name: OutputStream, max: number, onOutput: ExecOptions['onOutput']) {
    this.name = name;
    this.max = max;
    this.onOutput = onOutput;
  }

  add(chunk: Buffer): void {
    const room = this.max - this.bytes;
    if (chunk.length > room) this.truncated = true;
    if (room > 0) {
      const part = chunk.subarray(0, room);
      this.kept.push(part);
      this.bytes += part.length;
    }
    if (this.onOutput === undefined) return;
    const text = this.decoder.write(chunk);
    if (text !== '') this.onOutput(this.name, text);
  }

  text(): string {
    const rest = this.decoder.end();
    if (rest !== '') this.onOutput?.(this.name, rest);
    const all = Buffer.concat(this.kept);
    // A cap in the middle of a character must not leave a replacement character behind.
    return this.truncated ? new StringDecoder('utf8').write(all) : all.toString('utf8');
  }
}
