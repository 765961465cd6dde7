import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audit, fromBase64, inLoginShell, q } from '../../../activities/script/words.ts';
import { LocalHost } from './local-host.ts';

let host: LocalHost;
beforeAll(() => {
  host = new LocalHost();
});
afterAll(() => {
  host.remove();
});

const nasty = fc.constantFrom('"', "'", '$', '`', '\\', '\n', '\r', '\t', ' ', '!', '*', '?', '~', '#', '&', ';', '|', '<', '>', '(', ')', '{', '}', '[', ']', '%', '=', '-', '$(id)', '${HOME}', "'\\''", 'BACTRIAN_BYTES', '\n# bactrian: that is all\n', 'é', '漢', '🐫', '\u2028', '\u0001', '\u007f', '\ufeff');
const value = fc.string({ unit: fc.oneof(nasty, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 })), maxLength: 40 }).map((text) => text.replaceAll('\0', ''));

describe('through a real sh', () => {
  it('q carries every value as one word, byte for byte', async () => {
    const values = fc.sample(value, 10_000);
    for (let at = 0; at < values.length; at += 2500) {
      const batch = values.slice(at, at + 2500);
      const script = batch.map((each) => `printf '%s\\0' ${q(each)}`).join('\n');
      const { code, output } = await host.sh('sh -s', script);
      expect(code).toBe(0);
      expect(output.split('\0').slice(0, -1)).toEqual(batch);
    }
  });

  it('fromBase64 carries every content, whatever its bytes, into files and pipes', async () => {
    const contents = fc.sample(fc.oneof(value, fc.uint8Array({ maxLength: 300 })), 1000).map((content) => Buffer.from(content));
    const script = contents.map((content, at) => (at % 2 === 0 ? fromBase64(content, '>> all') : fromBase64(content, '| cat >> all'))).join('\n');
    const { code, output } = await host.sh('sh -s', script);
    expect([code, output]).toEqual([0, '']);
    expect(readFileSync(host.path('all')).equals(Buffer.concat(contents))).toBe(true);
  });

  it('survives a whole step: an env file and a note arrive as they are', async () => {
    for (const each of fc.sample(value, 25)) {
      const ran = await host.step(`${fromBase64(each, "| file 'env' 0600")}\ncat env`, { seq: 1 });
      expect(ran.code).toBe(0);
      expect(host.read('env')).toBe(each);
    }
  });
});

describe("a line of Kamal's", () => {
  it("is read by the login shell, with its rules and variables, and none of the script's", async () => {
    const script = `SHELL=/bin/bash; NAME=ours; ${inLoginShell('echo "${NAME}|${BASH_VERSION:+bash}|${#}" {a,b}')} | tr a-z A-Z`;
    expect(await host.sh('env -u NAME sh -s 1 2 3', script)).toEqual({ code: 0, output: '|BASH|0 A B\n' });
    expect((await host.sh('env -u SHELL sh -s', inLoginShell("echo 'no shell is known'"))).output).toBe('no shell is known\n');
  });
});

describe('an audit line', () => {
  it('that cannot be written is noted, and stops nothing', async () => {
    const ran = await host.step(`${audit('echo x >> /nonexistent/audit.log')}\necho on`);
    expect(ran).toMatchObject({ code: 0, notes: ['the audit log could not be written'] });
    expect(ran.log).toContain('on');
  });
});
