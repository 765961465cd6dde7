import { createHash, X509Certificate } from 'node:crypto';
import { domainToASCII } from 'node:url';
import type { Deployment, Role } from '../kamal/index.ts';
import type { CertificateFacts, HostFacts } from './facts.ts';

/** Where kamal-proxy keeps what it got from Let's Encrypt: the hash of the ACME directory's address, and Kamal names none. */
export const ACME_SCOPE = createHash('sha256').update('').digest('hex');

/** A certificate that ends sooner than this isn't worth carrying over. Milliseconds. */
const SOONEST_END_MS = 3600_000;
/** kamal-proxy renews what is in its cache by itself; a certificate that it was given as files it does not. Milliseconds. */
const SOONEST_END_OF_FIXED_MS = 7 * 24 * 3600_000;

/** The facts about a certificate, from its PEM text (the first one in it); null where that is none. */
export function certificateFacts(pem: string): CertificateFacts | null {
  try {
    const certificate = new X509Certificate(pem);
    const names = (certificate.subjectAltName ?? '').split(/,\s*/).flatMap((each) => (each.startsWith('DNS:') ? [each.slice(4).toLowerCase()] : []));
    const type = certificate.publicKey.asymmetricKeyType;
    return { names, notAfter: new Date(certificate.validTo).toISOString(), key: type === 'ec' ? 'ecdsa' : type === 'rsa' ? 'rsa' : 'other' };
  } catch {
    return null;
  }
}

/** The name as certificates and kamal-proxy's cache have it: in lower case, other scripts than ASCII encoded. */
export function certificateName(host: string): string {
  return domainToASCII(host) || host.toLowerCase();
}

/** What a role with automatic TLS is served with after its cutover. */
export interface RoleCertificates<T extends CertificateFacts> {
  /** By name; these go into kamal-proxy's cache, and are renewed by it. */
  cached: Map<string, T>;
  /**
   * Given to kamal-proxy as files: an RSA certificate, which it takes from its cache only for clients that know nothing
   * newer. It serves until the next `kamal deploy`.
   */
  fixed: T | null;
  /** Names for which nobody holds a certificate that would be served. */
  missing: { name: string; why: string | null }[];
}

/**
 * Chooses, for each of a role's names, the certificate that kamal-proxy is to serve.
 *
 * @param held what kamal-proxy has in its cache: names in there are served already
 * @param offered what may be carried over
 * @param now milliseconds since the epoch
 */
export function chooseCertificates<T extends CertificateFacts>(hosts: readonly string[], held: readonly CertificateFacts[], offered: readonly T[], now: number): RoleCertificates<T> {
  const names = hosts.map(certificateName);
  const lasting = (each: CertificateFacts, ms: number) => Date.parse(each.notAfter) - now >= ms;
  const best = (from: readonly T[]) => from.toSorted((a, b) => Date.parse(b.notAfter) - Date.parse(a.notAfter))[0];
  const open = names.filter((name) => !held.some((each) => each.key === 'ecdsa' && each.names.includes(name) && lasting(each, 0)));
  const cached = new Map<string, T>();
  const without: string[] = [];
  for (const name of open) {
    const certificate = best(offered.filter((each) => each.key === 'ecdsa' && covers(each, name) && lasting(each, SOONEST_END_MS)));
    if (certificate) cached.set(name, certificate);
    else without.push(name);
  }
  if (without.length === 0) return { cached, fixed: null, missing: [] };
  // kamal-proxy serves one such certificate for all of a role's names.
  const fixed = best(offered.filter((each) => each.key === 'rsa' && names.every((name) => covers(each, name)) && lasting(each, SOONEST_END_OF_FIXED_MS)));
  if (fixed) return { cached, fixed, missing: [] };
  return { cached, fixed: null, missing: without.map((name) => ({ name, why: whyNot(name, offered, now) })) };
}

/** Why a certificate for the name, if there is one, is of no use. */
function whyNot(name: string, offered: readonly CertificateFacts[], now: number): string | null {
  const last = offered.filter((each) => covers(each, name)).toSorted((a, b) => Date.parse(b.notAfter) - Date.parse(a.notAfter))[0];
  if (!last) return null;
  const end = dateOf(last.notAfter);
  if (Date.parse(last.notAfter) < now) return `Traefik's ended on ${end}`;
  if (Date.parse(last.notAfter) - now < SOONEST_END_OF_FIXED_MS) return `Traefik's ends on ${end}`;
  return `Traefik's is an RSA one, which kamal-proxy would serve only if it had all names of the role`;
}

/** True when the certificate is valid for the name: by itself, or by a wildcard in place of the first label. */
export function covers(certificate: CertificateFacts, name: string): boolean {
  return certificate.names.some((each) => each === name || (each.startsWith('*.') && name.slice(name.indexOf('.')) === each.slice(1)));
}

/** The day on which a certificate ends, as people write it. */
export function dateOf(notAfter: string): string {
  return notAfter.slice(0, 10);
}

/** Roles on a host for which kamal-proxy gets certificates by itself. */
export function rolesWithAutomaticTls(deployment: Deployment, host: string): Role[] {
  return deployment.rolesOn(host).filter((role) => role.runningProxy && role.ssl && role.proxy?.customCertificate === null);
}

/** A line of the plan: by which certificate a name is served. */
export interface ServedName {
  name: string;
  from: 'kamal-proxy' | 'Traefik' | 'nobody';
  notAfter: string | null;
  /** What there is to know about it. */
  remark: string | null;
}

/**
 * Which certificate each name with automatic TLS on a host will be served with.
 *
 * @param importing false: what Traefik holds stays there (`--no-import-certificates`)
 */
export function servedNames(facts: HostFacts, deployment: Deployment, importing: boolean, now: number): ServedName[] {
  return rolesWithAutomaticTls(deployment, facts.host).flatMap((role) => {
    const chosen = chooseCertificates(role.proxy?.hosts ?? [], facts.certificates.proxy, importing ? facts.certificates.traefik : [], now);
    return (role.proxy?.hosts ?? []).map(certificateName).map((name): ServedName => {
      const missing = chosen.missing.find((each) => each.name === name);
      if (missing) return { name, from: 'nobody', notAfter: null, remark: missing.why };
      if (chosen.fixed) return { name, from: 'Traefik', notAfter: chosen.fixed.notAfter, remark: `RSA: served until the next \`kamal deploy\`, which gets another one; deploy before it ends` };
      const cached = chosen.cached.get(name);
      if (cached) return { name, from: 'Traefik', notAfter: cached.notAfter, remark: null };
      return { name, from: 'kamal-proxy', notAfter: facts.certificates.proxy.find((each) => each.names.includes(name))?.notAfter ?? null, remark: null };
    });
  });
}
