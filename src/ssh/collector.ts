import { StringDecoder } from 'node:string_decoder';
import type { OutputStream } from './types.ts';

type OnOutput = (stream: OutputStream, chunk: string) => void;

/** Gathers a stream's text up to a number of bytes, and passes all of it on. */
export class Collector {
  truncated = false;
  private readonly name: OutputStream;
  private readonly max: number;
  private readonly onOutput: OnOutput | undefined;
  private readonly decoder = new StringDecoder('utf8');
  private readonly kept: Buffer[] = [];
  private bytes = 0;

  constructor(name: OutputStream, max: number, onOutput: OnOutput | undefined) {
    this.name = name;
    this.max = max;
    this.onOutput = onOutput;
  }

  /** @throws what onOutput throws */
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

  /** The text that was kept; half a character that was left at the end is passed on first. */
  end(): string {
    const rest = this.decoder.end();
    if (rest !== '') this.onOutput?.(this.name, rest);
    const all = Buffer.concat(this.kept);
    // A cap in the middle of a character must not leave a replacement character behind.
    return this.truncated ? new StringDecoder('utf8').write(all) : all.toString('utf8');
  }
}
