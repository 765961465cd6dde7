/** Hints for keys of the other generation of Kamal, by the section's path (`*` = any role or accessory) and the key. */
export type OtherKeys = Readonly<Record<string, string>>;

/** What took the place of Kamal 1's keys. */
export const OF_KAMAL_1: OtherKeys = {
  'traefik': 'Kamal 2 has kamal-proxy instead of Traefik: remove traefik; ports and options of the proxy container go to proxy/run',
  'healthcheck': 'healthcheck moved to proxy/healthcheck (path, interval, timeout); its port is now proxy/app_port; cmd, max_attempts and cord are gone: see deploy_timeout',
  'stop_wait_time': 'stop_wait_time is now drain_timeout',
  'readiness_timeout': 'readiness_timeout is now deploy_timeout',
  'servers/*/traefik': 'a role is put behind the proxy with proxy: true (or proxy: with its settings), and taken from it with proxy: false',
  'servers/*/healthcheck': 'a role behind the proxy is checked by proxy/healthcheck; other roles by their image\'s HEALTHCHECK',
  'builder/multiarch': 'builder/multiarch is now builder/arch, a list: arch: [amd64, arm64], or arch: amd64 for one',
  'builder/local': 'builder/local with arch and host is now builder/arch; builder/remote takes the URL of the remote builder',
};

/** A hint for an unknown key: what the other generation's key is here, or the nearest known key. Empty when there is none. */
export function nearest(path: string, name: string, known: readonly string[], otherKeys: OtherKeys): string {
  const section = path.replace(/^(servers|accessories)\/[^/]+/, '$1/*');
  const replaced = otherKeys[section === '' ? name : `${section}/${name}`];
  if (replaced) return replaced;
  const close = known.map((key) => ({ key, distance: distance(name, key) })).sort((a, b) => a.distance - b.distance)[0];
  return close && close.distance <= Math.max(1, Math.floor(close.key.length / 3)) ? `did you mean ${close.key} instead of ${name}?` : '';
}

/** Edits (insert, delete, replace, swap of neighbours) from one word to another. */
function distance(from: string, to: string): number {
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    before = last;
    last = row;
  }
  return last[to.length] ?? 0;
}
