import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CommandError, execute } from '../secrets/execute.ts';
import { readYaml } from '../yaml/read.ts';
import type { ErbHost } from './host.ts';

/**
 * Renders a template with an installed `ruby`, else with the Ruby inside an installed `kamal`; null when there is
 * neither, or it can't.
 */
export async function renderWithRuby(template: string, host: ErbHost, { trim }: { trim: boolean }): Promise<string | null> {
  const directory = await mkdtemp(path.join(tmpdir(), 'bactrian-erb-'));
  try {
    const file = path.join(directory, 'template.erb');
    await writeFile(file, template, { mode: 0o600 });
    const rendering = `ERB.new(File.read(${JSON.stringify(file)})${trim ? ', trim_mode: "-"' : ''}).result`;
    return (await withRuby(rendering, host)) ?? (await withKamal(rendering, directory, host));
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function withRuby(rendering: string, host: ErbHost): Promise<string | null> {
  return output('ruby', ['-rerb', '-e', `print ${rendering}`], host);
}

/** A configuration of ours whose own ERB renders the template; `kamal config` shows it among the builder's arguments. */
async function withKamal(rendering: string, directory: string, host: ErbHost): Promise<string | null> {
  const file = path.join(directory, 'deploy.yml');
  const lines = [
    'service: render', 'image: render', 'servers: [ localhost ]', 'registry: { username: none, password: none }',
    `builder: { arch: amd64, args: { RENDERED: "<%= [${rendering}].pack('m0') %>" } }`, '',
  ];
  await writeFile(file, lines.join('\n').replace(rendering, rendering.replaceAll('"', "'")), { mode: 0o600 });
  const shown = await output('kamal', ['config', '-c', file, '--version', 'render'], host);
  const encoded = shown === null ? null : /^ +RENDERED: +(.*)$/m.exec(foldedAway(shown))?.[1];
  if (encoded === undefined || encoded === null) return null;
  const { value } = readYaml(`value: ${encoded}`);
  const text = value instanceof Map ? value.get('value') : null;
  return typeof text === 'string' ? Buffer.from(text, 'base64').toString('utf8') : null;
}

/** Long values may stand on a line of their own. */
function foldedAway(yaml: string): string {
  return yaml.replace(/: *\n {6,}(?=\S)/g, ': ');
}

async function output(program: string, args: readonly string[], host: ErbHost): Promise<string | null> {
  try {
    const { code, stdout } = await execute(program, args, { directory: host.directory, env: Object.fromEntries(host.env) });
    return code === 0 ? stdout : null;
  } catch (error) {
    if (error instanceof CommandError) return null;
    throw error;
  }
}
