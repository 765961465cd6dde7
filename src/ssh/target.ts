import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { ConfigFileError, type HostConfig, readHostConfig } from './config-file.ts';
import { SshError } from './error.ts';
import { parseJump } from './jump.ts';
import type { SshSettings } from './types.ts';

/** Net::SSH's order, without DSA, which neither OpenSSH nor ssh2 take any more. */
const DEFAULT_KEYS = ['id_ed25519', 'id_rsa', 'id_ecdsa'];

export type StrictHostKeys = 'yes' | 'accept-new' | 'no';

/** Where a connection goes and with what, all questions decided. */
export interface Target {
  /** As the caller named it. */
  host: string;
  /** The name or address to dial. */
  hostName: string;
  port: number;
  user: string;
  home: string;
  env: Record<string, string | undefined>;
  /** 0: whatever resolves; 4 or 6: only that family. */
  family: 0 | 4 | 6;
  keyFiles: string[];
  certificateFiles: string[];
  keyData: string[];
  keysOnly: boolean;
  agentSocket?: string;
  forwardAgent: boolean;
  /** Jump hosts, the first one dialled first. */
  jumps: string[];
  proxyCommand?: string;
  /** What known_hosts calls the host, where HostKeyAlias says so. */
  hostKeyAlias?: string;
  userKnownHosts: string[];
  globalKnownHosts: string[];
  strictHostKeys: StrictHostKeys;
  hashKnownHosts: boolean;
  connectTimeoutMs: number;
  keepaliveIntervalMs: number;
}

/**
 * Puts a caller's settings, the ssh_config files and OpenSSH's defaults
 * together, the former before the latter (Net::SSH: what is given in code
 * replaces what the files say).
 * @throws SshError `config` for a file that can't be read or a value that makes no sense
 */
