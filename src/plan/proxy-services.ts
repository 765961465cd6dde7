import type { Deployment, ProxySettings } from '../kamal/index.ts';
import type { Question } from './questions.ts';

/** What kamal-proxy knows of one service, as far as it decides who answers. */
export interface ProxyService {
  /** An empty name: whatever is asked for. */
  hosts: readonly string[];
  prefixes: readonly string[];
  healthPath: string;
  tls: boolean;
  /** It gets its certificates by itself, at the first request for each name. */
  automatic: boolean;
  /** In plain it only answers with a redirect to https. */
  redirects: boolean;
}

/** The services of a host's roles. */
export function proxyServices(deployment: Deployment, host: string): ProxyService[] {
  return deployment.rolesOn(host).flatMap((role) => (role.runningProxy && role.proxy ? [serviceOf(role.proxy)] : []));
}

function serviceOf(proxy: ProxySettings): ProxyService {
  const options = proxy.deployOptions(null);
  const tls = options['tls'] === true;
  const prefix = (proxy.pathPrefixes[0] ?? '').replace(/\/$/, '');
  return {
    hosts: proxy.hosts.length > 0 ? proxy.hosts : [''],
    prefixes: proxy.pathPrefixes.length > 0 ? proxy.pathPrefixes : ['/'],
    healthPath: `${prefix}${proxy.healthcheckPath ?? '/up'}`,
    tls,
    automatic: tls && proxy.customCertificate === null,
    redirects: tls && options['tls-redirect'] !== false,
  };
}

/** Which service answers for a name and a path (kamal-proxy 0.9: `ServiceMap`): the exact name, then a wildcard, then any. */
export function serviceFor(services: readonly ProxyService[], name: string, path: string): ProxyService | undefined {
  const wildcard = name.includes('.') ? `*${name.slice(name.indexOf('.'))}` : null;
  for (const wanted of [name, wildcard, '']) {
    const bound = services.filter(({ hosts }) => wanted !== null && hosts.includes(wanted));
    if (bound.length === 0) continue;
    const slashed = (text: string) => (text.endsWith('/') ? text : `${text}/`);
    const [pathOnly = ''] = path.split('?');
    return bound.find(({ prefixes }) => prefixes.some((prefix) => slashed(pathOnly).startsWith(slashed(prefix))));
  }
  return undefined;
}

/**
 * Whose certificate a TLS handshake shows: without a name the first service with TLS lends its own (kamal-proxy 0.9:
 * `Router#GetCertificate`).
 *
 * @returns null where the handshake fails
 */
export function certificateFor(services: readonly ProxyService[], { host }: Pick<Question, 'host'>): { name: string; automatic: boolean } | null {
  const name = host ?? services.find(({ tls, hosts }) => tls && hosts[0] !== '')?.hosts[0];
  const service = name === undefined ? undefined : serviceFor(services, name, '/');
  return name !== undefined && service?.tls ? { name, automatic: service.automatic } : null;
}
