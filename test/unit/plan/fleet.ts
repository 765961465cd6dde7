import { parse } from 'yaml';
import { deploymentFrom, type Deployment } from '../../../src/kamal/deployment.ts';
import { encode } from '../../../src/kamal/ruby/json.ts';
import type { Hash, Value } from '../../../src/kamal/ruby/value.ts';
import { Secrets, type Snapshot } from '../../../src/kamal/index.ts';
import type { HostFacts } from '../../../src/plan/facts.ts';
import { readFacts } from '../../../src/plan/read-facts.ts';

/* A deployment from the text of its deploy.yml, and hosts from what `docker inspect` prints about their containers. */

const BASE = `
service: shop
image: acme/shop
registry: { server: registry.example.com, username: bot, password: [ REGISTRY_PASSWORD ] }
builder: { arch: amd64 }
`;

const DEFAULT = `
servers:
  web: [ a, b ]
  jobs: { hosts: [ c ], cmd: bin/jobs }
env:
  clear: { MODE: live }
  secret: [ KEY ]
accessories:
  redis: { image: "redis:7", host: c, directories: [ "data:/data" ] }
`;

/** The deployment that a deploy.yml describes, beyond the lines that all have. */
export function deployment(text = DEFAULT, destination: string | null = null): { deployment: Deployment; snapshot: Snapshot } {
  const raw = hash(parse(BASE + text, { mapAsMap: true })) as Hash;
  const snapshot: Snapshot = {
    format: 1,
    configFile: 'config/deploy.yml',
    destination,
    config: encode(raw),
    version: { value: 'v2', source: 'option', problem: null },
    selection: { hosts: null, roles: null },
    setsEnvironment: false,
    secretsFiles: { looked: [], present: [] },
    hooks: { path: '.kamal/hooks', present: [] },
    files: {},
    errorPages: null,
    origins: { 'servers/web/labels': { file: 'config/deploy.yml', line: 9, column: 5 } },
    warnings: [],
  };
  return { deployment: deploymentFrom(raw, snapshot), snapshot };
}

/** Mappings of a parsed YAML text as the configuration has them. */
export function hash(value: unknown): Value {
  if (Array.isArray(value)) return value.map(hash);
  if (value instanceof Map) return new Map([...value].map(([key, each]) => [key as string, hash(each)]));
  return value as Value;
}

export const SECRETS = new Secrets(new Map([['KEY', 'k3y'], ['REGISTRY_PASSWORD', 'pw']]), ['.kamal/secrets'], ['.kamal/secrets']);

export interface ContainerWish {
  name: string;
  image?: string;
  running?: boolean;
  networks?: string[];
  labels?: Record<string, string>;
  env?: string[];
  mounts?: { Type: string; Name?: string; Source?: string; Destination: string }[];
  ports?: Record<string, { HostIp?: string; HostPort?: string }[] | null>;
  cmd?: string[] | null;
  networkMode?: string;
}

/** What `docker inspect` prints about one container, as far as it is read. */
export function inspected(wish: ContainerWish): object {
  const { name, image = 'sha256:v1', running = true, networks = ['bridge'], labels = {}, env = [], mounts = [], ports = {}, cmd = null, networkMode = 'default' } = wish;
  return {
    Id: `id-${name}`,
    Name: `/${name}`,
    Image: image,
    State: { Status: running ? 'running' : 'exited', Running: running, StartedAt: '2026-11-24T20:00:00Z', Health: running ? { Status: 'healthy' } : undefined },
    HostConfig: { RestartPolicy: { Name: 'unless-stopped' }, NetworkMode: networkMode, Devices: null, PortBindings: ports },
    Config: { Image: `registry.example.com/acme/shop:${image.slice(7)}`, Env: env, Labels: labels, Hostname: 'h', Cmd: cmd },
    Mounts: mounts,
    NetworkSettings: { Networks: Object.fromEntries(networks.map((each) => [each, {}])) },
  };
}

/** An app container as either generation labels it. */
export function app(role: string, wish: Partial<ContainerWish> = {}): ContainerWish {
  return { name: `shop-${role}-v1`, labels: { service: 'shop', role, destination: '' }, env: ['MODE=live', 'KEY=k3y', 'PATH=/bin'], ...wish };
}

export const TRAEFIK: ContainerWish = {
  name: 'traefik',
  image: 'sha256:traefik',
  labels: { 'traefik.http.routers.catchall.service': 'unavailable' },
  cmd: ['--providers.docker', '--log.level=DEBUG'],
  ports: { '80/tcp': [{ HostIp: '', HostPort: '80' }] },
};

export const PROXY: ContainerWish = {
  name: 'kamal-proxy',
  image: 'sha256:proxy',
  networks: ['kamal'],
  ports: { '80/tcp': [{ HostPort: '80' }], '443/tcp': [{ HostPort: '443' }] },
};

/** What the probe prints on a host, section by section; sections can be said anew. */
export function probeOutput(containers: ContainerWish[], sections: Record<string, string> = {}): string {
  const all: Record<string, string> = {
    missing: '',
    docker: '27.5.1',
    containers: containers.length > 0 ? JSON.stringify(containers.map(inspected), null, 4) : '',
    images: 'sha256:v1\tregistry.example.com/acme/shop:v1\nsha256:v1\tregistry.example.com/acme/shop:latest\nsha256:redis\tredis:7',
    'image-env': 'sha256:v1\t["PATH=/bin","RAILS_ENV=production"]',
    networks: 'bridge\nhost\nnone',
    volumes: '',
    disk: '20971520',
    listening: '22\n80',
    locks: '',
    runs: '',
    certificates: '',
    'traefik-certificates': '',
    end: '',
    ...sections,
  };
  return Object.entries(all).map(([name, text]) => `\n@@${name}\n${text}\n`).join('');
}

/** A host on which these containers are. */
export function host(name: string, containers: ContainerWish[], sections?: Record<string, string>): HostFacts {
  return readFacts(name, probeOutput(containers, sections));
}
