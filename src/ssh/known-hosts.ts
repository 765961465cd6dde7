import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { matchesPatternList } from './patterns.ts';

/** One line of a known_hosts file. */
export interface KnownHost {
  marker: '' | '@revoked' | '@cert-authority';
  /** The first field: patterns, or `|1|salt|hash`. */
  names: string;
  /** ssh-ed25519, ssh-rsa, ecdsa-sha2-nistp256 … */
  type: string;
  key: Buffer;
  file: string;
  line: number;
}

/** What the known_hosts files say about a key that a host shows. */
export type Verdict =
  | { kind: 'known' }
  /** No plain key of this host is known; `authority` when a certificate authority vouches for it, which we can't follow. */
  | { kind: 'unknown'; authority?: KnownHost }
  /** Other keys of the host are known, this one isn't. `entry` is one of the same type where there is one. */
  | { kind: 'changed'; entry: KnownHost }
  | { kind: 'revoked'; entry: KnownHost };

/**
 * The lines of known_hosts files, in order. Missing files are empty, lines
 * that can't be read are passed over, both as OpenSSH does.
 */
export function readKnownHosts(files: readonly string[]): KnownHost[] {
  return files.flatMap((file) => {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      return [];
    }
    return text.split('\n').flatMap((line, index) => parseLine(line, file, index + 1));
  });
}

function parseLine(text: string, file: string, line: number): KnownHost[] {
  const fields = text.trim().split(/\s+/);
  if (fields[0] === '' || fields[0]?.startsWith('#')) return [];
  let marker: KnownHost['marker'] = '';
  if (fields[0] === '@revoked' || fields[0] === '@cert-authority') {
    marker = fields[0];
    fields.shift();
  }
  const [names, type, data] = fields;
  if (names === undefined || type === undefined || data === undefined) return [];
  const key = Buffer.from(data, 'base64');
  // The type stands inside the key too; where the two differ the line is damaged.
  if (keyType(key) !== type) return [];
  return [{ marker, names, type, key, file, line }];
}

/** The type that an SSH public key names itself by, or '' when it isn't one. */
export function keyType(key: Buffer): string {
  if (key.length < 4) return '';
  const length = key.readUInt32BE(0);
  return length > 64 || key.length < 4 + length ? '' : key.toString('latin1', 4, 4 + length);
}

/** A key's fingerprint as ssh shows it: `SHA256:…`. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** How known_hosts names a host: the bare name on port 22, else `[name]:port`. */
export function knownHostName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** The entries about this name (in lower case), hashed ones included. Patterns know no case here, unlike those of ssh_config. */
export function entriesFor(hosts: readonly KnownHost[], name: string): KnownHost[] {
  return hosts.filter((entry) =>
    entry.names.startsWith('|1|')
      ? matchesHash(name, entry.names)
      : matchesPatternList(name, entry.names.toLowerCase().split(',')),
  );
}

function matchesHash(name: string, field: string): boolean {
  const [, , salt, hash] = field.split('|');
  if (salt === undefined || hash === undefined) return false;
  const expected = Buffer.from(hash, 'base64');
  const actual = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

/**
 * Judges the key that a host showed against the entries about it.
 *
 * Stricter than OpenSSH in one place: a host of which only keys of other types
 * are known counts as changed, since whoever sits in between could otherwise
 * be accepted by offering a type that nobody has seen.
 */
export function judge(entries: readonly KnownHost[], key: Buffer): Verdict {
  const revoked = entries.find((entry) => entry.marker === '@revoked' && entry.key.equals(key));
  if (revoked !== undefined) return { kind: 'revoked', entry: revoked };
  const plain = entries.filter((entry) => entry.marker === '');
  if (plain.some((entry) => entry.key.equals(key))) return { kind: 'known' };
  const type = keyType(key);
  const other = plain.find((entry) => entry.type === type) ?? plain[0];
  if (other !== undefined) return { kind: 'changed', entry: other };
  const authority = entries.find((entry) => entry.marker === '@cert-authority');
  return authority === undefined ? { kind: 'unknown' } : { kind: 'unknown', authority };
}
