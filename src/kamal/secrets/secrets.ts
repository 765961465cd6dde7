/** A secret that the configuration names isn't in the secrets files. The message is Kamal's; it names no value. */
export class SecretMissing extends Error {
  readonly key: string;

  constructor(key: string, message: string) {
    super(message);
    this.name = 'SecretMissing';
    this.key = key;
  }
}

/** The project's secrets, read once. Keep it out of logs, errors and everything that is stored. */
export class Secrets {
  readonly #values: ReadonlyMap<string, string>;
  readonly #present: readonly string[];
  readonly #looked: readonly string[];
  readonly #missing: ((key: string) => string) | undefined;

  /**
   * @param values secrets by name, in the order of the files
   * @param present the secrets files that exist, as named to the user
   * @param looked all the files that were looked for
   * @param missing what to say of a name that isn't among them; Kamal 2's text unless given
   */
  constructor(values: ReadonlyMap<string, string>, present: readonly string[], looked: readonly string[], missing?: (key: string) => string) {
    this.#values = values;
    this.#present = present;
    this.#looked = looked;
    this.#missing = missing;
  }

  /** The secret's value. @throws SecretMissing with Kamal's text (Kamal 2.12: `Secrets#[]`) */
  get(key: string): string {
    const value = this.#values.get(key);
    if (value !== undefined) return value;
    if (this.#missing) throw new SecretMissing(key, this.#missing(key));
    const where = this.#present.length > 0 ? `in ${this.#present.join(', ')}` : `, no secret files (${this.#looked.join(', ')}) provided`;
    throw new SecretMissing(key, `Secret '${key}' not found${this.#present.length > 0 ? ' ' : ''}${where}`);
  }

  /** Whether there is a secret of that name that isn't blank (Kamal 2.12: `Secrets#key?`). */
  has(key: string): boolean {
    return (this.#values.get(key) ?? '').trim() !== '';
  }

  /** All secrets by name. */
  values(): Record<string, string> {
    return Object.fromEntries(this.#values);
  }

  /** So that a secret can't reach a log by accident. */
  toJSON(): string {
    return '[REDACTED]';
  }
}
