import { isHash, toS, type Hash, type Value } from '../../kamal/ruby/value.ts';
import { child } from '../view.ts';
import { maskErb } from '../yaml/mask.ts';

/** Names that a configuration looks up as secrets: of env, registry and builder. Kamal 1.9: whatever it asks ENV for. */
export function secretNames(raw: Hash): Set<string> {
  const names = new Set<string>();
  const add = (value: Value | undefined) => {
    if (Array.isArray(value)) for (const item of value) if (typeof item === 'string') names.add(item);
  };
  const addEnv = (owner: Hash) => {
    const env = child(owner, 'env');
    add(env.get('secret'));
    for (const tag of child(env, 'tags').values()) if (isHash(tag)) add(tag.get('secret'));
  };
  addEnv(raw);
  for (const section of ['servers', 'accessories']) for (const each of child(raw, section).values()) if (isHash(each)) addEnv(each);
  for (const key of ['username', 'password']) add(child(raw, 'registry').get(key));
  add(child(raw, 'builder').get('secrets'));
  return names;
}

/** Which of some names ERB in a text speaks of. */
export function namesInErb(text: string, names: Iterable<string>): Set<string> {
  const code = maskErb(text).tags.map(({ source }) => source).join('\n');
  return new Set([...names].filter((name) => new RegExp(`(?<![A-Za-z0-9_])${name.replaceAll('.', '\\.')}(?![A-Za-z0-9_])`).test(code)));
}

/** Last keys of the values whose ERB speaks of a name. */
export function keysThatUse(text: string, name: string): string[] {
  return text.split('\n').flatMap((line) => (namesInErb(line, [name]).size > 0 ? [...line.matchAll(/([A-Za-z0-9_-]+)["']?\s*:/g)].map(([, key]) => toS(key)) : []));
}
