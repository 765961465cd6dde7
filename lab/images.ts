import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { buildBinary } from './build.ts';
import type { Say } from './build.ts';
import { ensureEngine } from './engine.ts';
import { awaitHost, layOutHost, runOnHost, startHost } from './host.ts';
import { imageRecipes } from './image-recipes.ts';
import type { Binaries, ImageRecipe } from './image-recipes.ts';
import { ensureKeys } from './keys.ts';
import { namespacesOf, makeNetwork, removeNetwork } from './network.ts';
import { cacheFolder, labsFolder, labSources, pinnedVersion } from './paths.ts';
import { removeControlGroups } from './control-groups.ts';
import { whileLocked } from './lock.ts';
import { killAllIn } from './processes.ts';
import { openRegistry, startRegistries } from './registry.ts';
import { must } from './run.ts';
import { topologyOf } from './topology.ts';
import type { HostPlace, Topology } from './topology.ts';

/**
 * Makes a registry store with all images, unless the cache has it: the real ones where their registry answers, otherwise
 * built here from their modules.
 * @returns the store's folder, to be copied, and the binary that logs commands on hosts
 * @throws if a binary can't be built or an image not be made
 */
export async function ensureImages(say: Say): Promise<{ store: string; commandLog: string }> {
  const commandLog = await buildBinary('command-log', say);
  const app = await buildBinary('app', say);
  const recipe = await readFile(join(labSources, 'image-recipes.ts'));
  const folderFor = (origin: 'pulled' | 'built'): string => {
    const versions = [origin, app, pinnedVersion('TRAEFIK_VERSION'), pinnedVersion('KAMAL_PROXY_VERSION')];
    return join(cacheFolder, 'images', createHash('sha256').update(versions.join()).update(recipe).digest('hex').slice(0, 12));
  };
  const found = (): string | undefined =>
    [folderFor('pulled'), folderFor('built')].map((folder) => join(folder, 'registry/store')).find((store) => existsSync(store));
  const store = found() ?? (await whileLocked('images', say, async () => found() ?? (await makeImages(app, folderFor, say, commandLog))));
  return { store, commandLog };
}

/** @returns the folder of the store that it filled */
async function makeImages(app: string, folderFor: (origin: 'pulled' | 'built') => string, say: Say, commandLog: string): Promise<string> {
  const real = await imageRegistryAnswers();
  const folder = folderFor(real ? 'pulled' : 'built');
  const binaries: Binaries = { app };
  if (!real) {
    binaries.kamalProxy = await buildBinary('kamal-proxy', say, 'a minute');
    binaries.traefik = await buildBinary('traefik', say, '5 to 7 minutes');
  }
  say('making the images (about 20 s)');
  await rm(`${folder}.new`, { recursive: true, force: true });
  await makeStore(`${folder}.new`, imageRecipes(binaries), real, commandLog);
  await rename(`${folder}.new`, folder);
  return join(folder, 'registry/store');
}

/** Takes away the host on which images are made, if whoever made them was killed. */
export async function removeImageHost(say: Say): Promise<void> {
  const lab = topologyOf(imageLab);
  if ((await namespacesOf(lab)).length === 0 && !existsSync(join(labsFolder, lab.name))) return;
  // Whoever still makes images holds the lock: its host is not left over.
  await whileLocked('images', say, async () => {
    await tearDown(lab);
    await rm(join(labsFolder, lab.name), { recursive: true, force: true });
  });
}

const imageLab = { name: 'images', subnet: '10.79.0', hosts: 1 };

/** Answers within three seconds or counts as not there. */
async function imageRegistryAnswers(): Promise<boolean> {
  if (process.env.BACTRIAN_LAB_BUILD_IMAGES === '1') return false;
  try {
    const answer = await fetch('https://registry-1.docker.io/v2/', { signal: AbortSignal.timeout(3000) });
    return answer.status === 401 || answer.ok;
  } catch {
    return false;
  }
}

/** Brings up one host and a registry for as long as it takes to fill the registry's store. */
async function makeStore(folder: string, recipes: ImageRecipe[], real: boolean, commandLog: string): Promise<void> {
  const lab = topologyOf(imageLab);
  const [host] = lab.hosts;
  if (host === undefined) throw new Error('a lab without hosts');
  const hostFolder = join(labsFolder, lab.name);
  try {
    await tearDown(lab);
    await rm(hostFolder, { recursive: true, force: true });
    await makeNetwork(lab);
    await startRegistries(lab, join(folder, 'registry'));
    await layOutHost(lab, host, hostFolder, await ensureKeys(lab), commandLog, await ensureEngine({}, () => undefined));
    await startHost(lab, host, hostFolder);
    await awaitHost(host, hostFolder);
    for (const recipe of recipes) {
      const target = `${openRegistry(lab)}/${recipe.reference}`;
      if (real && recipe.upstream !== undefined) await copyImage(recipe.upstream, target);
      else await makeImage(host, hostFolder, recipe, target);
    }
    await mustOnHost(host, `docker tag ${openRegistry(lab)}/labapp:v1 ${openRegistry(lab)}/labapp:latest`);
    await mustOnHost(host, `docker push -q ${openRegistry(lab)}/labapp:latest`);
  } finally {
    await tearDown(lab);
    await rm(hostFolder, { recursive: true, force: true });
  }
}

async function tearDown(lab: Topology): Promise<void> {
  const namespaces = await namespacesOf(lab);
  await killAllIn(namespaces);
  await removeNetwork(lab, namespaces);
  await removeControlGroups(lab.hosts.map((host) => host.namespace));
}

async function copyImage(from: string, to: string): Promise<void> {
  await must('skopeo', ['copy', '-q', '--dest-tls-verify=false', `docker://${from}`, `docker://${to}`], { timeoutMs: 600_000 });
}

async function makeImage(host: HostPlace, hostFolder: string, recipe: ImageRecipe, target: string): Promise<void> {
  // Below /root, which the host and the machine both reach, each by its own path.
  const root = join(hostFolder, 'root/image');
  await mkdir(root, { recursive: true });
  await recipe.fill(root);
  const settings = recipe.settings.map((setting) => `--change '${setting}'`).join(' ');
  await mustOnHost(host, `tar -C image -c . | docker import ${settings} - ${target} && docker push -q ${target}`);
  await rm(root, { recursive: true });
}

async function mustOnHost(host: HostPlace, script: string): Promise<void> {
  const ended = await runOnHost(host, script, { timeoutMs: 300_000 });
  if (ended.code !== 0) throw new Error(`'${script.slice(0, 120)}' on ${host.name} ended with ${ended.code}: ${ended.stderr.trim()}`);
}
