import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { cancellationSignal } from '@temporalio/activity';
import { proxy as proxyCommands, shellQuote, type Deployment } from '../src/kamal/index.ts';
import { answersHint, differenceOf, isSilent, notAccepted, type AnswerDifference, type Asked, type KnownAnswer } from '../src/plan/answers.ts';
import { containerNamed, KAMAL_NETWORK, KAMAL_PROXY, TRAEFIK, type ContainerFacts, type HostFacts } from '../src/plan/facts.ts';
import { answeredBehind, predictedDifferences, type LeftBehind } from '../src/plan/predicted-answers.ts';
import { certificateFor, proxyServices } from '../src/plan/proxy-services.ts';
import { questionsAbout, type Question } from '../src/plan/questions.ts';
import { containersOf } from '../src/plan/running.ts';
import { leftBehind, neighboursOf, traefikBehind } from '../src/plan/shared-traefik.ts';
import type { SshConnection } from '../src/ssh/types.ts';
import type { AnswersNotes, CompareAnswersArgs } from './api.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import { behindName } from './behind.ts';
import { ask, askAll, type Place } from './asking.ts';
import { rendering, warmName, type Context } from './context.ts';
import { failure } from './failures.ts';
import { lookAtContainers } from './probe.ts';
import { sshErrors, whileHeartbeating } from './remote-step.ts';
import { FIXED_CERTIFICATES, FIXED_NAMES } from './script/certificates.ts';

/** Answers that are worse are asked for again: an app may stumble once. */
const TRIES = 3;
const BETWEEN_MS = 1000;

/** Before the cutover, the old and the new proxy are asked the same. */
export function answerActivities(context: Context) {
  return {
    async compareAnswers(args: CompareAnswersArgs): Promise<AnswersNotes> {
      const { deployment } = await rendering(context, args);
      return await whileHeartbeating(() =>
        sshErrors(async () => {
          const connection = await context.connection(args.digest, args.host, cancellationSignal());
          const facts = await lookAtContainers(connection, cancellationSignal());
          const known = await askOldProxy(connection, deployment, facts, args.probeUrls);
          const warm = containerNamed(facts, warmName(args.run));
          if (known === null) return nothing("answers were not compared: the host's sshd forwards nothing, and it has no curl");
          const left = leftBehindNow(facts, deployment, args.run);
          if (known.length > 0 && traefikBehind(facts)) return predictedNotes(known, deployment, args.host, left);
          if (known.length === 0 || !warm?.running) return nothing('nothing to compare: the old proxy does not serve');
          context.store.showPublic(publicParts(known));
          return await compare({ connection, deployment, facts, warm, known, left, accepted: args.acceptAnswers });
        }),
      );
    },
  };
}

function nothing(note: string): AnswersNotes {
  return { notes: [note], unchanged: true, known: [] };
}

/**
 * Asks what serves now all that its clients may be asking it.
 *
 * @param probes `--probe-url`s
 * @returns nothing where no old proxy serves a role of the deployment; null where nobody can ask it
 * @throws SshError
 */
export async function askOldProxy(connection: SshConnection, deployment: Deployment, facts: HostFacts, probes: readonly string[]): Promise<KnownAnswer[] | null> {
  const traefik = containerNamed(facts, TRAEFIK);
  const services = proxyServices(deployment, facts.host);
  if (!traefik?.running || services.length === 0) return [];
  // Behind kamal-proxy, it is through that one that clients reach it.
  const serving = (traefikBehind(facts) && containerNamed(facts, KAMAL_PROXY)) ?? traefik;
  const running = deployment.rolesOn(facts.host).flatMap((role) => containersOf(facts, deployment, role)).filter((container) => container.running);
  const questions = questionsAbout({
    ports: [...new Set(serving.ports.map(({ hostPort }) => hostPort))],
    hosts: [...services.flatMap(({ hosts }) => hosts), ...(isIP(facts.host) === 0 ? [facts.host] : [])],
    paths: [...services.map(({ healthPath }) => healthPath), ...services.flatMap(({ prefixes }) => prefixes)],
    labels: [...running, traefik].map(({ labels }) => labels),
    probes,
  });
  const ip = await addressOf(facts.host);
  const answers = await askAll(questions, async (question) => {
    const place = publishedPlace(serving, question.port);
    return place === null ? { silent: `${serving.name} does not publish port ${question.port}` } : await ask(connection, place, question, ip);
  });
  if (answers.every((answer) => answer === null)) return null;
  return questions.flatMap((question, at) => {
    const before = answers[at];
    return before ? [{ question, before }] : [];
  });
}

/** Where a published port of a container is reached on the host itself; null where it publishes none. */
export function publishedPlace({ ports }: Pick<ContainerFacts, 'ports'>, hostPort: number): Place | null {
  const published = ports.find((port) => port.hostPort === hostPort);
  if (!published) return null;
  const anywhere = ['', '0.0.0.0', '::'].includes(published.hostIp);
  return { address: anywhere ? '127.0.0.1' : published.hostIp, port: hostPort };
}

/** The address at which clients reach a host that they know no name of. */
export async function addressOf(host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  return await lookup(host).then(({ address }) => address, () => host);
}

