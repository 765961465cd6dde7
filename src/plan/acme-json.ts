import { certificateFacts } from './certificates.ts';
import type { CertificateFacts } from './facts.ts';

/** A certificate in Traefik's store, with what it takes to serve it. */
export interface StoredCertificate extends CertificateFacts {
  /** The certificate and what leads from it to its authority, PEM. */
  chain: string;
  /** The private key, PEM; empty where it was left out. */
  privateKey: string;
}

/**
 * Reads Traefik 2's `acme.json`: by resolver, the certificates with their keys, base64 of PEM.
 *
 * @param text of the file; anything else than such a file holds no certificates
 */
export function readAcmeJson(text: string): StoredCertificate[] {
  return resolversOf(text).flatMap((resolver) => {
    const list = isObject(resolver) && Array.isArray(resolver['Certificates']) ? resolver['Certificates'] : [];
    return list.flatMap((each: unknown) => {
      if (!isObject(each)) return [];
      const chain = pemBlocks(decoded(each['certificate']), 'CERTIFICATE');
      const facts = certificateFacts(chain);
      return facts ? [{ ...facts, chain, privateKey: pemBlocks(decoded(each['key']), '[A-Z ]*PRIVATE KEY') }] : [];
    });
  });
}

/** A certificate that goes into an `acme.json`, under the name that it is for. */
export interface NewCertificate {
  name: string;
  /** PEM, both. */
  chain: string;
  privateKey: string;
}

/**
 * An `acme.json` with certificates added to a resolver's. Those whose names all have a newer one now go: of two for the same name
 * Traefik takes either.
 *
 * @param text of the file; empty or none of its kind: a new one is made
 */
export function withCertificates(text: string, resolver: string, added: readonly NewCertificate[]): string {
  const file = objectIn(text);
  const before = isObject(file[resolver]) ? file[resolver] : { Account: null };
  const names = new Set(added.map(({ name }) => name));
  const list: unknown[] = Array.isArray(before['Certificates']) ? before['Certificates'] : [];
  const kept = list.filter((each) => {
    const facts = isObject(each) ? certificateFacts(pemBlocks(decoded(each['certificate']), 'CERTIFICATE')) : null;
    return facts === null || !facts.names.every((name) => names.has(name));
  });
  const more = added.map(({ name, chain, privateKey }) => ({ domain: { main: name }, certificate: encoded(chain), key: encoded(privateKey), Store: 'default' }));
  return `${JSON.stringify({ ...file, [resolver]: { ...before, Certificates: [...kept, ...more] } }, null, 2)}\n`;
}

function objectIn(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64');
}

function resolversOf(text: string): unknown[] {
  return Object.values(objectIn(text));
}

/** Only the blocks themselves: kamal-proxy takes a file with anything after the last one for a broken one. */
export function pemBlocks(text: string, kind: string): string {
  const blocks = text.match(new RegExp(`-----BEGIN (${kind})-----[A-Za-z0-9+/=\\s]+-----END \\1-----`, 'g')) ?? [];
  return blocks.map((block) => `${block.replaceAll('\r', '')}\n`).join('');
}

function decoded(value: unknown): string {
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString() : '';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
