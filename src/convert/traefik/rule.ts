/** What a Traefik rule lets through, as far as kamal-proxy can say the same. */
export interface Routes {
  /** Host names; none: all. */
  readonly hosts: readonly string[];
  /** Path prefixes; none: all. */
  readonly prefixes: readonly string[];
}

/** A rule that kamal-proxy has no like of. The message says which part. */
export class RuleUnsupported extends Error {
  override readonly name = 'RuleUnsupported';
}

type Condition = { readonly kind: 'host' | 'prefix'; readonly values: readonly string[] };

/**
 * Understands a router's rule (Traefik 2): `Host`, `PathPrefix`, `&&`, `||` and parentheses, as long as it amounts to
 * "one of these hosts, and one of these prefixes".
 * @throws RuleUnsupported
 */
export function routesOf(rule: string): Routes {
  const parser = new Parser(rule);
  const alternatives = parser.rule().map(routesOfAlternative);
  const hosts = unique(alternatives.flatMap((routes) => routes.hosts));
  const prefixes = unique(alternatives.flatMap((routes) => routes.prefixes));
  const everyHost = alternatives.some((routes) => routes.hosts.length === 0);
  const everyPath = alternatives.some((routes) => routes.prefixes.length === 0);
  const merged = { hosts: everyHost ? [] : hosts, prefixes: everyPath ? [] : prefixes };
  const covered = alternatives.length === 1 || sameEverywhere(alternatives, 'prefixes') || sameEverywhere(alternatives, 'hosts') || isProduct(alternatives, merged);
  if (!covered) throw new RuleUnsupported('other paths for other hosts');
  return merged;
}

function sameEverywhere(alternatives: readonly Routes[], key: keyof Routes): boolean {
  return alternatives.every((routes) => unique(routes[key]).toSorted().join('\0') === unique(alternatives[0]?.[key] ?? []).toSorted().join('\0'));
}

/** Whether each host comes with each prefix. */
function isProduct(alternatives: readonly Routes[], { hosts, prefixes }: Routes): boolean {
  const has = (host: string, prefix: string) => alternatives.some((routes) => (routes.hosts.length === 0 || routes.hosts.includes(host)) && (routes.prefixes.length === 0 || routes.prefixes.includes(prefix)));
  return hosts.length > 0 && prefixes.length > 0 && hosts.every((host) => prefixes.every((prefix) => has(host, prefix)));
}

/** Conditions that all have to hold. */
function routesOfAlternative(conditions: readonly Condition[]): Routes {
  const hosts = conditions.filter(({ kind }) => kind === 'host').map(({ values }) => values);
  const prefixes = conditions.filter(({ kind }) => kind === 'prefix').map(({ values }) => values).filter((values) => !values.includes('/'));
  if (hosts.length > 1 || prefixes.length > 1) throw new RuleUnsupported('several hosts or prefixes at once');
  return { hosts: hosts[0] ?? [], prefixes: prefixes[0] ?? [] };
}

/** A rule as alternatives of conditions. */
class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  rule(): Condition[][] {
    const alternatives = this.#or();
    if (this.#peek() !== '') throw new RuleUnsupported(`\`${this.#text.slice(this.#at)}\``);
    return alternatives;
  }

  #or(): Condition[][] {
    const alternatives = this.#and();
    while (this.#take('||')) alternatives.push(...this.#and());
    return alternatives;
  }

  #and(): Condition[][] {
    let alternatives = this.#term();
    while (this.#take('&&')) {
      const more = this.#term();
      alternatives = alternatives.flatMap((left) => more.map((right) => [...left, ...right]));
      if (alternatives.length > 1000) throw new RuleUnsupported('too many alternatives');
    }
    return alternatives;
  }

  #term(): Condition[][] {
    if (this.#take('(')) {
      const inner = this.#or();
      if (!this.#take(')')) throw new RuleUnsupported('a parenthesis that is not closed');
      return inner;
    }
    if (this.#peek().startsWith('!')) throw new RuleUnsupported('`!`');
    const name = /^[A-Za-z]+/.exec(this.#peek())?.[0] ?? '';
    if (name === '' || !this.#take(name) || !this.#take('(')) throw new RuleUnsupported(`\`${this.#peek()}\``);
    const values = this.#values(name);
    const kind = name.toLowerCase();
    if (kind === 'host') return [[{ kind: 'host', values }]];
    if (kind === 'pathprefix' && values.every((value) => value.startsWith('/') && !/[{}*]/.test(value))) return [[{ kind: 'prefix', values }]];
    throw new RuleUnsupported(`${name}(…)`);
  }

  #values(name: string): string[] {
    const values: string[] = [];
    do {
      const literal = /^(?:`([^`]*)`|"((?:\\.|[^"\\])*)"|'([^']*)')/.exec(this.#peek());
      if (!literal) throw new RuleUnsupported(`what ${name}( ) holds`);
      this.#take(literal[0]);
      values.push(literal[1] ?? literal[2] ?? literal[3] ?? '');
    } while (this.#take(','));
    if (!this.#take(')')) throw new RuleUnsupported('a parenthesis that is not closed');
    return values;
  }

  #peek(): string {
    return this.#text.slice(this.#at).trimStart();
  }

  #take(token: string): boolean {
    if (!this.#peek().startsWith(token)) return false;
    this.#at = this.#text.length - this.#peek().length + token.length;
    return true;
  }
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
