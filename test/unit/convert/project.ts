import { convertProject, type Conversion } from '../../../src/convert/project.ts';
import type { Hook } from '../../../src/convert/hooks.ts';
import { YamlText } from '../../../src/convert/yaml/text.ts';
import { Float, isHash, toS, type Value } from '../../../src/kamal/ruby/value.ts';

/** A project as texts by file name; `config/deploy.X.yml` are destinations. */
export async function convertFiles(files: Record<string, string>, { destination, hooks = [] }: { destination?: string; hooks?: readonly Hook[] } = {}): Promise<Conversion> {
  const all = Object.keys(files).flatMap((file) => /^config\/deploy\.(.+)\.yml$/.exec(file)?.[1] ?? []);
  const wanted = destination === undefined ? all : [destination];
  return await convertProject({
    base: { file: 'config/deploy.yml', text: files['config/deploy.yml'] ?? '' },
    destinations: wanted.map((each) => ({ file: `config/deploy.${each}.yml`, destination: each, text: files[`config/deploy.${each}.yml`] ?? '' })),
    others: all.filter((each) => !wanted.includes(each)),
    hooksPath: '.kamal/hooks',
    hooks,
    read: (file) => files[file] ?? null,
    secretsIgnored: null,
  });
}

/** The project as it is after a conversion. */
export function after(files: Record<string, string>, conversion: Conversion): Record<string, string> {
  return { ...files, ...Object.fromEntries(conversion.files.map((file) => [file.file, file.after])) };
}

/** The smallest Kamal 1 configuration, with more lines. */
export function deploy(more: string, servers = 'servers: [ 10.1.0.1 ]'): string {
  return `service: app\nimage: acme/app\n${servers}\nregistry: { username: bot, password: [ PW ] }\n${more}`;
}

/** What a converted text says, as plain JavaScript. */
export function said(text: string): Record<string, unknown> {
  return plain(new YamlText(text).value) as Record<string, unknown>;
}

function plain(value: Value): unknown {
  if (isHash(value)) return Object.fromEntries([...value].map(([key, item]) => [toS(key), plain(item)]));
  if (Array.isArray(value)) return value.map(plain);
  return value instanceof Float ? value.number : value;
}

/** Converts one configuration: what it says then, and what is left to a person. */
export async function convertDeploy(text: string): Promise<{ text: string; said: Record<string, unknown>; lost: string[]; notes: string[] }> {
  const conversion = await convertFiles({ 'config/deploy.yml': text, '.env': 'PW=x\n' });
  const converted = conversion.files.find(({ file }) => file === 'config/deploy.yml')?.after ?? text;
  const of = (weight: 'lost' | 'note') => conversion.remainders.filter((each) => each.weight === weight).map(({ file, line, what }) => `${file}:${line ?? ''}: ${what}`);
  return { text: converted, said: said(converted), lost: of('lost'), notes: of('note') };
}
