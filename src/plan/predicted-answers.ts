import { isIP } from 'node:net';
import type { Deployment } from '../kamal/index.ts';
import { differenceOf, isSilent, type AnswerDifference, type Asked, type KnownAnswer } from './answers.ts';
import { certificateFor, proxyServices, serviceFor, type ProxyService } from './proxy-services.ts';
import type { Question } from './questions.ts';
import { routedNames } from './traefik-rules.ts';

/**
 * What the old proxy answers and kamal-proxy, by its configuration, would not: known before anything is started. The run
 * asks the new proxy itself before the cutover.
 *
 * @param known what the old proxy of the host answers
 * @param left where Traefik stays behind kamal-proxy for others
 */
export function predictedDifferences(known: readonly KnownAnswer[], deployment: Deployment, host: string, left: LeftBehind | null = null): AnswerDifference[] {
  const services = proxyServices(deployment, host);
  const ports = new Map(deployment.effectiveProxyRun(host).ports.map(({ hostPort, containerPort }) => [hostPort, containerPort]));
  return known.flatMap(({ question, before }) => {
    const port = ports.get(question.port);
    const after = port === undefined ? { silent: `kamal-proxy does not publish port ${question.port}` } : predicted(question, before, services, port, host, left);
    return differenceOf(question, before, after) ?? [];
  });
}

/** A Traefik that goes on behind kamal-proxy, without this deployment's routes. */
export interface LeftBehind {
  /** Labels of the deployment's containers, which Traefik follows until they stop. */
  ownLabels: readonly Readonly<Record<string, string>>[];
}

/** True when it is the deployment's own router that answers a name now: nobody will, once it is gone. */
function isOwn({ host }: Question, { ownLabels }: LeftBehind): boolean {
  const rules = ownLabels.flatMap((labels) => Object.entries(labels).flatMap(([label, rule]) => (/^traefik\.http\.routers\.[^.]+\.rule$/i.test(label) ? [rule] : [])));
  const { hosts } = routedNames(ownLabels);
  return rules.some((rule) => !/host/i.test(rule)) || (host !== null && hosts.includes(host.toLowerCase()));
}

/** What a question is answered by the Traefik behind kamal-proxy, once this deployment's routes are gone; null where kamal-proxy itself has the name. */
export function answeredBehind(question: Question, before: Asked, deployment: Deployment, address: string, left: LeftBehind): Asked | null {
  const name = question.host ?? (isIP(address) === 0 ? '' : address);
  if (serviceFor(proxyServices(deployment, address), name, question.path)) return null;
  return isOwn(question, left) ? NO_SERVICE : before;
}

const NO_SERVICE: Asked = { status: 404, redirect: null, from: 'proxy', certificate: null };

/** (kamal-proxy 0.9: `Service#ServeHTTP`.) */
function predicted(question: Question, before: Asked, services: ProxyService[], port: 80 | 443, address: string, left: LeftBehind | null): Asked {
  if (isSilent(before)) return before;
  if ((question.scheme === 'https') !== (port === 443)) return { silent: question.scheme === 'https' ? 'no TLS on this port' : 'TLS only on this port' };
  if (question.scheme === 'https' && certificateFor(services, question) === null) return { silent: 'no TLS for this name' };
  // Whoever knows no name asks by the address, not by the name under which the configuration knows the host.
  const name = question.host ?? (isIP(address) === 0 ? '' : address);
  const service = serviceFor(services, name, question.path);
  if (!service) return left && !isOwn(question, left) ? before : NO_SERVICE;
  if (question.scheme === 'http' && service.redirects) return { status: 301, redirect: `https://${name}`, from: 'app', certificate: null };
  // From here on it is the app that answers.
  return before;
}
