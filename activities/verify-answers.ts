import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from '../src/kamal/index.ts';
import { differenceOf, inWords, isSilent, type Asked, type KnownAnswer } from '../src/plan/answers.ts';
import { containerNamed, KAMAL_PROXY, type ContainerFacts, type HostFacts } from '../src/plan/facts.ts';
import { certificateFor, proxyServices, serviceFor, type ProxyService } from '../src/plan/proxy-services.ts';
import { type Question } from '../src/plan/questions.ts';
import type { SshConnection } from '../src/ssh/types.ts';
import { addressOf, certificatesIn, publishedPlace } from './answers.ts';
import { ask, askAll } from './asking.ts';
import { MASK } from './scrub.ts';

export interface Verified {
  notes: string[];
  /** All that is wrong; empty when the new proxy answers as it should. */
  wrong: string[];
}

/** A proxy that has just started, and an app behind it, may need a moment. */
const TRIES = 5;
const BETWEEN_MS = 1000;

/**
 * Asks the published kamal-proxy, through each of its ports: for each configured name the app's own health path, and
 * whatever the old proxy answered before.
 *
 * @param known what the old proxy answered
 * @throws SshError when the connection is lost
 */
export async function verifyAnswers(connection: SshConnection, deployment: Deployment, facts: HostFacts, known: readonly KnownAnswer[]): Promise<Verified> {
  const proxy = containerNamed(facts, KAMAL_PROXY);
  const services = proxyServices(deployment, facts.host);
  if (!proxy || proxy.ports.length === 0 || services.length === 0) return { notes: [], wrong: [] };
  const held = services.some(({ automatic }) => automatic) ? await certificatesIn(connection, proxy) : [];
  const ip = await addressOf(facts.host);
  const own = healthQuestions(services, proxy, facts.host);
  // What an app's secret happens to be part of (a path /admin, a user admin) was masked on its way through Temporal.
  const asked = known.filter((each) => !JSON.stringify(each).includes(MASK));
  const questions = new Map([...asked.map(({ question }) => question), ...own].map((question) => [question.name, question]));
  const notes = new Set<string>();
  const wrong: string[] = [];

  await askAll([...questions.values()], async (question) => {
    const shown = question.scheme === 'https' ? certificateFor(services, question) : null;
    if (shown?.automatic && !held.includes(shown.name)) {
      notes.add(`https for ${shown.name} was not tried: kamal-proxy gets its certificate at the first request`);
      return;
    }
    const before = asked.find(({ question: { name } }) => name === question.name)?.before ?? null;
    const mustAnswer = own.some(({ name }) => name === question.name);
    const faultOf = (after: Asked): string | null => {
      const difference = before && differenceOf(question, before, after);
      if (difference) return `${question.name}: ${difference.before} before, ${difference.after} now`;
      return mustAnswer ? unhealthy(question, after, serviceFor(services, question.host ?? ip, question.path)) : null;
    };
    for (let tries = 1; ; tries += 1) {
      const place = publishedPlace(proxy, question.port);
      const after = place === null ? { silent: `kamal-proxy does not publish port ${question.port}` } : await ask(connection, place, question, ip);
      if (after === null) return void notes.add("kamal-proxy was not asked: the host's sshd forwards nothing, and it has no curl");
      const fault = faultOf(after);
      if (fault === null) {
        if (mustAnswer) notes.add(`${question.name} answers ${inWords(after)}`);
        return;
      }
      if (tries === TRIES) return void wrong.push(fault);
      await sleep(BETWEEN_MS);
    }
  });
  if (asked.length > 0 && wrong.length === 0) notes.add(`${asked.length} kinds of request are answered as Traefik answered them`);
  return { notes: [...notes], wrong };
}

/** The app's own health path, for each name, in plain and over TLS where it is configured. */
function healthQuestions(services: ProxyService[], proxy: ContainerFacts, address: string): Question[] {
  return proxy.ports.flatMap(({ containerPort, hostPort }) => {
    const scheme = containerPort.startsWith('443') ? ('https' as const) : ('http' as const);
    return services.flatMap(({ hosts, healthPath, tls }) => {
      if (scheme === 'https' && !tls) return [];
      return hosts
        .filter((host) => !host.includes('*'))
        .map((name) => {
          const host = name === '' ? (isIP(address) === 0 ? address : null) : name;
          return { name: `${scheme}://${host ?? address}:${hostPort}${healthPath}`, scheme, port: hostPort, host, path: healthPath };
        });
    });
  });
}

function unhealthy(question: Question, after: Asked, service: ProxyService | undefined): string | null {
  if (isSilent(after)) return `${question.name} gives no answer: ${after.silent}`;
  const { status, certificate } = after;
  // What the app says about a path below a prefix is its own business; 404 without one is kamal-proxy's 'no such service'.
  if (status >= 500 || after.from === 'proxy' || (status === 404 && service?.prefixes.includes('/'))) return `${question.name} answers ${status}`;
  if (certificate && !certificate.named) return `${question.name} shows a certificate for another name`;
  if (certificate && !certificate.current) return `${question.name} shows a certificate that is out of date`;
  return null;
}
