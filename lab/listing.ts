import { runOnHost } from './host.ts';
import type { HostPlace } from './topology.ts';

/** A container in the short form in which states are compared. */
export interface ContainerListing {
  name: string;
  image: string;
  status: string;
  health: string | null;
  restart: string;
  networks: string[];
  ports: Record<string, { HostIp: string; HostPort: string }[]>;
  binds: string[];
  mounts: { type: string; source: string; target: string }[];
  /** Names of what was given at `docker run`; the image's own are left out. */
  env: string[];
  cmd: string[] | null;
  log: { Type: string; Config: Record<string, string> };
  memory: number;
  hostname: string;
  healthcheck: string[] | null;
  labels: Record<string, string>;
  exitCode: number;
  /** Not part of what is compared, but tells whether a container was restarted or made anew. */
  id: string;
  imageId: string;
  createdAt: string;
  startedAt: string;
}

/** All of a host that Kamal touches. */
export interface HostListing {
  containers: ContainerListing[];
  /** What is below /root, as `mode owner size path`; `mode` as `ls` shows it. Folders' sizes are 0. */
  files: { mode: string; owner: string; size: number; path: string }[];
  images: { reference: string; id: string }[];
  networks: { name: string; driver: string }[];
  volumes: string[];
  /** The lines of each `.kamal/*-audit.log`. */
  audit: string[];
}

/** The part of `docker inspect` that is read here. */
interface Inspected {
  Id: string;
  Name: string;
  Image: string;
  Created: string;
  State: { Status: string; ExitCode: number; StartedAt: string; Health?: { Status: string } };
  Config: {
    Image: string;
    Env: string[] | null;
    Cmd: string[] | null;
    Hostname: string;
    Healthcheck?: { Test?: string[] };
    Labels: Record<string, string> | null;
  };
  HostConfig: {
    RestartPolicy: { Name: string };
    PortBindings: ContainerListing['ports'] | null;
    Binds: string[] | null;
    LogConfig: ContainerListing['log'];
    Memory: number;
  };
  Mounts: { Type: string; Name?: string; Source: string; Destination: string }[];
  NetworkSettings: { Networks: Record<string, unknown> };
}

/** The part of `docker image inspect` that is read here. */
interface InspectedImage {
  Id: string;
  Config: { Env: string[] | null } | null;
}

const separator = '-- next part --';

/**
 * @returns what is on the host now
 * @throws if the host is off or Docker doesn't answer
 */
export async function listHost(host: HostPlace): Promise<HostListing> {
  const ended = await runOnHost(
    host,
    [
      'ids=$(docker ps --all --quiet) && if [ -n "$ids" ]; then docker inspect $ids; else echo "[]"; fi',
      'ids=$(docker image ls --quiet | sort -u) && if [ -n "$ids" ]; then docker image inspect $ids; else echo "[]"; fi',
      'find . -printf "%M %u %y %s %p\\n"',
      'docker image ls --format "{{.Repository}}:{{.Tag}} {{.ID}}"',
      'docker network ls --format "{{.Name}} {{.Driver}}"',
      'docker volume ls --quiet',
      'cat .kamal/*-audit.log 2>/dev/null || true',
    ].join(`\necho '${separator}'\n`),
  );
  if (ended.code !== 0) throw new Error(`listing ${host.name} ended with ${ended.code}: ${ended.stderr.trim()}`);
  const [inspected = '[]', inspectedImages = '[]', ...parts] = ended.stdout.split(`${separator}\n`);
  const [files = [], images = [], networks = [], volumes = [], audit = []] = parts.map((part) => part.split('\n').filter(Boolean));
  const imageEnv = new Map((JSON.parse(inspectedImages) as InspectedImage[]).map((image) => [image.Id, image.Config?.Env ?? []]));
  return {
    containers: (JSON.parse(inspected) as Inspected[])
      .map((container) => listContainer(container, imageEnv.get(container.Image) ?? []))
      .sort((a, b) => compare(a.name, b.name)),
    files: files
      .map((line) => {
        const [mode = '', owner = '', type = '', size = '', ...path] = line.split(' ');
        return { mode, owner, size: type === 'd' ? 0 : Number(size), path: path.join(' ') };
      })
      .sort((a, b) => compare(a.path, b.path)),
    images: images
      .map((line) => pair(line))
      .map(([reference, id]) => ({ reference, id }))
      // Docker orders them by the second in which each was made, and leaves those of one second to chance.
      .sort((a, b) => compare(a.reference, b.reference)),
    networks: networks.map((line) => pair(line)).map(([name, driver]) => ({ name, driver })),
    volumes,
    audit,
  };
}

function listContainer(of: Inspected, imageEnv: string[]): ContainerListing {
  return {
    name: of.Name.slice(1),
    image: of.Config.Image,
    status: of.State.Status,
    health: of.State.Health?.Status ?? null,
    restart: of.HostConfig.RestartPolicy.Name,
    networks: Object.keys(of.NetworkSettings.Networks).sort(),
    ports: of.HostConfig.PortBindings ?? {},
    binds: of.HostConfig.Binds ?? [],
    mounts: of.Mounts.map((mount) => ({ type: mount.Type, source: mount.Name ?? mount.Source, target: mount.Destination })).sort((a, b) =>
      compare(a.target, b.target),
    ),
    env: (of.Config.Env ?? [])
      .filter((entry) => !imageEnv.includes(entry))
      .map((entry) => entry.split('=')[0] ?? '')
      .sort(),
    cmd: of.Config.Cmd,
    log: of.HostConfig.LogConfig,
    memory: of.HostConfig.Memory,
    hostname: of.Config.Hostname,
    healthcheck: of.Config.Healthcheck?.Test ?? null,
    labels: of.Config.Labels ?? {},
    exitCode: of.State.ExitCode,
    id: of.Id,
    imageId: of.Image,
    createdAt: of.Created,
    startedAt: of.State.StartedAt,
  };
}

function pair(line: string): [string, string] {
  const [first = '', second = ''] = line.split(' ');
  return [first, second];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
