import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { envFileValue, kamalQuote, line, shellQuote, sshkitLine } from '../../../src/kamal/shell.ts';

const VALUES = 10_000;
/** Strings that a shell could trip over, beside arbitrary ones. */
const nasty = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom(...'\'"`$\\{}()[]<>|&;*?~!#=-+%^ \t\n\r'.split(''), 'a', 'é', '日', '😀', '$(', '${', '--', '\\n'), maxLength: 30 }),
).map((text) => text.replaceAll('\0', '').replace(/\p{Cs}/gu, ''));

/** What a shell makes of words: each argument as it arrives, separated by NUL. */
function throughShell(words: readonly string[]): string[] {
  const { stdout, status } = spawnSync('sh', { input: `printf '%s\\0' ${words.join(' ')}\n` });
  expect(status).toBe(0);
  return stdout.toString('utf8').split('\0').slice(0, -1);
}

describe('shellQuote', () => {
  it(`hands ${VALUES} values to a real shell unharmed`, () => {
    const values = fc.sample(nasty, { numRuns: VALUES, seed: 42 });
    for (let start = 0; start < values.length; start += 500) {
      const some = values.slice(start, start + 500);
      expect(throughShell(some.map(shellQuote))).toEqual(some);
    }
  });

  it('hands the empty value over as an argument', () => {
    expect(throughShell([shellQuote(''), shellQuote('-n'), shellQuote('--')])).toEqual(['', '-n', '--']);
  });

  it('refuses what no argument can carry', () => {
    expect(() => shellQuote('a\0b')).toThrow(TypeError);
  });
});

describe('kamalQuote', () => {
  it('never lets a value end its word, but for what Kamal leaves bare', () => {
    // Outside ASCII Kamal's quotes are closed: blanks there would split the word, which is Kamal's own doing.
    const ascii = nasty.map((text) => text.replace(/\P{ASCII}/gu, ''));
    const values = fc.sample(ascii, { numRuns: VALUES, seed: 7 }).filter((value) => !/\$\{/.test(value) && value !== '');
    for (let start = 0; start < values.length; start += 500) {
      const some = values.slice(start, start + 500);
      expect(throughShell(some.map((value) => `X=${kamalQuote(value)}`))).toHaveLength(some.length);
    }
  });

  it.each([
    ['plain', '"plain"'],
    ['', ''],
    ['cost $5', '"cost \\$5"'],
    ['${HOME}', '"${HOME}"'],
    ['${open', '"\\${open"'],
    ['#{x} #$y #z', '"\\#{x} \\#\\$y #z"'],
    ['a\nb\t', '"a\\nb\\t"'],
    ['\u0007\u001b\u0000\u007f', '"\\a\\e\\x00\\x7F"'],
    ['café x', '"caf"é" x"'],
    ['`id` "q" \\', '"\\`id\\` \\"q\\" \\\\"'],
  ])('quotes %j as Ruby does', (value, quoted) => {
    expect(kamalQuote(value)).toBe(quoted);
  });
});

describe('envFileValue', () => {
  it.each([
    ['a\nb', 'a\\nb'],
    ['back\\slash "quoted" #{x}', 'back\\\\slash "quoted" #{x}'],
    ['cost $5 `x`', 'cost $5 `x`'],
    ['日本\té', '日本\\té'],
  ])('writes %j as Kamal does', (value, written) => {
    expect(envFileValue(value)).toBe(written);
  });

  it('never breaks its line', () => {
    fc.assert(fc.property(nasty, (value) => !/[\n\r]/.test(envFileValue(value))), { numRuns: 2_000 });
  });
});

describe('lines', () => {
  it('joins words as Kamal does, and maps the first word as SSHKit does', () => {
    expect(line(['docker', 'ps', "'x'"])).toBe("docker ps 'x'");
    expect(sshkitLine(['docker', 'ps'])).toBe('docker ps');
    expect(sshkitLine(['mkdir', '-p', 'a'])).toBe('/usr/bin/env mkdir -p a');
  });
});
