import { createPrivateKey, X509Certificate } from 'node:crypto';
import { CancelledFailure, cancellationSignal } from '@temporalio/activity';
import type { StoredCertificate } from '../src/plan/acme-json.ts';
import { certificateName, chooseCertificates, dateOf, rolesWithAutomaticTls } from '../src/plan/certificates.ts';
import { heldCertificates, sectionsOf } from '../src/plan/read-facts.ts';
import type { Deployment } from '../src/kamal/index.ts';
import type { PrepareArgs } from './api.ts';
import type { Context } from './context.ts';
import { sshErrors } from './remote-step.ts';
import { CERTIFICATE_CACHE, FIXED_CERTIFICATES, FIXED_NAMES, type CarriedCertificate } from './script/certificates.ts';
import { PRINT_PROXY_CERTIFICATES, printTraefikCertificates } from './script/held-certificates.ts';

const LOOK = `section() { printf '\\n@@%s\\n' "$1"; }
section certificates; ${PRINT_PROXY_CERTIFICATES}
section traefik-certificates; ${printTraefikCertificates(true)}
section end; :`;

/**
 * Reads, from the host, the certificates that Traefik holds for the names with automatic TLS and that kamal-proxy has not.
 * The keys are in this process's memory, and go back to the host over the connection's stdin; they are told to the scrubber.
 *
 * @returns none where the configuration has no automatic TLS, or nothing that would be served is found
 * @throws ApplicationFailure when the host can't be asked
 */
export async function certificatesToCarry(context: Context, args: PrepareArgs, deployment: Deployment): Promise<CarriedCertificate[]> {
  const roles = rolesWithAutomaticTls(deployment, args.host).filter((role) => args.roles.some(({ name }) => name === role.name));
  if (!args.importCertificates || roles.length === 0) return [];
  const signal = cancellationSignal();
  const result = await sshErrors(async () => (await context.connection(args.digest, args.host, signal)).exec('sh -s', { stdin: LOOK, signal, timeoutMs: 60_000 })).catch((error: unknown) => {
    throw signal.aborted ? new CancelledFailure('the look at the certificates was cancelled') : error;
  });
  const { proxy, traefik } = heldCertificates(sectionsOf(result.stdout));
  for (const { privateKey } of traefik) context.store.keepSecret(privateKey);
  const offered = traefik.filter(hasItsKey);
  return roles.flatMap((role) => {
    const { cached, fixed } = chooseCertificates(role.proxy?.hosts ?? [], proxy, offered, Date.now());
    return [...[...cached].map(([name, certificate]) => intoCache(name, certificate)), ...(fixed ? [asFiles(role.containerPrefix, (role.proxy?.hosts ?? []).map(certificateName), fixed)] : [])];
  });
}

/** Found by kamal-proxy under the name, and renewed when its time comes (autocert's cache: key, then chain). */
function intoCache(name: string, certificate: StoredCertificate): CarriedCertificate {
  return {
    files: [{ path: `${CERTIFICATE_CACHE}/${name}`, content: certificate.privateKey + certificate.chain }],
    note: `the certificate of ${name} is carried over from Traefik (ends ${dateOf(certificate.notAfter)})`,
    fixedFor: null,
  };
}

function asFiles(service: string, names: string[], certificate: StoredCertificate): CarriedCertificate {
  const folder = `${FIXED_CERTIFICATES}/${service}`;
  return {
    files: [
      { path: `${folder}/key.pem`, content: certificate.privateKey },
      { path: `${folder}/cert.pem`, content: certificate.chain },
      { path: `${folder}/${FIXED_NAMES}`, content: `${names.join('\n')}\n` },
    ],
    note: `Traefik's certificate of ${names.join(', ')} is an RSA one: it serves until the next \`kamal deploy\`, which gets another one (ends ${dateOf(certificate.notAfter)})`,
    fixedFor: service,
  };
}

export function hasItsKey(certificate: StoredCertificate): boolean {
  try {
    return new X509Certificate(certificate.chain).checkPrivateKey(createPrivateKey(certificate.privateKey));
  } catch {
    return false;
  }
}
