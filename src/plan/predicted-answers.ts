import { isIP } from 'node:net';
import type { Deployment } from '../kamal/index.ts';
import { differenceOf, isSilent, type AnswerDifference, type Asked, type KnownAnswer } from './answers.ts';
import { certificateFor, proxyServices, serviceFor, type ProxyService } from './proxy-services.ts';
import type { Question } from './questions.ts';

/**
 * What the old proxy answers and kamal-proxy, by its configuration, would not: known before anything is started. The run
 * asks the new proxy itself before the cutover.
 *
 * @param known what the old proxy of the host answers
 */
export function predictedDifferences(known: readonly KnownAnswer[], deployment: Deployment, host: string): AnswerDifference[] {
  const services = proxyServices(deployment, host);
  const ports = new Map(deployment.effectiveProxyRun(host).ports.map(({ hostPort, containerPort }) => [hostPort, containerPort]));
  return known.flatMap(({ question, before }) => {
    const port = ports.get(question.port);
    const after = port === undefined ? { silent: `kamal-proxy does not publish port ${question.port}` } : predicted(question, before, services, port, host);
    return differenceOf(question, before, after) ?? [];
  });
}

const NO_SERVICE: Asked = { status: 404, redirect: null, from: 'proxy', certificate: null };

/** (kamal-proxy 0.9: `Service#ServeHTTP`.) */
function predicted(question: Question, before: Asked, services: ProxyService[], port: 80 | 443, address: string): Asked {
  if (isSilent(before)) return before;
  if ((question.scheme === 'https') !== (port === 443)) return { silent: question.scheme === 'https' ? 'no TLS on this port' : 'TLS only on this port' };
  if (question.scheme === 'https' && certificateFor(services, question) === null) return { silent: 'no TLS for this name' };
  // Whoever knows no name asks by the address, not by the name under which the configuration knows the host.
  const name = question.host ?? (isIP(address) === 0 ? '' : address);
  const service = serviceFor(services, name, question.path);
  if (!service) return NO_SERVICE;
  if (question.scheme === 'http' && service.redirects) return { status: 301, redirect: `https://${name}`, from: 'app', certificate: null };
  // From here on it is the app that answers.
  return before;
}
