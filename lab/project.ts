import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { stringify } from 'yaml';

import { labSecrets, rolesOf } from './kamal1.ts';
import type { Lab } from './lab.ts';
import { appRegistry, registryUser } from './registry.ts';
import type { Topology } from './topology.ts';

/** What YAML can say. */
export type Yaml = string | number | boolean | null | Yaml[] | { [key: string]: Yaml };

export interface ProjectOptions {
  /** Whose configuration is written; default 2. */
  kamal?: 1 | 2;
  /** Merged over `config/deploy.yml`: mappings key by key, anything else replaced; `undefined` takes a key away. */
  changes?: Changes;
  /** Further files, by path in the project; those below `.kamal/hooks` are made executable. */
  files?: Record<string, string>;
}

/** In a project of Kamal 1: a home whose `~/.ssh/config` has the lab's hosts. */
export const HOME_OF_KAMAL1 = 'config/ssh/home';

export interface Changes {
  [key: string]: Changes | Yaml | undefined;
}

/**
 * Writes a project for the lab's fleet, as its owner would have it: `config/deploy.yml`, secrets, and an SSH key with
 * known_hosts of its own in `config/ssh`, so that neither the user's ~/.ssh nor an agent matters (Kamal 1 needs {@link HOME_OF_KAMAL1}).
 * @param folder absolute; made if missing, files of the same name are overwritten
 */
export async function writeProject(lab: Lab, folder: string, options: ProjectOptions = {}): Promise<void> {
  const keys = await lab.keys();
  const ssh = join(folder, 'config/ssh');
  await mkdir(ssh, { recursive: true });
  await copyFile(keys.user, join(ssh, 'id_ed25519'));
  await chmod(join(ssh, 'id_ed25519'), 0o600);
  await copyFile(keys.knownHosts, join(ssh, 'known_hosts'));
  await put(folder, 'config/ssh/config', sshConfig(lab.topology, ssh));
  // Kamal 1 can't be told where SSH's configuration is: it looks at the home's.
  if (options.kamal === 1) await put(folder, `${HOME_OF_KAMAL1}/.ssh/config`, sshConfig(lab.topology, ssh));

  const config = options.kamal === 1 ? kamal1Config(lab.topology, ssh) : kamal2Config(lab.topology, ssh);
  // Ruby takes a plain `:80` for a symbol, without its colon.
  const text = stringify(merge(config, options.changes ?? {}), { version: '1.1' }).replaceAll(/: (:\S+)$/gm, ': "$1"');
  await put(folder, 'config/deploy.yml', text);
  const secrets = Object.entries(labSecrets).map(([name, value]) => `${name}=${value}\n`);
  await put(folder, options.kamal === 1 ? '.env' : '.kamal/secrets', secrets.join(''), 0o600);
  for (const [path, content] of Object.entries(options.files ?? {})) {
    await put(folder, path, content, path.startsWith('.kamal/hooks/') ? 0o755 : 0o644);
  }
}

/** Two mappings as one, the second winning. */
export function merge(base: { [key: string]: Yaml }, changes: Changes): { [key: string]: Yaml } {
  const merged = { ...base };
  for (const [key, change] of Object.entries(changes)) {
    const before = merged[key];
    if (change === undefined) delete merged[key];
    else if (isMapping(change)) merged[key] = merge(isMapping(before) ? before : {}, change);
    else merged[key] = change as Yaml;
  }
  return merged;
}

function isMapping<T>(value: T | undefined): value is Extract<T, { [key: string]: unknown }> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What both generations say in the same way. */
function commonConfig(lab: Topology, ssh: string): { [key: string]: Yaml } {
  const { web, workers, redis } = rolesOf(lab);
  return {
    service: 'labapp',
    image: 'labapp',
    servers: {
      web: { hosts: web.map((host) => host.address) },
      workers: { hosts: [workers.address], cmd: 'worker' },
    },
    registry: { server: appRegistry(lab), username: registryUser.name, password: ['KAMAL_REGISTRY_PASSWORD'] },
    env: { clear: { PORT: '3000', DB_HOST: redis.address }, secret: ['APP_SECRET'] },
    ssh: { keys: [join(ssh, 'id_ed25519')], keys_only: true, config: join(ssh, 'config') },
    accessories: {
      redis: {
        image: 'redis:7.0',
        host: redis.address,
        port: '6379:6379',
        cmd: 'redis-server --appendonly yes',
        env: { secret: ['REDIS_PASSWORD'] },
        directories: ['data:/data'],
      },
    },
  };
}

function kamal2Config(lab: Topology, ssh: string): { [key: string]: Yaml } {
  return {
    ...commonConfig(lab, ssh),
    builder: { arch: 'amd64' },
    proxy: { app_port: 3000, healthcheck: { path: '/up', interval: 1, timeout: 2 } },
  };
}

function kamal1Config(lab: Topology, ssh: string): { [key: string]: Yaml } {
  const router = 'traefik.http.routers.labapp-web';
  return {
    ...merge(commonConfig(lab, ssh), {
      ssh: { config: undefined },
      servers: { web: { labels: { [`${router}.rule`]: 'PathPrefix(`/`)', [`${router}.entrypoints`]: 'http' } } },
    }),
    healthcheck: { path: '/up', port: 3000, interval: '2s' },
    traefik: {
      image: 'traefik:v2.11',
      labels: { 'lab.note': 'kept-on-traefik' },
      options: { publish: ['8443:443'], memory: '256m' },
      args: { accesslog: true, 'entryPoints.http.address': ':80' },
    },
  };
}

function sshConfig(lab: Topology, ssh: string): string {
  return [
    `Host ${lab.subnet}.*`,
    '  User root',
    `  IdentityFile ${join(ssh, 'id_ed25519')}`,
    '  IdentitiesOnly yes',
    `  UserKnownHostsFile ${join(ssh, 'known_hosts')}`,
    '',
  ].join('\n');
}

async function put(folder: string, path: string, text: string, mode = 0o644): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  await chmod(file, mode);
}
