import { isPresent, toS, type Hash, type Value } from '../kamal/ruby/value.ts';
import { seconds } from './traefik/settings.ts';
import { whole, type View } from './view.ts';
import { hasErb, isErb } from './yaml/mask.ts';
import type { Path } from './yaml/text.ts';

/** A health check as kamal-proxy makes it, from outside the container. */
export interface ProxyHealth {
  /** Port that the app was asked on, null when the configuration names none. */
  readonly port: Value;
  /** For `proxy/healthcheck`. */
  readonly check: Hash;
}

/** Kamal 1.9's port when none is given (`Configuration::Healthcheck#port`). */
export const DEFAULT_PORT = 3000;
const DEFAULT_DEPLOY_TIMEOUT = 30;
const DEFAULT_ATTEMPTS = 7;

/** The health check of roles behind the proxy. */
export function proxyHealth(view: View, config: Hash, path: Path): ProxyHealth {
  const { report } = view;
  const check: Hash = new Map();
  let port = presentOr(config.get('port'), null);
  let url = presentOr(config.get('path'), null);
  const cmd = config.get('cmd');
  if (isPresent(cmd)) {
    const asked = /https?:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::(\d+))?(\/[^\s"'|;&)]*)?/.exec(toS(cmd));
    if (asked && !hasErb(toS(cmd))) {
      port = asked[1] ?? '80';
      url = asked[2] ?? '/';
      report.note(view.placeOf([...path, 'cmd']), `${path.join('/')}/cmd`, `kamal-proxy asks for ${url} on port ${toS(port)} itself, from outside the container`);
    } else {
      report.lost(view.placeOf([...path, 'cmd']), `${path.join('/')}/cmd: a command in the container`, 'kamal-proxy asks the app over HTTP: see that proxy/healthcheck/path (default /up) answers 200 on proxy/app_port');
    }
  }
  if (url !== null) check.set('path', url);
  const interval = secondsOf(view, config, path);
  if (interval !== null) check.set('interval', interval);
  for (const key of ['cord', 'log_lines']) {
    if (config.has(key)) report.note(view.placeOf([...path, key]), `${path.join('/')}/${key}`, key === 'cord' ? 'nothing: kamal-proxy is told when to stop sending, and the file isn\'t looked for' : 'nothing: see `kamal app logs`');
  }
  return { port: port === null ? null : whole(port), check };
}

function secondsOf(view: View, config: Hash, path: Path): Value {
  const interval = config.get('interval');
  if (interval === undefined || interval === null) return null;
  const place = view.placeOf([...path, 'interval']);
  if (isErb(toS(interval))) {
    view.report.note(place, `${path.join('/')}/interval comes from ERB`, 'see that it gives whole seconds without a unit');
    return interval;
  }
  const value = seconds(toS(interval));
  if (value === null) {
    view.report.lost(place, `${path.join('/')}/interval: ${toS(interval)}`, 'give proxy/healthcheck/interval a number of seconds');
    return null;
  }
  if (!Number.isInteger(value)) view.report.note(place, `${path.join('/')}/interval: ${toS(interval)}`, 'nothing: kamal-proxy takes whole seconds, so it is rounded up');
  return Math.max(1, Math.ceil(value));
}

/**
 * Docker's health check of a role without proxy (`options`), which the upgrade guide puts in the place of Kamal's.
 * Kamal 1.9 took the role's own section only, not the root's (`Role#healthcheck`).
 */
export function dockerHealth(view: View, role: string, config: Hash): Hash {
  const path = ['servers', role, 'healthcheck'];
  const options: Hash = new Map();
  const cmd = config.get('cmd');
  const port = presentOr(config.get('port'), null);
  const url = presentOr(config.get('path'), null);
  const interval = config.get('interval');
  if (isPresent(cmd)) options.set('health-cmd', cmd);
  else if (port !== null || url !== null) options.set('health-cmd', `curl -f http://localhost:${toS(port ?? DEFAULT_PORT)}${absolute(toS(url ?? '/up'))} || exit 1`);
  if (options.size > 0) options.set('health-interval', presentOr(interval, '1s'));
  if (isPresent(cmd) && port === null && url === null) {
    view.report.note(
      view.placeOf([...path, 'cmd']),
      `${path.join('/')}/cmd: Kamal 1 ran it only beside port or path, so it never did`,
      'see that the command works in the container: from now on the role counts as up when it succeeds. Kamal 1\'s interval of 1s comes with it: by Docker\'s own, 30 s, the first result would come as late as deploy_timeout ends',
      ['health-interval'],
    );
  }
  return options;
}

function absolute(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

/**
 * `deploy_timeout` for a configuration whose health check waited longer than Kamal 2's 30 seconds: attempts times the
 * interval that is given, else the time that Kamal 1.9's growing pauses add up to. Null when Kamal 2's own is enough.
 */
export function deployTimeout(view: View): number | null {
  const config = view.raw.get('healthcheck');
  if (!(config instanceof Map)) return null;
  const attempts = config.has('max_attempts') ? whole(config.get('max_attempts') ?? null) : DEFAULT_ATTEMPTS;
  if (typeof attempts !== 'number') return null;
  const interval = config.get('interval');
  const every = interval === undefined || interval === null ? null : seconds(toS(interval));
  // Kamal 1.9: Cli::Healthcheck::Poller sleeps 1, 2, 3 … seconds.
  const slept = (attempts * (attempts + 1)) / 2;
  const wanted = every === null ? slept : Math.ceil(attempts * every);
  if (wanted <= DEFAULT_DEPLOY_TIMEOUT) return null;
  if (slept > wanted) view.report.note(view.placeOf(['healthcheck', 'max_attempts']), `healthcheck/max_attempts: Kamal 1 waited up to ${slept} s for the app`, `deploy_timeout is now ${wanted} s; raise it if the app may need longer to boot`);
  return wanted;
}

function presentOr(value: Value | undefined, fallback: Value): Value {
  return isPresent(value) ? value : fallback;
}
