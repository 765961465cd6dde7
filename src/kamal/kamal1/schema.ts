import type { Schema } from '../validation/schema.ts';

/** What each section of Kamal 1.9's deploy.yml may hold, as its validators take it from `configuration/docs/*.yml`. */
export const ROOT: Schema = {
  service: 'string', image: 'string', labels: 'hash-of-strings', volumes: 'array-of-strings', registry: 'hash', servers: 'array-or-hash',
  env: 'hash', asset_path: 'string', hooks_path: 'string', require_destination: 'boolean', primary_role: 'string', allow_empty_roles: 'boolean',
  stop_wait_time: 'integer', retain_containers: 'integer', minimum_version: 'string', readiness_delay: 'integer', run_directory: 'string',
  ssh: 'hash', builder: 'hash', accessories: 'hash', traefik: 'hash', sshkit: 'hash', boot: 'hash', healthcheck: 'hash', logging: 'hash',
};

export const ROLE: Schema = {
  hosts: 'servers', traefik: 'boolean', cmd: 'string', options: 'hash', healthcheck: 'hash', logging: 'hash', labels: 'hash-of-strings',
  env: 'hash', asset_path: 'string',
};

export const ACCESSORY: Schema = {
  service: 'string', image: 'string', host: 'string', hosts: 'servers', roles: 'array-of-strings', cmd: 'string', port: 'string',
  labels: 'hash-of-strings', options: 'hash', env: 'hash', files: 'array-of-strings', directories: 'array-of-strings', volumes: 'array-of-strings',
};

export const TRAEFIK: Schema = {
  image: 'string', host_port: 'string', publish: 'boolean', labels: 'hash-of-strings', args: 'hash', options: 'hash', env: 'hash',
};

export const HEALTHCHECK: Schema = {
  cmd: 'string', interval: 'string', max_attempts: 'integer', port: 'string', path: 'string', cord: 'string', log_lines: 'integer',
};

export const BUILDER: Schema = {
  multiarch: 'boolean', local: { arch: 'string', host: 'string' }, remote: { arch: 'string', host: 'string' },
  cache: { type: 'string', options: 'string', image: 'string' }, context: 'string', dockerfile: 'string', target: 'string', args: 'hash',
  secrets: 'array-of-strings', ssh: 'string',
};

export const BOOT: Schema = { limit: 'string', wait: 'integer' };
export const LOGGING: Schema = { driver: 'string', options: 'hash' };
export const SSH: Schema = {
  user: 'string', port: 'string', proxy: 'string', proxy_command: 'string', log_level: 'string', keys_only: 'boolean', keys: 'array-of-strings',
  key_data: 'array-of-strings',
};
export const SSHKIT: Schema = { max_concurrent_starts: 'integer', pool_idle_timeout: 'integer' };

/** Keys of Kamal 2, which a Kamal 1 configuration has not, by the section's path (`*` = any role or accessory) and the key. */
export const OF_KAMAL_2: Readonly<Record<string, string>> = {
  'proxy': "proxy is Kamal 2's: Kamal 1 has traefik, healthcheck and labels on the role",
  'deploy_timeout': "deploy_timeout is Kamal 2's: Kamal 1 has healthcheck/max_attempts",
  'drain_timeout': "drain_timeout is Kamal 2's: Kamal 1 has stop_wait_time",
  'stop_timeout': "stop_timeout is Kamal 2's: Kamal 1 has stop_wait_time",
  'error_pages_path': "error_pages_path is Kamal 2's, for kamal-proxy",
  'secrets_path': "secrets_path is Kamal 2's: Kamal 1 reads .env",
  'servers/*/proxy': "proxy is Kamal 2's: in Kamal 1 a role is put behind Traefik with traefik: true",
  'accessories/*/proxy': "proxy is Kamal 2's: Kamal 1 has no accessories behind its proxy, but for labels of theirs",
  'accessories/*/role': "role is Kamal 2's: write roles: [ … ]",
  'builder/arch': "builder/arch is Kamal 2's: Kamal 1 has builder/multiarch, local and remote",
};
