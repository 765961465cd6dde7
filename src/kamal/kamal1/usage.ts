import path from 'node:path';
import { list, section } from '../configuration/raw.ts';
import { resolveLookup } from '../configuration/registry.ts';
import { renderErb } from '../erb/render.ts';
import { projectHost } from '../erb/host.ts';
import { FileMissing, type Upload } from '../accessory-files.ts';
import { located } from '../locate.ts';
import type { Problem } from '../problems.ts';
import { expandPath } from '../project-files.ts';
import { toS, type Value } from '../ruby/value.ts';
import { SecretMissing, type Secrets } from '../secrets/secrets.ts';
import type { Issue } from '../validation/issues.ts';
import type { Kamal1File, Kamal1Accessory } from './accessory.ts';
import { kamal1DeploymentOf, type Kamal1Deployment } from './deployment.ts';
import { hasUrl, type Healthcheck } from './healthcheck.ts';
import type { Kamal1Snapshot } from './snapshot.ts';

/** Where accessories' templates are rendered: `env` is the environment with the `.env` files' variables. */
export interface Kamal1RenderContext {
  readonly projectDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Content of an accessory's file, from the snapshot. A name that ends with `erb` is a template, rendered with the
 * accessory's clear variables on top of the environment (Kamal 1.9: `Accessory#read_dynamic_file`).
 * @throws FileMissing, ErbError, TypeError
 */
export async function kamal1UploadOf(snapshot: Kamal1Snapshot, accessory: Kamal1Accessory, file: Kamal1File, { projectDir, env }: Kamal1RenderContext): Promise<Upload> {
  const local = snapshot.files[file.local];
  if (local === undefined || local.kind === 'missing') throw new FileMissing(file.local);
  if (local.kind === 'directory') return { kind: 'directory', files: local.files.map((each) => ({ path: each.path, content: Buffer.from(each.base64, 'base64') })) };
  const content = Buffer.from(local.base64, 'base64');
  if (!file.rendered) return { kind: 'file', content };
  const own = Object.fromEntries([...accessory.env.clear].map(([key, value]) => [toS(key), textOf(key, value)]));
  const rendered = await renderErb(content.toString('utf8'), projectHost(projectDir, { ...env, ...own }), { trim: false });
  return { kind: 'file', content: Buffer.from(rendered.text) };
}

/** Ruby's environment takes text only, so Kamal 1 crashes on numbers and booleans here. */
function textOf(key: Value, value: Value): string {
  if (typeof value === 'string') return value;
  throw new TypeError(`${toS(key)} is no text, which a template's environment needs: quote it`);
}

/**
 * What would fail only when it is used, which for Kamal is in the midst of a run: missing secrets, missing files of
 * accessories, their templates, unknown tags of hosts, a health check that no URL can be made for, and (unless `version`
 * is given) a missing app version. Of the selected hosts only.
 */
export async function kamal1ProblemsInUse(snapshot: Kamal1Snapshot, secrets: Secrets, context: Kamal1RenderContext & { version?: string }): Promise<Problem[]> {
  const d = kamal1DeploymentOf(snapshot);
  const issues: Issue[] = [];
  const attempt = async (key: string, use: () => unknown): Promise<void> => {
    try {
      await use();
    } catch (error) {
      issues.push(issueOf(d, key, error, snapshot, context.projectDir));
    }
  };
  if (d.version === null && context.version === undefined) issues.push({ key: 'version', message: d.versionProblem ?? 'no version given', found: 'nothing', expected: 'a version: --version, VERSION or a git repository' });
  checkHealthcheck(issues, d.healthcheck, 'healthcheck');
  for (const role of d.allRoles) checkHealthcheck(issues, role.healthcheck, `servers/${role.name}/healthcheck`);
  await attempt('registry', () => [resolveLookup(d.registry.username, secrets), resolveLookup(d.registry.password, secrets)]);
  for (const role of d.roles) {
    const hosts = role.hosts.filter((host) => d.hosts.includes(host));
    issues.push(...hosts.flatMap((host) => unknownTags(d, role.name, host, role.tags.get(host) ?? [])));
    await attempt(`servers/${role.name}/env`, () => hosts.map((host) => role.envFileContent(host, secrets)));
  }
  await attempt('traefik/env', () => d.traefikEnvFileContent(secrets));
  for (const accessory of d.accessories) {
    const key = `accessories/${accessory.name}`;
    await attempt(`${key}/env`, () => accessory.envFileContent(secrets));
    issues.push(...badMounts(d, accessory.name, 'files'), ...badMounts(d, accessory.name, 'directories'));
    for (const file of accessory.files) await attempt(`${key}/files`, () => kamal1UploadOf(snapshot, accessory, file, context));
  }
  const problems = issues.map((issue) => located(issue, snapshot.configFile, new Map(Object.entries(snapshot.origins))));
  return problems.filter((problem, index) => problems.findIndex(({ key, message }) => key === problem.key && message === problem.message) === index);
}

function checkHealthcheck(issues: Issue[], healthcheck: Healthcheck, key: string): void {
  if (hasUrl(healthcheck)) return;
  issues.push({ key, message: `bad URI(is not URI?): the health check asks http://localhost:${toS(healthcheck.port)} for ${toS(healthcheck.path)}`, found: toS(healthcheck.path), expected: 'a path such as /up, and a port number' });
}

/** Kamal 1 crashes on a tag that env: doesn't know. */
function unknownTags(d: Kamal1Deployment, role: string, host: string, tags: readonly string[]): Issue[] {
  const known = section(section(d.raw, 'env'), 'tags');
  return tags.filter((tag) => !known.has(tag)).map((tag) => ({
    key: `servers/${role}`, message: `${host} has the tag ${tag}, which env/tags doesn't know`, found: tag, expected: `one of ${[...known.keys()].map(toS).join(', ') || '(none)'}`,
  }));
}

/** Kamal 1 crashes on an entry without a path in the container. */
function badMounts(d: Kamal1Deployment, accessory: string, key: string): Issue[] {
  return list(section(section(d.raw, 'accessories'), accessory), key).map(toS).flatMap((entry, index) => {
    const [local = '', remote = ''] = entry.split(':');
    if (local !== '' && remote !== '') return [];
    return [{ key: `accessories/${accessory}/${key}/${index}`, message: `accessories/${accessory}/${key}/${index}: should name a path here and one in the container`, found: entry, expected: 'local/path:/path/in/container' }];
  });
}

function issueOf(d: Kamal1Deployment, key: string, error: unknown, snapshot: Kamal1Snapshot, projectDir: string): Issue {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof SecretMissing) {
    return { key: placeOfSecret(d, error.key, key), message, found: 'no such variable', expected: `${error.key}=… in ${snapshot.envFiles.looked.at(-1) ?? '.env'}, or in the environment`, hint: 'add it there, or take it out of the configuration' };
  }
  if (error instanceof FileMissing) {
    const local = message.replace(/^Missing file: /, '');
    return { key, message: `Missing file: ${expandPath(path.resolve(projectDir), local)}`, found: 'no such file', expected: `${local} in the project` };
  }
  return { key, message, found: 'nothing', expected: 'a value' };
}

/** The path of the list that names a secret: the section's own, else the root's or a tag's. */
function placeOfSecret(d: Kamal1Deployment, secret: string, key: string): string {
  const lists = [`${key}/secret`, 'env/secret', ...[...section(section(d.raw, 'env'), 'tags').keys()].map((tag) => `env/tags/${toS(tag)}/secret`)];
  const names = (at: string) => list(at.split('/').slice(0, -1).reduce(section, d.raw), 'secret').map(toS);
  return lists.find((at) => names(at).includes(secret)) ?? key;
}
