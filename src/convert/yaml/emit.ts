import { Float, isHash, toS, type Hash, type Value } from '../../kamal/ruby/value.ts';
import { plainScalar } from '../../kamal/yaml/scalar.ts';
import { hasErb, isErb } from './mask.ts';

/** Keys whose values are whole numbers: ERB in their place must not be quoted, or it would be text. */
const NUMBERS = new Set([
  'app_port', 'interval', 'timeout', 'response_timeout', 'deploy_timeout', 'drain_timeout', 'http_port', 'https_port', 'metrics_port',
  'max_request_body', 'max_response_body', 'memory',
]);
const PLAIN = /^[\p{L}\p{N}/_.][\p{L}\p{N}/_.@+~=-]*(?: [\p{L}\p{N}/_.@+~=|-]+)*$/u;

/** A pair as lines of a block mapping, without indentation. `step` is how many blanks a level is. */
export function blockPair(key: string, value: Value, step: number): string[] {
  const name = scalarText(key, '');
  if (isHash(value) && value.size > 0) return [`${name}:`, ...indented(blockLines(value, step), step)];
  if (Array.isArray(value) && value.length > 0 && value.every((item) => !isHash(item) && !Array.isArray(item))) {
    return [`${name}:`, ...indented(value.map((item) => `- ${flowText(item, key)}`), step)];
  }
  return [`${name}: ${flowText(value, key)}`];
}

/** A mapping as lines of a block. */
export function blockLines(hash: Hash, step: number): string[] {
  return [...hash].flatMap(([key, value]) => blockPair(toS(key), value, step));
}

/** A pair within `{ }`. */
export function flowPair(key: string, value: Value): string {
  return `${scalarText(key, '')}: ${flowText(value, key)}`;
}

/** A value within a line. `key` is what it belongs to. */
export function flowText(value: Value, key: string): string {
  if (isHash(value)) return value.size === 0 ? '{}' : `{ ${[...value].map(([name, item]) => flowPair(toS(name), item)).join(', ')} }`;
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[ ${value.map((item) => flowText(item, key)).join(', ')} ]`;
  return scalarText(value, key);
}

function scalarText(value: Value, key: string): string {
  if (value === null) return 'null';
  if (typeof value !== 'string') return value instanceof Float || typeof value !== 'object' ? toS(value) : quoted(toS(value));
  if (isErb(value) && NUMBERS.has(key)) return value;
  const plain = !hasErb(value) && PLAIN.test(value) && plainScalar(value) === value;
  return plain ? value : quoted(value);
}

/** In double quotes. What ERB puts in is taken to need no escapes, as in the place where it stood. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function indented(lines: readonly string[], step: number): string[] {
  return lines.map((line) => ' '.repeat(step) + line);
}
