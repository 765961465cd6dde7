/** Scheme and host of where a redirect leads; null when it stays where it is. */
export function redirectOf(location: string | undefined): string | null {
  if (location === undefined || !/^https?:\/\//i.test(location) || !URL.canParse(location)) return null;
  return new URL(location).origin;
}

/** Statuses with which a proxy speaks for itself. */
const PROXYS = [404, 413, 499, 502, 503, 504];
const TRAEFIKS = /^(404 page not found|Bad Gateway|Service Unavailable|Gateway Timeout|no available server|Client Closed Request)\s*$/;

/**
 * Whether a proxy speaks for itself: Traefik's plain words (Traefik 2.11), kamal-proxy's error pages (kamal-proxy 0.9:
 * `internal/pages`). An app that says just the same loses nothing that anybody could tell.
 *
 * @param body its beginning
 */
export function isProxys(status: number, body: string): boolean {
  if (!PROXYS.includes(status)) return false;
  return TRAEFIKS.test(body) || body.startsWith(`<h1>${status} `) || (body.includes(`<title>${status} — `) && body.includes('noindex, nofollow'));
}
