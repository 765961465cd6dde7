import { describe, expect, it } from 'vitest';
import { Float, inspect, Sym, Timestamp, type Scalar, type Value } from '../../../src/kamal/ruby/value.ts';
import { emitYaml } from '../../../src/kamal/yaml/emit.ts';
import { readYaml, YamlError } from '../../../src/kamal/yaml/read.ts';
import { plainScalar } from '../../../src/kamal/yaml/scalar.ts';

describe('plainScalar', () => {
  it.each<[string, Value]>([
    ['0755', 493], ['08', '08'], ['0x1F', 31], ['0b101', 5], ['1_000', 1000], ['22:22', 80520], ['5432:5432', '5432:5432'], ['1.0', Float.of(1)], ['1e3', '1e3'],
    ['yes', true], ['Off', false], ['y', 'y'], ['~', null], ['', null], ['null', null], ['10.0.0.1', '10.0.0.1'], [':quiet', Sym.of('quiet')], ['::', Sym.of(':')],
    ['2024-1-2', Timestamp.of('Date', '2024-01-02')], ['2024-02-30', '2024-02-30'], ['99999999999999999999', 99999999999999999999n], ['-.5', Float.of(-0.5)],
  ])('reads %j as Ruby does', (text, value) => {
    expect(plainScalar(text)).toBe(value);
  });
});

describe('readYaml', () => {
  const read = (text: string) => inspect(readYaml(text).value);

  it('keeps keys that are no strings, and their order', () => {
    expect(read('2: b\n1: a\nyes: c\n~: d\n"3": e')).toBe('{2=>"b", 1=>"a", true=>"c", nil=>"d", "3"=>"e"}');
  });

  it('takes quoted and block scalars for text', () => {
    expect(read('a: "12"\nb: \'yes\'\nc: |\n  1\nd: !!str 5')).toBe('{"a"=>"12", "b"=>"yes", "c"=>"1\\n", "d"=>"5"}');
  });

  it('merges where << stands, a later key over an earlier one', () => {
    expect(read('x: &x { a: 1, b: 2 }\ny: { a: 9, <<: *x, b: 8 }\nz: { <<: [ { a: 1 }, { a: 2, c: 3 } ] }')).toContain('"y"=>{"a"=>1, "b"=>8}, "z"=>{"a"=>1, "c"=>3}');
  });

  it('takes the last of repeated keys, and its place', () => {
    const { value, places } = readYaml('a: 1\nb: 2\na: 3');
    expect(inspect(value)).toBe('{"a"=>3, "b"=>2}');
    expect(places.get('a')).toEqual({ line: 3, column: 1 });
  });

  it('knows where keys and items stand', () => {
    const { places } = readYaml('servers:\n  web:\n    hosts:\n      - one\n      - two');
    expect(places.get('servers/web/hosts')).toEqual({ line: 3, column: 5 });
    expect(places.get('servers/web/hosts/1')).toEqual({ line: 5, column: 9 });
  });

  it.each([
    ['a: 1\nb: "x\u007fy"', { line: 2, column: 6 }, '\\u007f'],
    ['# \u0000', { line: 1, column: 3 }, '\\u0000'],
    ['a: "\ufeff"', { line: 1, column: 5 }, '\\ufeff'],
    ['a: "x\u2028y"', { line: 1, column: 6 }, '\\u2028'],
    ['a: x\u0085b: 1', { line: 1, column: 5 }, '\\u0085'],
  ])('refuses %j, which Ruby refuses or takes for two lines', (text, place, escape) => {
    expect(() => readYaml(text)).toThrow(expect.objectContaining({ place, message: expect.stringContaining(escape) }));
  });

  it('takes these characters escaped, and a byte order mark at the start', () => {
    expect(read('\ufeffa: "\\u2028 \\x7f \\ufeff é 😀"')).toBe(read('a: "\\u2028 \\x7f \\ufeff é 😀"'));
  });

  it.each([
    ['an alias bomb', `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghij'.split('').map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefghij'[i]}`).join(',')}]`).join('\n')}`, /more than/],
    ['an alias to itself', 'a: &a [ *a ]', /refers to itself/],
    ['an unknown alias', 'a: *b', /b/],
    ['an open bracket', 'a: [ 1, 2', /./],
    ['a Ruby object', 'a: !ruby/object:Gem::Installer {}\nb: !ruby/object:X y', /not supported/],
  ])('refuses %s at once', (_name, text, message) => {
    const started = performance.now();
    expect(() => readYaml(text)).toThrow(YamlError);
    expect(() => readYaml(text)).toThrow(message);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('emitYaml', () => {
  it('writes what Psych writes', () => {
    const value = new Map<Scalar, Value>([
      [Sym.of('hosts'), ['10.1.0.1', '/path', 'a: b', 'yes', '', 'y', '12', '-x']],
      ['nothing', null],
      ['empty', new Map()],
      ['list', []],
      ['nested', [[1, [2]], new Map<Scalar, Value>([['a', Float.of(1)], ['b', ['c']]])]],
      ['text', 'one\ntwo'],
      ['line', 'one\n'],
      ['long', 'word '.repeat(20).trim()],
      ['tab', 'a\tb "c"'],
    ]);
    expect(emitYaml(value)).toBe(
      [
        '---', ':hosts:', '- 10.1.0.1', '- "/path"', "- 'a: b'", "- 'yes'", "- ''", '- "y"', "- '12'", '- "-x"', 'nothing:', 'empty: {}', 'list: []', 'nested:', '- - 1', '  - - 2',
        '- a: 1.0', '  b:', '  - c', 'text: |-', '  one', '  two', "line: 'one", '', "  '", `long: ${'word '.repeat(15).trim()} word`, '  word word word word', 'tab: "a\\tb \\"c\\""', '',
      ].join('\n'),
    );
  });
});

describe('hostile texts', () => {
  it.each([['brackets', `a: ${'['.repeat(50_000)}`], ['dashes', '- '.repeat(20_000)], ['blanks', Array.from({ length: 3_000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')]])('%s are refused', (_name, text) => {
    expect(() => readYaml(text)).toThrow('nested too deeply');
  });
});
