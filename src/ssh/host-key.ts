import { createHmac, randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { SshError } from './error.ts';
import { entriesFor, fingerprint, judge, keyType, type KnownHost, knownHostName, readKnownHosts } from './known-hosts.ts';
import type { Target } from './target.ts';

const ALGORITHMS: ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

/** Knows what known_hosts says about a target, and decides on the key that it shows. */
export class HostKeyCheck {
  private readonly target: Target;
  private readonly name: string;
  private readonly entries: KnownHost[];

  constructor(target: Target) {
    this.target = target;
    this.name = target.hostKeyAlias?.toLowerCase() ?? knownHostName(target.hostName, target.port);
    const all = readKnownHosts([...target.userKnownHosts, ...target.globalKnownHosts]);
    this.entries = entriesFor(all, this.name);
    if (this.entries.length === 0 && target.port !== 22 && target.hostKeyAlias === undefined) {
      // OpenSSH: a key filed without its port is good for the host's other ports as well.
      this.entries = entriesFor(all, target.hostName.toLowerCase());
    }
  }

  /**
   * The host key algorithms to offer, those of known keys first: a server has
   * one key of each type, and an unknown one would look like an impostor's.
   */
  algorithms(): ServerHostKeyAlgorithm[] {
    const types = new Set(this.entries.filter((entry) => entry.marker === '').map((entry) => entry.type));
    const known = (algorithm: string): boolean => types.has(algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm);
    return [...ALGORITHMS.filter(known), ...ALGORITHMS.filter((algorithm) => !known(algorithm))];
  }

  /**
   * Decides on the key as OpenSSH does without a terminal: StrictHostKeyChecking
   * yes and ask refuse what isn't known, accept-new files it, no takes
   * anything but a revoked key.
   * @throws SshError `host-key-unknown` or `host-key-changed`
   */
  verify(key: Buffer): void {
    const { target } = this;
    const verdict = judge(this.entries, key);
    const shown = `${keyType(key).replace(/^ssh-/, '')} key ${fingerprint(key)}`;
    switch (verdict.kind) {
      case 'known':
        return;
      case 'unknown':
        if (target.strictHostKeys !== 'yes') {
          this.remember(key);
          return;
        }
        throw new SshError(
          'host-key-unknown',
          target.host,
          verdict.authority === undefined
            ? `${this.name} shows the ${shown}, which is in none of ${this.files()}`
            : `${this.name} shows the ${shown}; known_hosts has only a certificate authority for it (${place(verdict.authority)}), and host certificates aren't supported`,
          `Compare the fingerprint with the host's own (on it: ssh-keygen -lf /etc/ssh/ssh_host_${keyFile(key)}_key.pub), then: ${this.scan()}`,
        );
      case 'changed':
        if (target.strictHostKeys === 'no' && !target.forwardAgent) return;
        throw new SshError(
          'host-key-changed',
          target.host,
          `${this.name} shows the ${shown}, but ${place(verdict.entry)} knows its ${verdict.entry.type.replace(/^ssh-/, '')} key as ${fingerprint(verdict.entry.key)}: ` +
            'somebody may be listening in, or the host was installed anew',
          `If the host was installed anew: ssh-keygen -R '${this.name}' -f ${verdict.entry.file} && ${this.scan()}`,
        );
      case 'revoked':
        throw new SshError(
          'host-key-changed',
          target.host,
          `${this.name} shows the ${shown}, which ${place(verdict.entry)} marks as revoked`,
          'Give the host a new key (ssh-keygen -A after moving the old one away) or connect to the right host.',
        );
    }
  }

  private files(): string {
    return (
      [...this.target.userKnownHosts, ...this.target.globalKnownHosts].join(', ') || 'the known_hosts files (there are none)'
    );
  }

  private scan(): string {
    const { target } = this;
    const file = target.userKnownHosts[0] ?? '~/.ssh/known_hosts';
    if (target.hostKeyAlias !== undefined || target.jumps.length > 0 || target.proxyCommand !== undefined) {
      // ssh-keyscan can go neither through another host nor file an alias.
      const via = target.jumps.length > 0 ? ` -J ${target.jumps.join(',')}` : '';
      return `ssh${via} -p ${target.port} ${target.user}@${target.host} true`;
    }
    return `ssh-keyscan${target.port === 22 ? '' : ` -p ${target.port}`} ${target.hostName} >> ${file}`;
  }

  private remember(key: Buffer): void {
    const file = this.target.userKnownHosts[0];
    if (file === undefined) return;
    const line = `${this.target.hashKnownHosts ? hashed(this.name) : this.name} ${keyType(key)} ${key.toString('base64')}\n`;
    try {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      appendFileSync(file, endsMidLine(file) ? `\n${line}` : line, { mode: 0o600 });
    } catch {
      // As with ssh: a known_hosts that can't be written (read-only home, /dev/null) doesn't stop the connection.
    }
  }
}

function place(entry: KnownHost): string {
  return `${entry.file}:${entry.line}`;
}

function keyFile(key: Buffer): string {
  const type = keyType(key);
  return type.startsWith('ecdsa') ? 'ecdsa' : type.replace(/^ssh-/, '');
}

function hashed(name: string): string {
  const salt = randomBytes(20);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

function endsMidLine(file: string): boolean {
  try {
    const text = readFileSync(file, 'utf8');
    return text !== '' && !text.endsWith('\n');
  } catch {
    return false;
  }
}
