/** Runs a vault's own command-line tool. */
export interface VaultCli {
  /**
   * Runs the tool with these arguments and, on top of the user's environment, these variables.
   * @throws CommandError when it isn't installed
   */
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<{ code: number; stdout: string }>;
}

export interface FetchOptions {
  readonly account?: string;
  /** A vault, folder or item that the names are below. */
  readonly from?: string;
}

/** A vault that secrets come from, with Kamal's names and options (Kamal 2.12: `Secrets::Adapters`). */
export interface Adapter {
  /** The tool that has to be installed. */
  readonly program: string;
  readonly title: string;
  readonly requiresAccount: boolean;
  /**
   * The secrets by the names under which `kamal secrets extract` finds them.
   * @throws AdapterError when the vault refuses, or has no such item
   */
  fetch(secrets: readonly string[], options: FetchOptions, cli: VaultCli): Promise<Map<string, string>>;
}

/** A vault gave nothing to use. The message has no part of a secret. */
export class AdapterError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AdapterError';
  }
}

/** Names below `from`: `from/name`. */
export function prefixed(secrets: readonly string[], from: string | undefined): string[] {
  return secrets.map((secret) => (from === undefined ? secret : `${from}/${secret}`));
}

/** A tool's JSON output. @throws AdapterError when it isn't JSON; the text itself may be secret and isn't shown */
export function parseOutput(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new AdapterError(`${what} gave something else than JSON`);
  }
}

/** A field of a parsed object, undefined when it is missing or there is no object. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>)[name] : undefined;
}

/** A parsed value as text, as Ruby would put it into the environment. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Groups by a key, in order of first appearance. */
export function grouped<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}
