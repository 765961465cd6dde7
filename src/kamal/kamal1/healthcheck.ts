import { isPresent, toS, type Hash, type Value } from '../ruby/value.ts';

/** How Kamal 1 finds out that an app's container is well (Kamal 1.9: `Configuration::Healthcheck`). */
export interface Healthcheck {
  /** The section itself, the root's with the role's merged in. */
  readonly raw: Hash;
  /** Runs in the container; 0 is healthy. Of what is no text, `true` gives a bare flag and `false` no cord. */
  readonly cmd: Value;
  readonly port: Value;
  readonly path: Value;
  /** How often Kamal asks for the container's health before it gives up. */
  readonly maxAttempts: number;
  /** As Docker takes it: `1s`. */
  readonly interval: Value;
  /** Where the container sees the cord's directory; null: it has none. */
  readonly cord: string | null;
  /** Lines of the log that are shown of an unhealthy container. */
  readonly logLines: number;
  /** Port or path are configured: a role without Traefik is checked only then. */
  readonly setsPortOrPath: boolean;
}

export function healthcheckOf(raw: Hash): Healthcheck {
  const fetch = (key: string, fallback: Value): Value => (raw.has(key) ? (raw.get(key) ?? null) : fallback);
  const port = fetch('port', 3000);
  const path = fetch('path', '/up');
  const cord = fetch('cord', '/tmp/kamal-cord');
  return {
    raw,
    cmd: fetch('cmd', `curl -f ${urlOf(toS(port), toS(path))} || exit 1`),
    port,
    path,
    maxAttempts: Number(toS(fetch('max_attempts', 7))),
    interval: fetch('interval', '1s'),
    cord: cord === null || cord === false ? null : toS(cord),
    logLines: Number(toS(fetch('log_lines', 50))),
    setsPortOrPath: isPresent(raw.get('port')) || isPresent(raw.get('path')),
  };
}

/** Whether Kamal can make a URL of port and path; it makes one even where `cmd` is configured. */
export function hasUrl({ port, path }: Healthcheck): boolean {
  return /^\d*$/.test(toS(port)) && typeof path === 'string' && /^[\x21-\x7e]*$/.test(path) && !/[<>"\\^`{|}]/.test(path) && URL.canParse(path, 'http://localhost');
}

/** `URI.join("http://localhost:PORT", path)`: the port of HTTP is left out, dots are resolved. */
function urlOf(port: string, path: string): string {
  const base = `http://localhost:${port}`;
  // Ruby leaves an empty path as it is.
  if (/^([?#]|$)/.test(path)) return (port === '' || port === '80' ? 'http://localhost' : base) + path;
  if (!URL.canParse(path, base)) return base + path;
  // A host without a port of its own keeps the check's.
  const url = new URL(path.replace(/^\/\/[^/?#:]+(?=[/?#]|$)/, `$&:${port}`), base).href;
  return /^([a-z][a-z0-9+.-]*:)?\/\/[^/?#]*$/i.test(path) ? url.replace(/\/$/, '') : url;
}
