import { BY_IP, BY_UNKNOWN_HOST, partsOf, UNKNOWN_HOST, type Question } from './questions.ts';

/** What came back, reduced to what may be compared: bodies and headers vary from request to request. */
export interface Answer {
  status: number;
  /** Scheme and host of where a redirect leads; null without one, or when it leads to another path of the same site. */
  redirect: string | null;
  /** Whether the app said it, or (as far as its words tell) the proxy in front of it. */
  from: 'app' | 'proxy';
  /** Over TLS: what a browser would say of the certificate. */
  certificate: CertificateSeen | null;
}

export interface CertificateSeen {
  /** It is made out for the name that was asked for. */
  named: boolean;
  /** It is valid today. */
  current: boolean;
  /** Its issuer is one that this machine trusts. */
  trusted: boolean;
}

/** No answer, and why. */
export interface Silence {
  silent: string;
}

export type Asked = Answer | Silence;

/** What the old proxy answered before anything was changed: the measure for what comes after it. */
export interface KnownAnswer {
  question: Question;
  before: Asked;
}

/** Something that is answered now and would not be any more. */
export interface AnswerDifference {
  name: string;
  /** What the name is made of; a load balancer's own check is one thing. */
  parts: readonly string[];
  before: string;
  after: string;
}

export function isSilent(asked: Asked): asked is Silence {
  return 'silent' in asked;
}

/**
 * What a client would lose. Nothing is lost where the old proxy answered by itself, or with an error of the server.
 *
 * @returns null where the new answer is as good
 */
export function differenceOf(question: Question, before: Asked, after: Asked): AnswerDifference | null {
  if (isSilent(before) || before.from === 'proxy' || before.status >= 500) return null;
  // Every name is redirected to https by some proxies, one that nobody has, too: it leads nowhere.
  if (question.host === UNKNOWN_HOST && before.redirect === `https://${UNKNOWN_HOST}`) return null;
  return asGood(question, before, after) ? null : { name: question.name, parts: isProbe(question) ? [question.name] : partsOf(question), before: inWords(before), after: inWords(after) };
}

function asGood(question: Question, before: Answer, after: Asked): boolean {
  if (isSilent(after) || after.from === 'proxy') return false;
  if (before.certificate && after.certificate && worse(before.certificate, after.certificate)) return false;
  if (isProbe(question)) return classOf(before) === classOf(after);
  switch (classOf(before)) {
    case 3:
      // 301, 302, 307 and 308 are a matter of taste; where it leads isn't.
      return classOf(after) === 3 && before.redirect === after.redirect;
    case 4:
      return before.status === after.status;
    default:
      return classOf(before) === classOf(after);
  }
}

function isProbe({ name }: Question): boolean {
  return name.startsWith('probe ');
}

function worse(before: CertificateSeen, after: CertificateSeen): boolean {
  return (before.named && !after.named) || (before.current && !after.current) || (before.trusted && !after.trusted);
}

function classOf(answer: Answer): number {
  return Math.floor(answer.status / 100);
}

/** An answer as a person reads it. */
export function inWords(asked: Asked): string {
  if (isSilent(asked)) return asked.silent;
  const { status, redirect, from, certificate } = asked;
  const faults = certificate ? [...(certificate.named ? [] : ['a certificate for another name']), ...(certificate.current ? [] : ['a certificate out of date']), ...(certificate.trusted ? [] : ['a certificate nobody vouches for'])] : [];
  return [`${status}${redirect ? ` to ${redirect}` : ''}${from === 'proxy' ? " from the proxy itself" : ''}`, ...faults].join(', ');
}

/**
 * The differences that nobody has accepted. A name with parts left out is a yes to all that have the rest: `by ip`, `http`,
 * `https shop.example`, `unknown host /up`.
 */
export function notAccepted<T extends Pick<AnswerDifference, 'parts'>>(differences: readonly T[], accepted: readonly string[]): T[] {
  return differences.filter(({ parts }) => !kinds(parts).some((kind) => accepted.includes(kind)));
}

/** A name, and every name of it that leaves parts out. */
function kinds(parts: readonly string[]): string[] {
  const [first, ...rest] = parts;
  if (first === undefined) return [];
  const shorter = kinds(rest);
  return [first, ...shorter.map((kind) => `${first} ${kind}`), ...shorter];
}

/**
 * How a person says yes to these: the option, ready to be copied. What has no name of its own is accepted as a whole: nearly
 * each site with a `proxy: host` has to; so is a host that is asked for several paths.
 */
export function acceptOption(differences: readonly AnswerDifference[]): string {
  const words = differences.map(({ name, parts }) => {
    const [way, who] = parts;
    if (who === BY_IP || who === BY_UNKNOWN_HOST) return who;
    const alike = differences.filter((other) => other.parts[0] === way && other.parts[1] === who);
    return parts.length === 3 && alike.length > 1 ? `${way} ${who}` : name;
  });
  return `--accept-answers '${[...new Set(words)].join(',')}'`;
}

/** What to do about these differences, the option that accepts them included. */
export function answersHint(differences: readonly AnswerDifference[]): string {
  const nameless = differences.filter(({ parts: [, who] }) => who === BY_IP || who === BY_UNKNOWN_HOST);
  const named = differences.filter((each) => !nameless.includes(each));
  const toTls = named.filter(({ after }) => after.startsWith('301 to https://'));
  return [
    ...(named.length > toTls.length ? ['give kamal-proxy these names (`proxy: hosts`)'] : []),
    ...(toTls.length > 0 ? ['keep plain HTTP with `proxy: ssl_redirect: false`'] : []),
    ...(nameless.length > 0 ? ["load balancers and monitors that ask by the host's address have to send a name that kamal-proxy knows"] : []),
    `or accept it: ${acceptOption(differences)}`,
  ].join('; ');
}
