import { inWords, isSilent } from '../answers.ts';
import type { HealthSeen, Listener } from './look.ts';

/** What there is to say of an app's answer, in the words of a check; `fix` null: it would pass kamal-proxy's own check. */
export interface HealthVerdict {
  level: 'ok' | 'warn' | 'fail';
  what: string;
  fix: string | null;
}

/**
 * Whether kamal-proxy would find the app healthy: it asks the container itself for the health path, by the container's id,
 * follows redirects, and wants a status of 200 to 299 (kamal-proxy 0.9: `HealthCheck#check`).
 */
export function judgeHealth({ role, port, path, answer, listeners }: HealthSeen): HealthVerdict {
  const asked = `${role} on port ${port} for ${path}`;
  if (answer === null) return { level: 'warn', what: `${asked} could not be asked: sshd forwards nothing, and the host has no curl`, fix: `see with \`docker exec\` that the app answers ${path} on port ${port}` };
  if (isSilent(answer)) return silent(asked, port, listeners, answer.silent);
  const { status, redirect } = answer;
  if (status >= 200 && status < 300) return { level: 'ok', what: `${asked} answers ${status} inside its container`, fix: null };
  const what = `${asked} answers ${inWords({ ...answer, from: 'app' })}: kamal-proxy wants 200`;
  if (status >= 300 && status < 400) {
    const led = redirect === null ? 'lead to a 200 at once' : 'not be redirected to https: exempt the path in `config.ssl_options`, or set `assume_ssl`';
    return { level: redirect === null ? 'warn' : 'fail', what, fix: `the health path should ${led}; \`proxy/healthcheck/path\` names another one` };
  }
  if (status === 403 || status === 421) return { level: 'fail', what, fix: "kamal-proxy asks by the container's id: exempt the path from host authorization (`config.host_authorization`), or name another one in `proxy/healthcheck/path`" };
  if (status === 401) return { level: 'fail', what, fix: 'let the health path through without a password, or name another one in `proxy/healthcheck/path`' };
  if (status === 404) return { level: 'fail', what, fix: '`proxy/healthcheck/path` names the path that the app answers (Kamal 2 asks for /up unless told otherwise)' };
  return { level: 'fail', what, fix: `see in the app's log why ${path} fails` };
}

function silent(asked: string, port: number, listeners: readonly Listener[], why: string): HealthVerdict {
  const here = listeners.find((listener) => listener.port === port);
  if (here?.loopback) return { level: 'fail', what: `${asked}: the app listens on 127.0.0.1 only, where no proxy reaches it`, fix: `let it listen on 0.0.0.0:${port} (BINDING, -b, HOST …)` };
  const open = listeners.filter(({ loopback }) => !loopback).map((listener) => listener.port);
  if (here || open.length === 0) {
    return { level: 'fail', what: `${asked}: ${why}${open.length === 0 && !here ? '; nothing listens in its container' : ''}`, fix: "see in the app's log why; `proxy/app_port` names the port (80 unless told otherwise)" };
  }
  const ports = open.join(', ');
  return { level: 'fail', what: `${asked}: ${why}; in its container the app listens on ${ports}`, fix: open.length === 1 ? `set \`proxy/app_port: ${ports}\`` : `set \`proxy/app_port\` to the one of ${ports} that answers HTTP` };
}
