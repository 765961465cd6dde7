/** What requests Traefik's routers ask for, as far as it can be asked again. */
export interface RoutedNames {
  hosts: string[];
  paths: string[];
}

/** A matcher and what stands in its brackets; in Traefik 2 and 3 values are in backquotes or double quotes. */
const MATCHER = /\b(Host|HostHeader|Path|PathPrefix)\s*\(([^)]*)\)/gi;
const VALUE = /`([^`]*)`|"([^"]*)"/g;
const RULE_LABEL = /^traefik\.http\.routers\.[^.]+\.rule$/i;

/**
 * The host names and paths in the router rules of containers' labels (Traefik 2 and 3: `Host(…)`, `PathPrefix(…)`).
 * A name or path with a pattern in it is left out: nothing tells what to ask for.
 *
 * @param labels of each container that Traefik sees
 */
export function routedNames(labels: readonly Record<string, string>[]): RoutedNames {
  const hosts = new Set<string>();
  const paths = new Set<string>();
  const rules = labels.flatMap((each) => Object.entries(each).flatMap(([label, rule]) => (RULE_LABEL.test(label) ? [rule] : [])));
  for (const [, matcher = '', values = ''] of rules.flatMap((rule) => [...rule.matchAll(MATCHER)])) {
    for (const [, backquoted, quoted] of values.matchAll(VALUE)) {
      const value = backquoted ?? quoted ?? '';
      if (/^host/i.test(matcher) && isHostName(value)) hosts.add(value.toLowerCase());
      if (/^path/i.test(matcher) && isPath(value)) paths.add(value);
    }
  }
  return { hosts: [...hosts], paths: [...paths] };
}

function isHostName(text: string): boolean {
  return /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i.test(text);
}

/** Also what can stand in a request's first line as it is. */
function isPath(text: string): boolean {
  return /^\/[\w\-./~%!$&'()*+,;=:@]*$/.test(text);
}
