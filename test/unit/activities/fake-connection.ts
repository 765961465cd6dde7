import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { SshError } from '../../../src/ssh/error.ts';
import type { ExecOptions, ExecResult, SshConnection } from '../../../src/ssh/types.ts';

/** A connection to this machine itself, whose sshd lets through what it is told to. */
export class FakeConnection implements SshConnection {
  readonly host = 'fake';
  readonly closed = false;
  readonly #forwards: boolean;
  readonly #path: string | undefined;

  constructor(forwards: boolean, path: string | undefined = process.env['PATH']) {
    this.#forwards = forwards;
    this.#path = path;
  }

  async exec(command: string, { stdin = '' }: ExecOptions = {}): Promise<ExecResult> {
    const child = spawn('/bin/sh', ['-c', command], { env: { PATH: this.#path }, stdio: ['pipe', 'pipe', 'ignore'] });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stdin.on('error', () => undefined).end(stdin);
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout, stderr: '', truncated: false };
  }

  async forwardOut(host: string, port: number): Promise<Duplex> {
    if (!this.#forwards) throw new SshError('refused', this.host, 'open failed', '', Object.assign(new Error('open failed'), { reason: 1 }));
    const socket = connect(port, host);
    await once(socket, 'connect').catch(() => {
      throw new SshError('refused', this.host, 'open failed: Connection refused', '');
    });
    return socket;
  }

  close(): void {}
}
