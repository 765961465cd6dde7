import { Float, Sym, Timestamp, type Scalar } from '../ruby/value.ts';

const TIME = /^(-?\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt]|\s+)(\d{1,2}):(\d\d):(\d\d)(?:\.\d*)?(?:\s*(Z|[-+]\d{1,2}:?(?:\d\d)?))?$/;
const DATE = /^(\d{4})-(1[012]|0\d|\d)-([12]\d|3[01]|0\d|\d)$/;
const FLOAT = /^[-+]?([0-9][0-9_,]*)?\.[0-9]*([eE][+-][0-9]+)?$/;
const INTEGER = /^(?:[-+]?0b[0-1_,]+|[-+]?0[0-7_,]+|[-+]?(0|[1-9](?:[0-9]|,[0-9]|_[0-9])*)|[-+]?0x[0-9a-fA-F_,]+)$/;
const SEXAGESIMAL = /^[-+]?[0-9][0-9_]*(:[0-5]?[0-9]){1,2}$/;
const SEXAGESIMAL_FLOAT = /^[-+]?[0-9][0-9_]*(:[0-5]?[0-9]){1,2}\.[0-9_]*$/;
const TEXT = /^[^\d.:-]?[\p{L}\p{M}\p{Nl}_\s!@#$%^&*(){}<>|/~;=]+/u;

/**
 * What Ruby's YAML 1.1 (Psych 4, as Kamal reads its files) makes of an unquoted scalar: `0755` is 493, `22:22` is 80520,
 * `on` is true, `y` and `1e3` stay text, `:name` is a symbol.
 */
export function plainScalar(text: string): Scalar {
  if (text === '') return null;
  if (TEXT.test(text) || text.includes('\n')) return word(text);
  const time = TIME.exec(text);
  if (time) return Timestamp.of('Time', timeText(time));
  const date = DATE.exec(text);
  if (date) return isDate(date) ? Timestamp.of('Date', [date[1], two(date[2]), two(date[3])].join('-')) : text;
  if (/^\+?\.inf$/i.test(text)) return Float.of(Infinity);
  if (/^-\.inf$/i.test(text)) return Float.of(-Infinity);
  if (/^\.nan$/i.test(text)) return Float.of(NaN);
  if (/^:./.test(text)) return Sym.of(/^:["']/.test(text) ? text.slice(2).replace(/["']$/, '') : text.slice(1));
  if (SEXAGESIMAL.test(text)) return sexagesimal(text);
  if (SEXAGESIMAL_FLOAT.test(text)) return Float.of(sexagesimal(text));
  if (FLOAT.test(text)) return /^[-+]?\.$/.test(text) ? text : Float.of(Number(text.replace(/[,_]/g, '').replace(/\.([Ee]|$)/, '$1')));
  if (INTEGER.test(text)) return integer(text);
  return text;
}

/** Integer as Ruby's `Integer("0755")`: a leading 0, 0b or 0x gives the base. Null when it isn't one. */
function integer(text: string): Scalar {
  const digits = text.replace(/[,_]/g, '');
  const sign = digits.startsWith('-') ? -1n : 1n;
  const body = digits.replace(/^[-+]/, '');
  if (body === '') return text;
  const big = sign * BigInt(/^0[0-7]+$/.test(body) ? `0o${body.slice(1)}` : body);
  return big >= BigInt(Number.MIN_SAFE_INTEGER) && big <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(big) : big;
}

function word(text: string): Scalar {
  if (text.length > 5 || /^[^ytonf~]/i.test(text)) return text;
  if (text === '~' || /^null$/i.test(text)) return null;
  if (/^(yes|true|on)$/i.test(text)) return true;
  if (/^(no|false|off)$/i.test(text)) return false;
  return text;
}

/** Psych counts `22:22` from the left as hours and minutes, whatever the number of parts. */
function sexagesimal(text: string): number {
  return text.split(':').reduce((sum, part, index) => sum + (Number.parseFloat(part.replaceAll('_', '')) || 0) * 60 ** Math.abs(index - 2), 0);
}

function isDate([, year, month, day]: RegExpExecArray): boolean {
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
}

/** As Ruby's `Time#to_s` shows it. */
function timeText([, year, month, day, hour, minute, second, zone]: RegExpExecArray): string {
  const offset = zone === undefined || zone === 'Z' ? 'UTC' : zone.replace(':', '').replace(/^([-+])(\d)(?=$|\d\d$)/, '$10$2').padEnd(5, '0');
  return `${year}-${two(month)}-${two(day)} ${two(hour)}:${minute}:${second} ${offset}`;
}

function two(digits: string | undefined): string {
  return (digits ?? '').padStart(2, '0');
}
