import { Float, Sym, Timestamp, isHash, toS, type Value } from '../ruby/value.ts';
import { analyze, isBreak, printable, type Analysis } from './analyze.ts';
import { plainScalar } from './scalar.ts';

type Style = 'plain' | 'single' | 'double' | 'literal';

/** An object of a Ruby class, written with its tag. */
export class Tagged {
  readonly tag: string;
  readonly fields: ReadonlyMap<string, Value>;
  constructor(tag: string, fields: ReadonlyMap<string, Value>) {
    this.tag = tag;
    this.fields = fields;
  }
}

export type Emittable = Value | Tagged | Emittable[] | Map<Value, Emittable>;

const WIDTH = 80;
const ESCAPES: Record<string, string> = {
  '\0': '0', '\u0007': 'a', '\b': 'b', '\t': 't', '\n': 'n', '\v': 'v', '\f': 'f', '\r': 'r', '\u001b': 'e', '"': '"', '\\': '\\',
  '\u0085': 'N', '\u00a0': '_', '\u2028': 'L', '\u2029': 'P',
};

/** A value as YAML, in the form that Ruby's Psych 4 gives it (libyaml's emitter, width 80). */
export function emitYaml(value: Emittable): string {
  const emitter = new Emitter();
  emitter.document(value);
  return emitter.text;
}

class Emitter {
  text = '---';
  private column = 3;

  document(value: Emittable): void {
    this.node(value, -2, 'root');
    this.text += '\n';
  }

  private node(value: Emittable, indent: number, place: 'root' | 'value' | 'item'): void {
    if (value instanceof Tagged) {
      this.write(` !${value.tag}`);
      this.mapping(value.fields, place === 'item' ? indent : indent + 2, false);
    } else if (isMapping(value)) {
      if (value.size === 0) this.write(' {}');
      else this.mapping(value, indent + 2, place === 'item');
    } else if (Array.isArray(value)) {
      if (value.length === 0) this.write(' []');
      // A sequence below a key isn't indented.
      else this.sequence(value, place === 'value' ? indent : indent + 2, place === 'item');
    } else this.scalar(value as Value, indent + 2, false);
  }

  private mapping(hash: ReadonlyMap<Value, Emittable>, indent: number, inline: boolean): void {
    let first = inline;
    for (const [key, value] of hash) {
      if (first) this.write(' ');
      else this.newLine(indent);
      this.scalar(key, indent, true);
      this.write(':');
      this.node(value, indent, 'value');
      first = false;
    }
  }

  private sequence(items: readonly Emittable[], indent: number, inline: boolean): void {
    let first = inline;
    for (const item of items) {
      if (first) this.write(' ');
      else this.newLine(indent);
      this.write('-');
      this.node(item, indent, 'item');
      first = false;
    }
  }

  private scalar(value: Value, indent: number, key: boolean): void {
    const { text, style: wanted } = scalarOf(value);
    const analysis = analyze(text);
    const style = styleFor(text, wanted, analysis, key);
    if (!key && (style !== 'plain' || text !== '')) this.write(' ');
    if (style === 'plain') this.folded(text, indent, !key);
    else if (style === 'single') {
      this.write("'");
      this.folded(text, indent, !key, { quoted: true });
      this.write("'");
    } else if (style === 'double') this.double(text, indent, !key);
    else this.literal(text, indent);
  }

  /** Plain and single-quoted text: folded at a space beyond the width, line breaks doubled. */
  private folded(text: string, indent: number, fold: boolean, { quoted = false } = {}): void {
    const characters = Array.from(text);
    let spaces = false;
    let breaks = false;
    for (const [index, c] of characters.entries()) {
      if (c === ' ') {
        const inside = !quoted || (index > 0 && index < characters.length - 1);
        if (fold && !spaces && this.column > WIDTH && inside && characters[index + 1] !== ' ') this.newLine(indent);
        else this.write(' ');
        spaces = true;
      } else if (c === '\n') {
        if (!breaks) this.newLine(0);
        this.newLine(0);
        breaks = true;
      } else {
        if (breaks) this.pad(indent);
        this.write(quoted && c === "'" ? "''" : c);
        spaces = false;
        breaks = false;
      }
    }
    if (breaks) this.pad(indent);
  }

