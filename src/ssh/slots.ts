import { aborted } from './error.ts';

/**
 * How many commands may run at once on one connection (sshd: MaxSessions, 10
 * by default); the others wait in order.
 */
export class Slots {
  private readonly host: string;
  private limit: number;
  private used = 0;
  private readonly waiting: { start(): void; fail(error: Error): void }[] = [];
  private dead?: Error;

  constructor(host: string, limit: number) {
    this.host = host;
    this.limit = limit;
  }

  /**
   * Waits for a free slot.
   * @returns what gives the slot back; calling it twice does no harm
   * @throws SshError `aborted`; the error given to `close`
   */
  async take(signal?: AbortSignal): Promise<() => void> {
    if (this.dead !== undefined) throw this.dead;
    if (signal?.aborted) throw aborted(this.host, 'the command');
    if (this.used >= this.limit) await this.wait(signal);
    else this.used++;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.used--;
      this.next();
    };
  }

  /** The server took no further session: from now on at most as many as it did take. */
  shrink(): void {
    this.limit = Math.max(1, Math.min(this.limit, this.used - 1));
  }

  /** Fails everybody who waits, now and later. */
  close(error: Error): void {
    this.dead = error;
    for (const waiter of this.waiting.splice(0)) waiter.fail(error);
  }

  private wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.waiting.splice(this.waiting.indexOf(waiter), 1);
        reject(aborted(this.host, 'the command'));
      };
      const waiter = {
        start: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        fail: (error: Error) => {
          signal?.removeEventListener('abort', onAbort);
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.waiting.push(waiter);
    });
  }

  private next(): void {
    if (this.used >= this.limit) return;
    const waiter = this.waiting.shift();
    if (waiter === undefined) return;
    this.used++;
    waiter.start();
  }
}
