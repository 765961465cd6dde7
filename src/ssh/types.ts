import type { Duplex } from 'node:stream';

/**
 * How to reach a host. What is left out comes from `~/.ssh/config`, then from
 * OpenSSH's defaults; what is given here wins over the file, as with Net::SSH.
 */
export interface SshSettings {
  user?: string;
  port?: number;
  /** Paths of private keys (`~` is HOME). Given (even empty), they replace the configuration's and the default ones. */
  keys?: string[];
  /** Offer only the keys named here or in the configuration, though the agent holds more. */
  keysOnly?: boolean;
  /** Private keys themselves, in PEM or OpenSSH format. */
  keyData?: string[];
  /** true or left out: the user's and the system's ssh_config; false: none; else these files only. */
  config?: boolean | string[];
  /** `[user@]host[:port]`, several separated by commas, the first one dialled first (as `ssh -J`). */
  proxyJump?: string;
  /** A shell command whose stdin and stdout are the connection; %h %p %r %n %% are replaced. */
  proxyCommand?: string;
  forwardAgent?: boolean;
  /** The caller's environment: HOME, SSH_AUTH_SOCK, and what a ProxyCommand needs. */
  env: Record<string, string | undefined>;
  /** Milliseconds from the first packet to the end of authentication, jump hosts included. Default 30 000, or ConnectTimeout. */
  connectTimeoutMs?: number;
  /** Milliseconds between keep-alives; three unanswered ones end the connection. Default 5000. */
  keepaliveIntervalMs?: number;
}

export type OutputStream = 'stdout' | 'stderr';

export interface ExecOptions {
  /** Written to the command's stdin, which is then closed. Left out: stdin is empty. */
  stdin?: string | Buffer;
  signal?: AbortSignal;
  /** Milliseconds, counted from the moment the command gets its channel. */
  timeoutMs?: number;
  /** Called with each piece of output as it comes, past the cap as well. Never splits a character. */
  onOutput?: (stream: OutputStream, chunk: string) => void;
  /** How many bytes of each stream are kept for the result. Default 8 MiB. */
  maxOutputBytes?: number;
}

export interface ExecResult {
  /** The exit status, or null when a signal ended the command. */
  code: number | null;
  /** SIGKILL, SIGTERM … when a signal ended it. */
  signal?: string;
  stdout: string;
  stderr: string;
  /** True when either stream was longer than was kept. */
  truncated: boolean;
}

export interface SshConnection {
  readonly host: string;
  readonly closed: boolean;
  /**
   * Runs a command through the login shell. A status other than 0 is a result, not an error.
   *
   * When the connection dies while stdin is being sent, the command sees an
   * ordinary end of file: what must not act on half of its input has to know
   * how it ends, as a step's script does by its last line.
   *
   * @throws SshError `aborted`, `timeout` (the command was sent TERM) or `lost`
   */
  exec(command: string, options?: ExecOptions): Promise<ExecResult>;
  /**
   * Opens a TCP connection from the host to `host:port` as it sees them.
   * @throws SshError `refused` when the host can't connect there, `lost`
   */
  forwardOut(host: string, port: number): Promise<Duplex>;
  close(): void;
}
