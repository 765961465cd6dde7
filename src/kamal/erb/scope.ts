import type { Value } from '../ruby/value.ts';

/** Variables by name. */
export type Scope = Map<string, Value>;

/** A block's variables: its own, and those of where it stands, which it can change. */
export class BlockScope extends Map<string, Value> {
  readonly own: Map<string, Value>;
  private readonly outer: Scope;

  constructor(outer: Scope, own: Map<string, Value>) {
    super();
    this.own = own;
    this.outer = outer;
  }

  override get(name: string): Value | undefined {
    return this.own.has(name) ? this.own.get(name) : this.outer.get(name);
  }

  override has(name: string): boolean {
    return this.own.has(name) || this.outer.has(name);
  }

  override set(name: string, value: Value): this {
    if (this.outer.has(name) && !this.own.has(name)) this.outer.set(name, value);
    else this.own.set(name, value);
    return this;
  }
}