  private double(text: string, indent: number, fold: boolean): void {
    const characters = Array.from(text);
    let spaces = false;
    this.write('"');
    for (const [index, c] of characters.entries()) {
      if (!printable(c) || isBreak(c) || c === '"' || c === '\\') {
        this.write(escape(c));
        spaces = false;
      } else if (c === ' ') {
        if (fold && !spaces && this.column > WIDTH && index > 0 && index < characters.length - 1) {
          this.newLine(indent);
          if (characters[index + 1] === ' ') this.write('\\');
        } else this.write(' ');
        spaces = true;
      } else {
        this.write(c);
        spaces = false;
      }
    }
    this.write('"');
  }

  private literal(text: string, indent: number): void {
    const hint = /^[ \n]/.test(text) ? '2' : '';
    const chomp = !text.endsWith('\n') ? '-' : text === '\n' || text.endsWith('\n\n') ? '+' : '';
    this.write(`|${hint}${chomp}`);
    const lines = text.replace(/\n$/, '').split('\n');
    for (const line of lines) {
      this.newLine(line === '' ? 0 : indent);
      this.write(line);
    }
  }

  private newLine(indent: number): void {
    this.text += `\n${' '.repeat(Math.max(indent, 0))}`;
    this.column = Math.max(indent, 0);
  }

  private pad(indent: number): void {
    this.write(' '.repeat(indent));
  }

  private write(text: string): void {
    this.text += text;
    this.column += Array.from(text).length;
  }
}

function isMapping(value: Emittable): value is Map<Value, Emittable> {
  return value instanceof Map || isHash(value as Value);
}

function escape(c: string): string {
  const short = ESCAPES[c];
  if (short !== undefined) return `\\${short}`;
  const code = c.codePointAt(0) ?? 0;
  const hex = (width: number) => code.toString(16).toUpperCase().padStart(width, '0');
  return code <= 0xff ? `\\x${hex(2)}` : code <= 0xffff ? `\\u${hex(4)}` : `\\U${hex(8)}`;
}

/** Text of a scalar and the style that Psych asks for. */
function scalarOf(value: Value): { text: string; style: Style } {
  if (value === null) return { text: '', style: 'plain' };
  if (typeof value === 'string') return { text: value, style: stringStyle(value) };
  if (value instanceof Sym) return { text: `:${value.name}`, style: 'plain' };
  if (value instanceof Float && !Number.isFinite(value.number)) return { text: Number.isNaN(value.number) ? '.nan' : value.number > 0 ? '.inf' : '-.inf', style: 'plain' };
  if (value instanceof Timestamp) return { text: value.text, style: 'plain' };
  return { text: toS(value), style: 'plain' };
}

function stringStyle(text: string): Style {
  if (/\n(?!\n?$(?![\s\S]))/.test(text)) return 'literal';
  if (text === '<<') return 'single';
  if (/^[yYnN]$/.test(text)) return 'double';
  if (/^[^\p{L}\p{M}\p{Nd}\p{Pc}][^"]*$/mu.test(text)) return 'double';
  // Not a number for Psych, but for others.
  if (typeof plainScalar(text) !== 'string' || /^0[0-7]*[89]/.test(text)) return 'single';
  return 'plain';
}

function styleFor(text: string, wanted: Style, allowed: Analysis, key: boolean): Style {
  let style: Style = key && allowed.multiline ? 'double' : wanted;
  if (style === 'plain' && (!allowed.plain || (text === '' && key))) style = 'single';
  if (style === 'single' && !allowed.single) style = 'double';
  if (style === 'literal' && (!allowed.block || key)) style = 'double';
  return style;
}
