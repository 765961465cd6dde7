import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type ParsedKey, default as ssh2 } from 'ssh2';

/** What a key file or a piece of key data turned out to be. */
export type LoadedKey =
  | { kind: 'private'; key: ParsedKey; publicKey: Buffer }
  /** Only the agent can sign with it: it has a passphrase, or the file holds the public half. */
  | { kind: 'locked'; encrypted: boolean; publicKey?: Buffer }
  | { kind: 'missing' }
  | { kind: 'unusable'; why: string };

/** Reads a private key's file, and the `.pub` beside it where the key has a passphrase. Never throws. */
export function loadKeyFile(path: string): LoadedKey {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    return code === 'ENOENT' || code === 'ENOTDIR' ? { kind: 'missing' } : { kind: 'unusable', why: code };
  }
  const loaded = loadKey(text);
  if (loaded.kind !== 'locked' || loaded.publicKey !== undefined) return loaded;
  return { ...loaded, publicKey: publicHalf(`${path}.pub`) };
}

/** Takes a private (or public) key in OpenSSH, PEM or PKCS#8 format apart. Never throws, and never repeats the key. */
export function loadKey(text: string): LoadedKey {
  const parsed = ssh2.utils.parseKey(fromPkcs8(text));
  if (parsed instanceof Error) {
    if (parsed.message.startsWith('Encrypted') || text.includes('BEGIN ENCRYPTED PRIVATE KEY')) {
      return { kind: 'locked', encrypted: true, publicKey: publicOfEncrypted(text) };
    }
    return { kind: 'unusable', why: 'no private key that can be read' };
  }
  // An OpenSSH file can hold several keys in theory; ssh2 answers with a list then.
  const key = Array.isArray(parsed) ? (parsed as ParsedKey[])[0] : parsed;
  if (key === undefined) return { kind: 'unusable', why: 'no key in it' };
  const publicKey = key.getPublicSSH();
  return key.isPrivateKey() ? { kind: 'private', key, publicKey } : { kind: 'locked', encrypted: false, publicKey };
}

/** ssh2 doesn't read PKCS#8 (`BEGIN PRIVATE KEY`), which Net::SSH and OpenSSH do; other text is given back. */
function fromPkcs8(text: string): string {
  if (!text.includes('BEGIN PRIVATE KEY')) return text;
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType === 'rsa') return key.export({ type: 'pkcs1', format: 'pem' }).toString();
    if (key.asymmetricKeyType === 'ec') return key.export({ type: 'sec1', format: 'pem' }).toString();
  } catch {
    // Not a key after all: ssh2's parser says so.
  }
  return text;
}

function publicHalf(path: string): Buffer | undefined {
  try {
    const parsed = ssh2.utils.parseKey(readFileSync(path));
    return parsed instanceof Error ? undefined : parsed.getPublicSSH();
  } catch {
    return undefined;
  }
}

/** The public key that an encrypted OpenSSH private key carries in the clear (PROTOCOL.key). */
function publicOfEncrypted(text: string): Buffer | undefined {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/.exec(text)?.[1];
  if (body === undefined) return undefined;
  const data = Buffer.from(body, 'base64');
  try {
    let at = 'openssh-key-v1\0'.length;
    // cipher, kdf and its options come first, then the number of keys.
    for (let field = 0; field < 3; field++) at += 4 + data.readUInt32BE(at);
    at += 4;
    return data.subarray(at + 4, at + 4 + data.readUInt32BE(at));
  } catch {
    return undefined;
  }
}
