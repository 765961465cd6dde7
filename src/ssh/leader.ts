import { randomBytes } from 'node:crypto';

/**
 * Learns the process id under which the host runs a command, so that the
 * command can be ended later. SSH has a request for that, but OpenSSH's sshd
 * answers it for nobody who logs in as root, and closing the channel alone
 * leaves the command running.
 *
 * The command is preceded by one that prints its parent's id on stderr: the
 * login shell, which sshd makes the leader of a process group of its own.
 * `sh -c '…'` and a new line mean the same to every shell that one logs in with.
 */
export class Leader {
  private readonly nonce = randomBytes(8).toString('hex');
  private held = Buffer.alloc(0);
  private found = false;
  private pid?: number;
  private readonly known: Promise<number | undefined>;
  private tell: (pid: number | undefined) => void = () => undefined;

  constructor() {
    this.known = new Promise((resolve) => {
      this.tell = resolve;
    });
  }

  /** The command that tells its leader's id and then does what `command` says. */
  wrap(command: string): string {
    return `sh -c 'echo ${this.nonce} $PPID >&2'\n${command}`;
  }

  /** Takes a piece of stderr and gives back what of it is the command's own. */
  filter(chunk: Buffer): Buffer {
    if (this.found) return chunk;
    this.held = Buffer.concat([this.held, chunk]);
    const text = this.held.toString('latin1');
    const match = new RegExp(`${this.nonce} (\\d+)\\r?\\n`).exec(text);
    if (match === null) return Buffer.alloc(0);
    this.found = true;
    this.settle(Number(match[1]));
    return Buffer.concat([this.held.subarray(0, match.index), this.held.subarray(match.index + match[0].length)]);
  }

  /** The end of stderr: what was held back because the id never came. */
  rest(): Buffer {
    this.settle(undefined);
    return this.found ? Buffer.alloc(0) : this.held;
  }

  /** A command line that sends TERM to the leader's whole group; undefined when its id didn't come within `ms`. */
  async killCommand(ms: number): Promise<string | undefined> {
    const timer = setTimeout(() => this.settle(undefined), ms);
    await this.known;
    clearTimeout(timer);
    // 1 and 0 would stand for everything there is.
    if (this.pid === undefined || this.pid <= 1) return undefined;
    return `sh -c 'kill -s TERM -- -${this.pid} || kill -s TERM ${this.pid}'`;
  }

  private settle(pid: number | undefined): void {
    this.pid ??= pid;
    this.tell(this.pid);
  }
}
