import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { labSecrets } from '../../lab/kamal1.ts';
import { registryUser } from '../../lab/registry.ts';

/** Every form in which a secret may have been written down. */
export function formsOf(values: readonly string[]): string[] {
  return values.flatMap((value) => {
    const base64 = Buffer.from(value).toString('base64');
    return [value, base64, base64.replaceAll('=', ''), Buffer.from(value).toString('hex'), encodeURIComponent(value), JSON.stringify(value).slice(1, -1)];
  });
}

const labForms = formsOf([...Object.values(labSecrets), `${registryUser.name}:${registryUser.password}`]);

/**
 * Looks through all files below a folder, databases and their journals included.
 * @returns a line for each file that holds a secret; never the secret
 */
export async function secretsIn(folder: string, forms: readonly string[] = labForms): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path);
    forms.forEach((form, at) => {
      if (content.includes(form)) found.push(`${path} holds form ${at}`);
    });
  }
  return found;
}
