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

function resolversOf(text: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? Object.values(parsed) : [];
  } catch {
    return [];
  }
}

/** Only the blocks themselves: kamal-proxy takes a file with anything after the last one for a broken one. */
function pemBlocks(text: string, kind: string): string {
  const blocks = text.match(new RegExp(`-----BEGIN (${kind})-----[A-Za-z0-9+/=\\s]+-----END \\1-----`, 'g')) ?? [];
  return blocks.map((block) => `${block.replaceAll('\r', '')}\n`).join('');
}

function decoded(value: unknown): string {
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString() : '';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
