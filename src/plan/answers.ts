import { UNKNOWN_HOST, type Question } from './questions.ts';

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
  return asGood(question, before, after) ? null : { name: question.name, before: inWords(before), after: inWords(after) };
}

function asGood(question: Question, before: Answer, after: Asked): boolean {
  if (isSilent(after) || after.from === 'proxy') return false;
  if (before.certificate && after.certificate && worse(before.certificate, after.certificate)) return false;
  if (question.name.startsWith('probe ')) return classOf(before) === classOf(after);
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

/** The differences that nobody has accepted by name. */
export function notAccepted(differences: readonly AnswerDifference[], accepted: readonly string[]): AnswerDifference[] {
  return differences.filter(({ name }) => !accepted.includes(name));
}

/** How a person says yes to these: the option, ready to be copied. */
export function acceptOption(differences: readonly AnswerDifference[]): string {
  return `--accept-answers '${differences.map(({ name }) => name).join(',')}'`;
}
