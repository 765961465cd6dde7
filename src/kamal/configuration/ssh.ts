import { isHash, toS, type Hash, type Value } from '../ruby/value.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { list, section } from './raw.ts';

/** How to reach the hosts (Kamal 2.12: `Configuration::Ssh`). Null: not configured. */
export interface SshSettings {
  readonly user: string;
  readonly port: number;
  readonly proxy: SshProxy | null;
  readonly keys: readonly string[] | null;
  readonly keysOnly: boolean | null;
  /** `true`, `false` (ignore ~/.ssh/config), or the files to read. */
  readonly config: boolean | string | readonly string[] | null;
  readonly forwardAgent: boolean | null;
  /** Names of secrets with private keys, or (deprecated) the keys themselves: see {@link resolveKeyData}. */
  readonly keyData: readonly string[] | null;
  readonly logLevel: string;
}

export type SshProxy =
  /** Jump hosts as for `ssh -J`, each with a user. */
  | { readonly kind: 'jump'; readonly value: string }
  /** A ProxyCommand; `%h` and `%p` stand for host and port. */
  | { readonly kind: 'command'; readonly value: string };

export function sshOf(root: Hash): SshSettings {
  const config = section(root, 'ssh');
  const has = (key: string) => config.get(key) !== undefined && config.get(key) !== null;
  return {
    user: config.has('user') ? toS(config.get('user')) : 'root',
    port: config.has('port') ? Number(toS(config.get('port'))) : 22,
    proxy: proxyOf(config),
    keys: has('keys') ? list(config, 'keys').map(toS) : null,
    keysOnly: booleanOf(config.get('keys_only')),
    config: configFiles(config.get('config')),
    forwardAgent: booleanOf(config.get('forward_agent')),
    keyData: has('key_data') ? list(config, 'key_data').map(toS) : null,
    logLevel: config.has('log_level') ? toS(config.get('log_level')) : 'fatal',
  };
}

/** The private keys of `ssh/key_data`: secrets of these names, else the texts themselves. */
export function resolveKeyData(ssh: SshSettings, secrets: Secrets): string[] {
  return (ssh.keyData ?? []).map((name) => (secrets.has(name) ? secrets.get(name) : name));
}

/** What Kamal warns of when it reads `ssh/key_data`. */
export function keyDataWarnings(ssh: SshSettings, secrets: Secrets): string[] {
  const inline = (ssh.keyData ?? []).some((name) => !secrets.has(name));
  return inline ? ['Inline key_data usage is deprecated and will be removed in Kamal 3. Please store your key_data in a secret.'] : [];
}

function proxyOf(config: Hash): SshProxy | null {
  const jump = config.get('proxy');
  if (jump !== undefined && jump !== null && jump !== false) {
    const value = toS(jump);
    return { kind: 'jump', value: value.includes('@') ? value : `root@${value}` };
  }
  const command = config.get('proxy_command');
  return command === undefined || command === null || command === false ? null : { kind: 'command', value: toS(command) };
}

function configFiles(value: Value | undefined): boolean | string | string[] | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return value;
  return Array.isArray(value) ? value.map(toS) : toS(value);
}

function booleanOf(value: Value | undefined): boolean | null {
  return typeof value === 'boolean' ? value : null;
}

/** SSHKit's settings (Kamal 2.12: `Configuration::Sshkit`). `poolIdleTimeout` in seconds. */
export interface SshkitSettings {
  readonly maxConcurrentStarts: number;
  readonly poolIdleTimeout: number;
  readonly dnsRetries: number;
}

export function sshkitOf(root: Hash): SshkitSettings {
  const config = section(root, 'sshkit');
  const value = (key: string, fallback: number) => (config.has(key) && !isHash(config.get(key)) ? Number(toS(config.get(key))) : fallback);
  return { maxConcurrentStarts: value('max_concurrent_starts', 30), poolIdleTimeout: value('pool_idle_timeout', 900), dnsRetries: value('dns_retries', 3) };
}
