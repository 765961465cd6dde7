import { randomBytes } from 'node:crypto';

import { join as shellJoin } from 'shlex';

import { appRegistry, registryUser } from './registry.ts';
import type { HostPlace, Topology } from './topology.ts';

/** Values of the secrets that the lab's projects name; known, so that a test can look for them where they must not be. */
export const labSecrets = {
  KAMAL_REGISTRY_PASSWORD: registryUser.password,
  APP_SECRET: 'app-secret-1',
  REDIS_PASSWORD: 'redis-secret-1',
} as const;

/** Who does what: web everywhere but on the last host, which has the workers and Redis. */
export function rolesOf(lab: Topology): { web: HostPlace[]; workers: HostPlace; redis: HostPlace } {
  const last = lab.hosts.at(-1);
  if (last === undefined) throw new Error('a lab without hosts');
  return { web: lab.hosts.length === 1 ? [last] : lab.hosts.slice(0, -1), workers: last, redis: last };
}

/** Shell scripts, one a host, that run at once; the next stage begins when all have ended. */
export interface Stage {
  name: string;
  scripts: { host: HostPlace; script: string; input?: string }[];
}

/**
 * What Kamal 1.9.3 does to an empty fleet: `env push`, `accessory boot`, `deploy` of version v1, so that each host is left
 * with the containers, files, modes and audit lines that it leaves (Kamal 1.9.3: env, accessory, traefik, app boot, prune).
 */
export function kamal1Stages(lab: Topology): Stage[] {
  const { web, workers, redis } = rolesOf(lab);
  const image = `${appRegistry(lab)}/labapp`;
  const stage = (name: string, hosts: HostPlace[], commands: (host: HostPlace) => string[]): Stage => ({
    name,
    scripts: hosts.map((host) => ({ host, script: ['set -e', ...commands(host)].join('\n') })),
  });
  return [
    {
      name: 'log in',
      scripts: lab.hosts.map((host) => ({
        host,
        input: registryUser.password,
        script: `mkdir -p .kamal && docker login ${appRegistry(lab)} -u ${registryUser.name} --password-stdin`,
      })),
    },
    stage('push env files', lab.hosts, (host) => [
      ...(host === lab.hosts[0] ? ['mkdir -p .kamal/locks'] : []),
      audit('Pushed env files'),
      ...(web.includes(host) ? [envFile('roles/labapp-web', `APP_SECRET=${labSecrets.APP_SECRET}`), envFile('traefik/traefik', '')] : []),
      ...(host === workers ? [envFile('roles/labapp-workers', `APP_SECRET=${labSecrets.APP_SECRET}`)] : []),
      ...(host === redis ? [envFile('accessories/labapp-redis', `REDIS_PASSWORD=${labSecrets.REDIS_PASSWORD}`)] : []),
    ]),
    stage('boot accessories', [redis], () => ['mkdir -p labapp-redis/data', audit('Booted redis accessory'), shellJoin(runRedis)]),
    stage('pull the app', lab.hosts, () => [audit('Pulled image with version v1'), `docker pull -q ${image}:v1`]),
    stage('boot Traefik', web, () => [shellJoin(runTraefik())]),
    stage('boot web', web, (host) => {
      return [audit('[web] Booted app version v1'), ...bootWeb(lab, host)];
    }),
    stage('boot workers', [workers], (host) => [
      audit('[workers] Booted app version v1'),
      shellJoin([...runApp(lab, host, 'workers'), ...roleLabels('workers'), `${image}:v1`, 'worker']),
    ]),
    stage('tag and prune', lab.hosts, () => [
      audit(`Tagging ${image}:v1 as the latest image`),
      `docker tag ${image}:v1 ${image}:latest`,
      audit('Pruned containers'),
      audit('Pruned images'),
    ]),
  ];
}

const runDetached = ['docker', 'run', '--detach', '--restart', 'unless-stopped', '--log-opt', 'max-size=10m'];

const runRedis = [
  ...runDetached,
  '--name', 'labapp-redis', '--publish', '6379:6379', '--env-file', '.kamal/env/accessories/labapp-redis.env',
  '--volume', '/root/labapp-redis/data:/data', '--label', 'service=labapp-redis',
  'redis:7.0', 'redis-server', '--appendonly', 'yes',
];

