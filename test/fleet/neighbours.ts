import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { join as shellJoin } from 'shlex';

import { bootWeb } from '../../lab/kamal1.ts';
import type { LoadPlan } from '../../lab/load.ts';
import { writeProject, type Changes } from '../../lab/project.ts';
import type { Shop } from './shop.ts';
import { lab } from './the-lab.ts';

/** The lab's own service and one more on h1, each with a name, as Kamal 1 runs them behind one Traefik. */
export const SHOP = 'shop.example';
export const WIKI = 'wiki.example';

/** What makes the lab's project one of h1 and a name alone. */
export const shopChanges: Changes = { servers: { web: { hosts: [lab.host('h1').address] } }, proxy: { host: SHOP } };

/** The other service's project: another person's, in a folder of its own. */
export const wikiChanges: Changes = {
  service: 'wiki',
  servers: { web: { hosts: [lab.host('h1').address] }, workers: undefined },
  env: { clear: { PORT: '3000', DB_HOST: undefined } },
  accessories: undefined,
  proxy: { host: WIKI },
};

/** Gives the lab's service its name, and sets the other one beside it (Kamal 1.9: `app boot`). */
export async function bootNeighbours(): Promise<void> {
  const h1 = lab.host('h1');
  const named = bootWeb(lab.topology, h1, route('labapp-web', SHOP)).map((command) => `( ${command} )`);
  await onH1(`set -e; docker rm -f labapp-web-v1 > /dev/null; ${named.join('; ')}; ${bootWiki('wiki-web-v2')}`);
}

/** A container of the other service, started as Kamal 1 starts it. */
export function bootWiki(name: string): string {
  const image = `${lab.topology.gateway}:5000/labapp:v2`;
  const labels = { service: 'wiki', role: 'web', destination: '', 'traefik.http.services.wiki-web.loadbalancer.server.scheme': 'http', ...route('wiki-web', WIKI) };
  return shellJoin([
    'docker', 'run', '--detach', '--restart', 'unless-stopped', '--name', name, '--env', 'PORT=3000', '--env', 'APP_SECRET=app-secret-1', '--env', `KAMAL_CONTAINER_NAME=${name}`, '--env', 'KAMAL_VERSION=v2',
    '--health-cmd', 'curl -f http://localhost:3000/up || exit 1', '--health-interval', '1s',
    ...Object.entries(labels).flatMap(([label, value]) => ['--label', `${label}=${value}`]), image,
  ]);
}

/** The first service's configuration as it was for Kamal 1, and a ~/.ssh, which is all that Kamal 1 looks at for host keys. */
export async function writeKamal1Project({ dir }: Shop): Promise<void> {
  const old = `${dir}-kamal1`;
  const web = { hosts: [lab.host('h1').address], labels: route('labapp-web', SHOP) };
  await writeProject(lab, old, { kamal: 1, changes: { readiness_delay: 2, ssh: { config: undefined }, servers: { web } } });
  await writeFile(join(dir, 'config/deploy.kamal1.yml'), await readFile(join(old, 'config/deploy.yml'), 'utf8'));
  await writeProject(lab, `${dir}-home`, { files: { '.ssh/config': await readFile(join(old, 'config/ssh/config'), 'utf8') } });
}

function route(router: string, host: string): Record<string, string> {
  return { [`traefik.http.routers.${router}.rule`]: `Host(\`${host}\`)`, [`traefik.http.routers.${router}.entrypoints`]: 'http' };
}

/** Requests for both names, by clients that keep their connections and by such that don't. */
export function loadOnBoth(perSecond: number): LoadPlan {
  const { address } = lab.host('h1');
  const stream = (name: string, expect: string, keepAlive: boolean) => ({ name: `${name}${keepAlive ? ', kept' : ''}`, url: `http://${name}/`, perSecond, expect, keepAlive, address });
  return { maxSeconds: 600, timeoutSeconds: 5, streams: [SHOP, WIKI].flatMap((name) => [false, true].map((keepAlive) => stream(name, name === SHOP ? 'labapp v1' : 'labapp v2', keepAlive))) };
}

/** What a shell script on h1 prints. @throws when it ends with another code than 0 */
export async function onH1(script: string): Promise<string> {
  const ended = await lab.exec('h1', script);
  if (ended.code !== 0) throw new Error(ended.stderr);
  return ended.stdout.trim();
}