export function resolveTarget(host: string, settings: SshSettings): Target {
  const home = settings.env['HOME'] ?? homedir();
  const localUser = localUserName(settings.env);
  const files = configFiles(settings.config, home);
  const config = readConfig(host, files, { settings, home, localUser });
  const first = (keyword: string): string | undefined => config.get(keyword)?.[0];

  const hostName = (first('hostname') ?? host).replaceAll('%h', host);
  const port = settings.port ?? parsePort(host, first('port')) ?? 22;
  const user = settings.user ?? first('user') ?? localUser;
  const expand = (text: string): string =>
    expandTokens(
      text,
      { h: hostName, n: host, p: String(port), r: user, u: localUser, d: home, k: first('hostkeyalias') ?? host },
      settings.env,
    );
  const path = (text: string): string => expand(text.replace(/^~(?=\/|$)/, home));

  return {
    host,
    hostName,
    port,
    user,
    home,
    env: settings.env,
    family: first('addressfamily') === 'inet' ? 4 : first('addressfamily') === 'inet6' ? 6 : 0,
    keyFiles: keyFiles(settings.keys ?? config.get('identityfile'), home).map(path),
    certificateFiles: (config.get('certificatefile') ?? []).map(path),
    keyData: settings.keyData ?? [],
    keysOnly: settings.keysOnly ?? isYes(first('identitiesonly')),
    agentSocket: agentSocket(first('identityagent'), settings.env, path),
    forwardAgent: settings.forwardAgent ?? isYes(first('forwardagent')),
    ...proxy(host, settings, config, expand),
    hostKeyAlias: first('hostkeyalias'),
    userKnownHosts: (config.get('userknownhostsfile') ?? ['~/.ssh/known_hosts', '~/.ssh/known_hosts2'])
      .filter((file) => file !== 'none')
      .map(path),
    globalKnownHosts: (config.get('globalknownhostsfile') ?? ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'])
      .filter((file) => file !== 'none')
      .map(path),
    strictHostKeys: strictness(first('stricthostkeychecking')),
    hashKnownHosts: isYes(first('hashknownhosts')),
    connectTimeoutMs: settings.connectTimeoutMs ?? (Number(first('connecttimeout')) * 1000 || 30_000),
    keepaliveIntervalMs: settings.keepaliveIntervalMs ?? 5000,
  };
}

function readConfig(host: string, files: string[], by: { settings: SshSettings; home: string; localUser: string }): HostConfig {
  try {
    return readHostConfig(files, { host, user: by.settings.user, localUser: by.localUser, home: by.home, env: by.settings.env });
  } catch (error) {
    if (!(error instanceof ConfigFileError)) throw error;
    throw new SshError(
      'config',
      host,
      error.message,
      'Correct that line of the SSH configuration; `ssh -G HOST` reads the same files.',
    );
  }
}

function configFiles(config: SshSettings['config'], home: string): string[] {
  if (config === false) return [];
  if (Array.isArray(config)) return config.map((file) => file.replace(/^~(?=\/)/, home));
  return [join(home, '.ssh/config'), '/etc/ssh_config', '/etc/ssh/ssh_config'];
}

function keyFiles(given: string[] | undefined, home: string): string[] {
  return given?.filter((file) => file !== 'none') ?? DEFAULT_KEYS.map((name) => join(home, '.ssh', name));
}

/** Whichever of ProxyJump and ProxyCommand is decided first counts, the caller's before the file's. */
function proxy(
  host: string,
  settings: SshSettings,
  config: HostConfig,
  expand: (text: string) => string,
): { jumps: string[]; proxyCommand?: string } {
  const fromFile = [...config.keys()].find((keyword) => keyword === 'proxyjump' || keyword === 'proxycommand');
  let jump = settings.proxyJump;
  let command = settings.proxyCommand;
  if (jump === undefined && command === undefined && fromFile !== undefined) {
    const value = config.get(fromFile)?.[0];
    // `Host *` with a ProxyJump covers the jump host too, which isn't its own.
    if (fromFile === 'proxyjump')
      jump =
        value !== undefined && value !== 'none' && !value.includes(',') && parseJump(host, value).host === host
          ? undefined
          : value;
    else command = value;
  }
  if (jump !== undefined && jump !== 'none') {
    return { jumps: jump.split(',').map((hop) => expand(hop.trim())), proxyCommand: undefined };
  }
  return { jumps: [], proxyCommand: command === undefined || command === 'none' ? undefined : expand(command) };
}

function agentSocket(
  identityAgent: string | undefined,
  env: Record<string, string | undefined>,
  path: (text: string) => string,
): string | undefined {
  const fromEnv = env['SSH_AUTH_SOCK'] || undefined;
  if (identityAgent === undefined || identityAgent === 'SSH_AUTH_SOCK') return fromEnv;
  if (identityAgent === 'none') return undefined;
  return identityAgent.startsWith('$') && !identityAgent.startsWith('${') ? env[identityAgent.slice(1)] : path(identityAgent);
}

/** `ask` and what we don't know mean `yes`: there is nobody to ask. */
function strictness(value: string | undefined): StrictHostKeys {
  const word = value?.toLowerCase();
  if (word === 'no' || word === 'off') return 'no';
  return word === 'accept-new' ? 'accept-new' : 'yes';
}

function isYes(value: string | undefined): boolean {
  return value?.toLowerCase() === 'yes' || value?.toLowerCase() === 'true';
}

function parsePort(host: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const port = Number(value);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new SshError(
    'config',
    host,
    `the SSH configuration says Port ${value} for ${host}; a port is a number from 1 to 65535`,
    'Correct the Port line.',
  );
}

function expandTokens(text: string, tokens: Record<string, string>, env: Record<string, string | undefined>): string {
  return text
    .replace(/%(.)/g, (all, token: string) => (token === '%' ? '%' : (tokens[token] ?? all)))
    .replace(/\$\{(\w+)\}/g, (all, name: string) => env[name] ?? all);
}

function localUserName(env: Record<string, string | undefined>): string {
  try {
    return userInfo().username;
  } catch {
    // A uid without a passwd entry, as in some containers.
    return env['USER'] ?? 'root';
  }
}