/** @param more `docker run` options and Traefik's arguments that a configuration adds */
export function runTraefik(more: { options: string[]; args: string[] } = { options: ['--publish', '8443:443'], args: [] }): string[] {
  return [
    ...runDetached,
    '--name', 'traefik', '--publish', '80:80', ...more.options, '--memory', '256m',
    '--volume', '/var/run/docker.sock:/var/run/docker.sock', '--env-file', '.kamal/env/traefik/traefik.env',
    ...labels({
      'traefik.http.routers.catchall.entryPoints': 'http',
      'traefik.http.routers.catchall.rule': 'PathPrefix(`/`)',
      'traefik.http.routers.catchall.service': 'unavailable',
      'traefik.http.routers.catchall.priority': '1',
      'traefik.http.services.unavailable.loadbalancer.server.port': '0',
      'lab.note': 'kept-on-traefik',
    }),
    'traefik:v2.11', '--providers.docker', '--log.level=DEBUG', '--accesslog', '--entryPoints.http.address=:80', ...more.args,
  ];
}

/** @param routing Traefik's labels in place of those that send everything on port 80 to the app */
export function bootWeb(lab: Topology, host: HostPlace, routing?: Record<string, string>): string[] {
  const cord = `/root/.kamal/cords/labapp-web-${hex(32)}`;
  const run = shellJoin(runWeb(lab, host, `${appRegistry(lab)}/labapp`, cord, routing));
  return [`mkdir -p ${cord}; touch ${cord}/cord`, run, awaitHealthy('labapp-web-v1')];
}

const everything = {
  'traefik.http.routers.labapp-web.rule': 'PathPrefix(`/`)',
  'traefik.http.routers.labapp-web.priority': '2',
  'traefik.http.routers.labapp-web.entrypoints': 'http',
};

function runWeb(lab: Topology, host: HostPlace, image: string, cord: string, routing: Record<string, string> = everything): string[] {
  const health = '(curl -f http://localhost:3000/up || exit 1) && (stat /tmp/kamal-cord/cord > /dev/null || exit 1)';
  return [
    ...runApp(lab, host, 'web'),
    '--health-cmd', health, '--health-interval', '2s', '--volume', `${cord}:/tmp/kamal-cord`,
    ...roleLabels('web'),
    ...labels({
      'traefik.http.services.labapp-web.loadbalancer.server.scheme': 'http',
      'traefik.http.middlewares.labapp-web-retry.retry.attempts': '5',
      'traefik.http.middlewares.labapp-web-retry.retry.initialinterval': '500ms',
      'traefik.http.routers.labapp-web.middlewares': 'labapp-web-retry@docker',
      ...routing,
    }),
    `${image}:v1`,
  ];
}

function runApp(lab: Topology, host: HostPlace, role: string): string[] {
  return [
    ...runDetached,
    '--name', `labapp-${role}-v1`, '--hostname', `${host.address}-${hex(12)}`,
    '-e', `KAMAL_CONTAINER_NAME=labapp-${role}-v1`, '-e', 'KAMAL_VERSION=v1',
    '--env-file', `.kamal/env/roles/labapp-${role}.env`,
    '--env', 'PORT=3000', '--env', `DB_HOST=${rolesOf(lab).redis.address}`,
  ];
}

function roleLabels(role: string): string[] {
  return [...labels({ service: 'labapp', role }), '--label', 'destination'];
}

function labels(of: Record<string, string>): string[] {
  return Object.entries(of).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
}

function awaitHealthy(container: string): string {
  const health = `docker inspect --format '{{.State.Health.Status}}' ${container}`;
  return `for attempt in $(seq 150); do [ "$(${health})" != healthy ] || exit 0; sleep 0.2; done; exit 1`;
}

function audit(line: string): string {
  return `echo "[$(date -u +%Y-%m-%dT%H:%M:%SZ)] [root] ${line}" >> .kamal/labapp-audit.log`;
}

function envFile(name: string, line: string): string {
  const file = `.kamal/env/${name}.env`;
  return `mkdir -p $(dirname ${file}); (umask 077; echo '${line}' > ${file})`;
}

function hex(digits: number): string {
  return randomBytes(digits / 2).toString('hex');
}
