import path from 'node:path';
import { FileMissing, uploadOf, type RenderContext } from './accessory-files.ts';
import { list, section } from './configuration/raw.ts';
import { resolveLookup, type Registry } from './configuration/registry.ts';
import { certificateContents } from './configuration/proxy.ts';
import { deploymentOf, type Deployment } from './deployment.ts';
import { ErbError } from './erb/render.ts';
import type { Problem } from './problems.ts';
import { toS } from './ruby/value.ts';
import { expandPath } from './project-files.ts';
import { SecretMissing, type Secrets } from './secrets/secrets.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * What would fail only when it is used, which for Kamal is in the midst of a run: missing secrets, missing files of
 * accessories, their templates, and (unless `version` is given) a missing app version. Of the selected hosts only.
 */
export async function problemsInUse(snapshot: Snapshot, secrets: Secrets, context: RenderContext & { version?: string }): Promise<Problem[]> {
  const d = deploymentOf(snapshot);
  const found: { key: string; error: unknown }[] = [];
  const attempt = async (key: string, use: () => unknown): Promise<void> => {
    try {
      await use();
    } catch (error) {
      found.push({ key, error });
    }
  };
  if (d.version === null && context.version === undefined) found.push({ key: 'version', error: new Error(d.versionProblem ?? 'no version given') });
  await attempt('registry', () => useRegistry(d.registry, secrets));
  for (const role of d.roles) {
    const tagged = role.hosts.find((host) => d.hosts.includes(host) && (role.tags.get(host) ?? []).length > 0);
    if (tagged !== undefined && !d.raw.has('env')) found.push({ key: `servers/${role.name}`, error: new Error(`${tagged} has tags, but there is no env: for Kamal to look them up in`) });
    await attempt(`servers/${role.name}/env`, () => role.hosts.filter((host) => d.hosts.includes(host)).map((host) => role.envFileContent(host, secrets)));
    const certificate = role.proxy?.customCertificate;
    if (certificate) await attempt(`servers/${role.name}/proxy/ssl`, () => certificateContents(certificate, secrets));
  }
  for (const accessory of selectedAccessories(d)) {
    const key = `accessories/${accessory.name}`;
    const { registry } = accessory;
    if (registry) await attempt(`${key}/registry`, () => useRegistry(registry, secrets));
    await attempt(`${key}/env`, () => accessory.envFileContent(secrets));
    for (const file of accessory.files) {
      if (file.containerPath === '') found.push({ key: `${key}/files`, error: new Error(`${file.local} has no path in the container`) });
      await attempt(`${key}/files`, () => uploadOf(snapshot, accessory, file, secrets, context));
    }
  }
  const problems = found.map(({ key, error }) => problemOf(snapshot, context.projectDir, error instanceof SecretMissing ? placeOfSecret(d, error.key, key) : key, error));
  return problems.filter((problem, index) => problems.findIndex(({ key, message }) => key === problem.key && message === problem.message) === index);
}

function selectedAccessories(d: Deployment) {
  return d.accessories.filter(({ hosts }) => hosts.some((host) => d.hosts.includes(host)));
}

/** The path of the list that names a secret: a role's env, else the root's or a tag's. */
function placeOfSecret(d: Deployment, secret: string, key: string): string {
  const lists = [`${key}/secret`, 'env/secret', ...[...section(section(d.raw, 'env'), 'tags').keys()].map((tag) => `env/tags/${toS(tag)}/secret`)];
  const names = (path: string) => list(path.split('/').slice(0, -1).reduce(section, d.raw), 'secret').map(toS);
  return lists.find((path) => names(path).some((name) => name === secret || name.endsWith(`:${secret}`))) ?? key;
}

function useRegistry(registry: Registry, secrets: Secrets): void {
  if (registry.local) return;
  resolveLookup(registry.username, secrets);
  resolveLookup(registry.password, secrets);
}

function problemOf(snapshot: Snapshot, projectDir: string, key: string, error: unknown): Problem {
  const origin = originOf(snapshot, key);
  const place = { file: origin?.file ?? snapshot.configFile, line: origin?.line ?? null, column: origin?.column ?? null, key };
  if (error instanceof SecretMissing) {
    return { ...place, message: error.message, found: 'no such secret', expected: `${error.key}=… in ${snapshot.secretsFiles.looked.at(-1) ?? '.kamal/secrets'}`, hint: 'add it there, or take it out of the configuration' };
  }
  if (error instanceof FileMissing) {
    const local = error.message.replace(/^Missing file: /, '');
    return { ...place, message: `Missing file: ${expandPath(path.resolve(projectDir), local)}`, found: 'no such file', expected: `${local} in the project` };
  }
  if (error instanceof ErbError) return { ...place, message: error.message, found: error.expression, expected: error.expected, hint: error.hint };
  return { ...place, message: error instanceof Error ? error.message : String(error), found: 'nothing', expected: key === 'version' ? 'a version: --version, VERSION or a git repository' : 'a value' };
}

function originOf(snapshot: Snapshot, key: string) {
  for (let at = key; at !== ''; at = at.includes('/') ? at.slice(0, at.lastIndexOf('/')) : '') {
    const origin = snapshot.origins[at];
    if (origin) return origin;
  }
  return undefined;
}
