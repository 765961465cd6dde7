import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deploymentFrom } from '../../../src/kamal/deployment.ts';
import { mangledVariables } from '../../../src/kamal/index.ts';
import { arrives } from '../../../src/kamal/mangling.ts';
import { isHash } from '../../../src/kamal/ruby/value.ts';
import { Secrets } from '../../../src/kamal/secrets/secrets.ts';
import { kamal1Quote } from '../../../src/kamal/kamal1/quoting.ts';
import { kamalQuote } from '../../../src/kamal/shell.ts';
import { readYaml } from '../../../src/kamal/yaml/read.ts';

describe('arrives', () => {
  it.each([['2', kamalQuote], ['1', kamal1Quote]])('foretells 10,000 values of Kamal %s as a real shell hands them over', (_, quote) => {
    const unit = fc.constantFrom(...'\'"`$\\{}()[]<>|&;*?~!#=-+%^@ \t\n\r\u0007'.split(''), 'a', 'n', 'é', '日', '😀', '$(', '#{', '#$');
    const values = fc.sample(fc.string({ unit, minLength: 1, maxLength: 25 }), { numRuns: 10_000, seed: 11 }).filter((value) => arrives(value, quote) !== null);
    expect(values.length).toBeGreaterThan(9_000);
    for (let start = 0; start < values.length; start += 500) {
      const some = values.slice(start, start + 500);
      const { stdout } = spawnSync('sh', { input: `printf '%s\\0' ${some.map((value) => quote(value)).join(' ')}\n` });
      expect(stdout.toString('utf8').split('\0').slice(0, -1)).toEqual(some.map((value) => arrives(value, quote)));
    }
  });

  it('cannot know what the host puts in', () => {
    expect(arrives('a ${HOME} b')).toBeNull();
    expect(arrives('\\${HOME}')).not.toBe('\\${HOME}');
  });
});

describe('mangledVariables', () => {
  it('names each variable and why, and no value', () => {
    const { value } = readYaml(
      ['service: s', 'servers: [ h ]', 'env:', '  clear: { OK: "it\'s $5", LINES: "a\\nb", BRACES: "${X}", BLANK: "", OFF: false, TAB: "a\\tb", NUMBER: 1 }', '  secret: [ PLAIN, PEM, PATH_:WINDOWS ]'].join('\n'),
    );
    const d = deploymentFrom(isHash(value) ? value : new Map(), { destination: null, version: { value: 'v', source: 'option', problem: null }, selection: { hosts: null, roles: null }, hooks: { path: '', present: [] } });
    const secrets = new Secrets(new Map([['PLAIN', 'fine "x" $y'], ['PEM', 'one\ntwo'], ['WINDOWS', 'C:\\x']]), ['.kamal/secrets'], ['.kamal/secrets']);
    const found = mangledVariables(d, secrets);
    expect(found.map(({ variable, kind }) => `${kind} ${variable}`)).toEqual(['clear LINES', 'clear BRACES', 'clear BLANK', 'clear TAB', 'secret PEM', 'secret PATH_']);
    expect(JSON.stringify(found)).not.toMatch(/one|C:/);
  });
});
