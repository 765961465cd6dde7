import { Float, type Value } from '../ruby/value.ts';
import { ErbUnsupported, RubyError } from './errors.ts';
import { className, type Call, type Thing } from './objects.ts';

/** A method of Integer or Float. @throws RubyError, ErbUnsupported */
export function callNumber(receiver: number | Float, call: Call): Value | Promise<Value> {
  const own = receiver instanceof Float ? receiver.number : receiver;
  switch (call.name) {
    case 'to_i':
    case 'to_int':
    case 'floor':
      return call.name === 'floor' ? Math.floor(own) : Math.trunc(own);
    case 'ceil':
      return Math.ceil(own);
    case 'round':
      return Math.round(own);
    case 'to_f':
      return Float.of(own);
    case 'abs':
      return result(receiver, receiver, Math.abs(own));
    case '-@':
      return result(receiver, receiver, -own);
    case 'zero?':
      return own === 0;
    case 'positive?':
      return own > 0;
    case 'even?':
      return own % 2 === 0;
    case 'odd?':
      return Math.abs(own % 2) === 1;
    case 'times':
      return times(own, call);
    default:
      return arithmetic(receiver, own, call);
  }
}

async function times(count: number, call: Call): Promise<Value> {
  const numbers = Array.from({ length: count }, (_, index) => index);
  if (!call.block) return numbers;
  for (const each of numbers) await call.block(each);
  return count;
}

function arithmetic(receiver: number | Float, own: number, call: Call): Value {
  const [arg] = call.args;
  if (!['+', '-', '*', '/', '%', '<', '<=', '>', '>=', '**'].includes(call.name)) throw new ErbUnsupported(`Integer#${call.name}`, call.line);
  const other = numberOf(arg, call);
  const whole = typeof receiver === 'number' && typeof arg === 'number';
  switch (call.name) {
    case '+':
      return result(receiver, arg, own + other);
    case '-':
      return result(receiver, arg, own - other);
    case '*':
      return result(receiver, arg, own * other);
    case '**':
      return result(receiver, arg, own ** other);
    case '/':
      if (whole && other === 0) throw new RubyError('divided by 0', call.line);
      return whole ? Math.floor(own / other) : Float.of(own / other);
    case '%':
      return result(receiver, arg, own - other * Math.floor(own / other));
    case '<':
      return own < other;
    case '<=':
      return own <= other;
    case '>':
      return own > other;
    default:
      return own >= other;
  }
}

function numberOf(arg: Thing | undefined, call: Call): number {
  if (typeof arg === 'number') return arg;
  if (arg instanceof Float) return arg.number;
  throw new RubyError(`${call.name}: ${arg === undefined ? 'nothing' : className(arg)} can't be coerced into Integer`, call.line);
}

/** A whole number of whole numbers, else a float. */
function result(a: Thing | undefined, b: Thing | undefined, number: number): Value {
  return a instanceof Float || b instanceof Float ? Float.of(number) : number;
}
