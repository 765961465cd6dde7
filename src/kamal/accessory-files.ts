import { wholeEnv } from './configuration/env.ts';
import type { Accessory, AccessoryFile } from './configuration/accessory.ts';
import { projectHost } from './erb/host.ts';
import { renderErb } from './erb/render.ts';
import { toS } from './ruby/value.ts';
import type { Secrets } from './secrets/secrets.ts';
import type { Snapshot } from './snapshot.ts';

/** What is uploaded for an accessory's file. */
export type Upload =
  | { readonly kind: 'file'; readonly content: Buffer }
  | { readonly kind: 'directory'; readonly files: readonly { readonly path: string; readonly content: Buffer }[] };

/** A file that an accessory is to get isn't in the project. The message is Kamal's. */
export class FileMissing extends Error {
  constructor(local: string) {
    super(`Missing file: ${local}`);
    this.name = 'FileMissing';
  }
}

export interface RenderContext {
  readonly projectDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Content of an accessory's file, from the snapshot. A name that ends with `erb` is a template, rendered with the
 * accessory's own environment, secrets included, on top of `env` (Kamal 2.12: `Accessory#read_dynamic_file`).
 * @throws FileMissing, SecretMissing, ErbError
 */
export async function uploadOf(snapshot: Snapshot, accessory: Accessory, file: AccessoryFile, secrets: Secrets, { projectDir, env }: RenderContext): Promise<Upload> {
  const local = snapshot.files[file.local];
  if (local === undefined || local.kind === 'missing') throw new FileMissing(file.local);
  if (local.kind === 'directory') {
    return { kind: 'directory', files: local.files.map(({ path, base64 }) => ({ path, content: Buffer.from(base64, 'base64') })) };
  }
  const content = Buffer.from(local.base64, 'base64');
  if (!file.rendered) return { kind: 'file', content };
  const own = Object.fromEntries([...wholeEnv(accessory.env, secrets)].map(([key, value]) => [key, toS(value)]));
  const rendered = await renderErb(content.toString('utf8'), projectHost(projectDir, { ...env, ...own }), { trim: false });
  return { kind: 'file', content: Buffer.from(rendered.text) };
}
