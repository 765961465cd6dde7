/**
 * What each section of Kamal 2.12's deploy.yml may hold, as its validators take it from `configuration/docs/*.yml`.
 * `string` also takes numbers, booleans and symbols, as Kamal does.
 */
export type Kind =
  | 'string'
  | 'integer'
  | 'boolean'
  | 'hash'
  | 'hash-of-strings'
  | 'array-of-strings'
  | 'array-or-hash'
  | 'hash-or-boolean'
  | 'boolean-or-hash'
  | 'servers'
  | 'array-or-string'
  | 'ssh-config'
  | 'paths'
  | 'hooks-output';
export type Schema = { readonly [key: string]: Kind | Schema };

export const ROOT: Schema = {
  service: 'string', image: 'string', labels: 'hash-of-strings', volumes: 'array-of-strings', registry: 'hash', servers: 'array-or-hash',
  env: 'hash', asset_path: 'string', hooks_path: 'string', hooks_output: 'hooks-output', secrets_path: 'string', error_pages_path: 'string',
  require_destination: 'boolean', primary_role: 'string', allow_empty_roles: 'boolean', retain_containers: 'integer',
  minimum_version: 'string', readiness_delay: 'integer', deploy_timeout: 'integer', drain_timeout: 'integer', stop_timeout: 'integer',
  run_directory: 'string', ssh: 'hash', builder: 'hash', accessories: 'hash', proxy: 'hash-or-boolean', sshkit: 'hash', boot: 'hash',
  logging: 'hash', output: 'hash', aliases: 'hash',
};

export const ROLE: Schema = {
  hosts: 'servers', cmd: 'string', stop_timeout: 'integer', options: 'hash', logging: 'hash', proxy: 'hash-or-boolean',
  labels: 'hash-of-strings', env: 'hash', asset_path: 'string',
};

export const ACCESSORY: Schema = {
  service: 'string', image: 'string', registry: 'hash', host: 'string', hosts: 'servers', role: 'string', roles: 'array-of-strings',
  tag: 'string', tags: 'array-of-strings', cmd: 'string', port: 'string', labels: 'hash-of-strings', options: 'hash', env: 'hash',
  files: 'paths', directories: 'paths', volumes: 'array-of-strings', network: 'string', proxy: 'hash-or-boolean',
};

export const PROXY: Schema = {
  host: 'string', hosts: 'servers', app_port: 'integer', ssl: 'boolean-or-hash', ssl_redirect: 'boolean', forward_headers: 'boolean',
  response_timeout: 'integer', path_prefix: 'string', path_prefixes: 'array-of-strings', strip_path_prefix: 'boolean',
  healthcheck: { interval: 'integer', path: 'string', timeout: 'integer' },
  buffering: { requests: 'boolean', responses: 'boolean', max_request_body: 'integer', max_response_body: 'integer', memory: 'integer' },
  logging: { request_headers: 'array-of-strings', response_headers: 'array-of-strings' },
  run: {
    http_port: 'integer', https_port: 'integer', metrics_port: 'integer', debug: 'boolean', log_max_size: 'string', publish: 'boolean',
    bind_ips: 'array-of-strings', registry: 'string', repository: 'string', version: 'string', options: 'hash',
  },
};

export const REGISTRY: Schema = { server: 'string' };

export const BUILDER: Schema = {
  arch: 'array-or-string', remote: 'string', local: 'boolean', pack: { builder: 'string', buildpacks: 'array-of-strings' },
  cache: { type: 'string', options: 'string', image: 'string' }, context: 'string', dockerfile: 'string', target: 'string', args: 'hash',
  secrets: 'array-of-strings', ssh: 'string', driver: 'string', provenance: 'string', sbom: 'boolean',
};

export const BOOT: Schema = { limit: 'string', wait: 'integer', parallel_roles: 'boolean' };
export const LOGGING: Schema = { driver: 'string', options: 'hash' };
export const OUTPUT: Schema = { otel: { endpoint: 'string' }, file: { path: 'string' } };
export const SSH: Schema = {
  user: 'string', port: 'string', proxy: 'string', proxy_command: 'string', log_level: 'string', keys_only: 'boolean',
  keys: 'array-of-strings', key_data: 'array-of-strings', config: 'ssh-config', forward_agent: 'boolean',
};
export const SSHKIT: Schema = { max_concurrent_starts: 'integer', pool_idle_timeout: 'integer', dns_retries: 'integer' };

/** The commands of Kamal 2.12's command line: no alias may have such a name. */
export const COMMANDS: readonly string[] = [
  'setup', 'deploy', 'redeploy', 'rollback', 'details', 'audit', 'config', 'docs', 'init', 'remove', 'upgrade', 'version', 'accessory', 'app',
  'build', 'lock', 'proxy', 'prune', 'registry', 'secrets', 'server',
];