/** What anybody learns who asks: it is told as it is, though the app's environment has it, too. */
export function publicParts(known: readonly KnownAnswer[]): string[] {
  return known.flatMap(({ question, before }) => [question.name, isSilent(before) ? '' : (before.redirect ?? '')]);
}

interface Comparison {
  connection: SshConnection;
  deployment: Deployment;
  facts: HostFacts;
  warm: ContainerFacts;
  known: KnownAnswer[];
  left: LeftBehind | null;
  accepted: readonly string[];
}

async function compare({ connection, deployment, facts, warm, known, left, accepted }: Comparison): Promise<AnswersNotes> {
  const services = proxyServices(deployment, facts.host);
  const held = services.some(({ automatic }) => automatic) ? await certificatesIn(connection, warm) : [];
  const published = containerNamed(facts, KAMAL_PROXY)?.ports ?? [];
  const ip = await addressOf(facts.host);
  const notAsked = new Set<string>();
  const askWarm = async (question: Question): Promise<Asked | null> => {
    const port = published.find(({ hostPort }) => hostPort === question.port);
    if (!port) return { silent: `kamal-proxy does not publish port ${question.port}` };
    // Traefik behind it still follows the app's own routes: what it will answer without them can't be asked yet.
    const before = known.find(({ question: { name } }) => name === question.name)?.before;
    const behind = left && before && question.scheme === 'http' ? answeredBehind(question, before, deployment, facts.host, left) : null;
    if (behind) return behind;
    const shown = question.scheme === 'https' ? certificateFor(services, question) : null;
    if (shown?.automatic && !held.includes(shown.name)) {
      notAsked.add(shown.name);
      return null;
    }
    return await ask(connection, { address: warm.addresses[KAMAL_NETWORK] ?? '', port: Number.parseInt(port.containerPort, 10) }, question, ip);
  };
  const found = await askAll(known.map(({ question }) => question), askWarm);
  const compared = await Promise.all(
    known.map(async ({ question, before }, at) => {
      let after = found[at] ?? null;
      for (let tries = 1; after !== null && tries < TRIES && differenceOf(question, before, after); tries += 1) {
        await sleep(BETWEEN_MS);
        after = await askWarm(question);
      }
      return { question, before, difference: after === null ? null : differenceOf(question, before, after) };
    }),
  );
  const differences = compared.flatMap(({ difference }) => difference ?? []);
  const refused = notAccepted(differences, accepted);
  if (refused.length > 0) throw answersDiffer(refused);
  const kept = compared.filter(({ difference, before }) => difference === null && !isSilent(before) && before.from === 'app' && before.status < 500).map(({ question, before }) => ({ question, before }));
  const silent = known.filter(({ question, before }) => question.name.startsWith('probe ') && (isSilent(before) || before.status >= 500));
  return {
    notes: [
      `${kept.length} kinds of request are answered as Traefik answers them`,
      ...differences.map(({ name, before, after }) => `accepted: ${name}: ${before}, then ${after}`),
      ...[...notAsked].map((name) => `https for ${name} was not tried: kamal-proxy would ask for a certificate`),
      ...silent.map(({ question }) => `${question.name} does not succeed now either`),
    ],
    unchanged: true,
    known: kept,
  };
}

/** What stays behind kamal-proxy for others: a Traefik that is there already, or one that this run has made. */
function leftBehindNow(facts: HostFacts, deployment: Deployment, run: string): LeftBehind | null {
  const others = neighboursOf(facts, deployment).map(({ name }) => name);
  const made = containerNamed(facts, behindName(run))?.running === true;
  return made || (traefikBehind(facts) && others.length > 0) ? leftBehind(facts, deployment, { becomes: 'stays', others }) : null;
}

/** Where kamal-proxy serves already, its own names can't be asked for before it has them: the plan has judged all that can be said. */
function predictedNotes(known: KnownAnswer[], deployment: Deployment, host: string, left: LeftBehind | null): AnswersNotes {
  const lost = new Set(predictedDifferences(known, deployment, host, left).map(({ name }) => name));
  const kept = known.filter(({ question, before }) => !lost.has(question.name) && !isSilent(before) && before.from === 'app' && before.status < 500);
  return { notes: ['kamal-proxy serves already: what it answers is looked at after the cutover'], unchanged: true, known: kept };
}

/** Names for which kamal-proxy holds a certificate, in its cache or as a file that it was given: it gets one for any other name as soon as somebody asks. */
export async function certificatesIn(connection: SshConnection, proxy: ContainerFacts): Promise<string[]> {
  const { stdout } = await connection.exec(`docker exec ${proxy.id} sh -c ${shellQuote(`cd ${proxyCommands.PROXY_STATE_PATH}; ls certs/*; cat ${FIXED_CERTIFICATES}/*/${FIXED_NAMES}`)} 2> /dev/null`, { timeoutMs: 20_000 });
  return stdout.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.endsWith(':'));
}

/** What a client would notice, as a failure that says how to accept it. */
function answersDiffer(differences: AnswerDifference[]) {
  const lines = differences.map(({ name, before, after }) => `'${name}': Traefik answers ${before}, kamal-proxy ${after}`);
  return failure(FailureType.answersDiffer, `kamal-proxy does not answer what Traefik does: ${lines.join('; ')}`, {
    hint: answersHint(differences),
  });
}
