import { isIP } from 'node:net';
import type { Asked } from '../src/plan/answers.ts';
import type { Question } from '../src/plan/questions.ts';
import { isProxys, redirectOf } from '../src/plan/read-answer.ts';
import type { SshConnection } from '../src/ssh/types.ts';
import type { Place } from './asking.ts';
import { q } from './script/words.ts';

/** What a shell says when a program isn't there. */
const NO_PROGRAM = 127;
const SECONDS = 8;

/**
 * Asks with the host's own curl, where sshd lets no connection through.
 *
 * @returns null where the host has no curl
 * @throws SshError
 */
export async function askWithCurl(connection: SshConnection, at: Place, question: Question, ip: string): Promise<Asked | null> {
  const name = question.host ?? ip;
  const url = `${question.scheme}://${isIP(name) === 6 ? `[${name}]` : name}:${question.port}${question.path}`;
  const { code, stdout } = await connection.exec('sh -s', {
    stdin: `command -v curl > /dev/null || exit ${NO_PROGRAM}
curl -sik --noproxy '*' --path-as-is --http1.1 -A bactrian --max-time ${SECONDS} --connect-to ${q(`::${at.address}:${at.port}`)} ${q(url)} | head -c 4096`,
    timeoutMs: (SECONDS + 5) * 1000,
  });
  if (code === NO_PROGRAM) return null;
  const end = stdout.indexOf('\r\n\r\n');
  const [, status] = /^HTTP\/\S+ (\d{3})/.exec(stdout) ?? [];
  if (status === undefined || end < 0) return { silent: question.scheme === 'https' ? 'no TLS connection' : 'no answer' };
  const [, location] = /^location:\s*(\S+)/im.exec(stdout.slice(0, end)) ?? [];
  return { status: Number(status), redirect: redirectOf(location), from: isProxys(Number(status), stdout.slice(end + 4)) ? 'proxy' : 'app', certificate: null };
}
