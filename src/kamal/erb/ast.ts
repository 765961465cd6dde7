import type { Value } from '../ruby/value.ts';

/** Parts of a string with interpolation. */
export type Parts = readonly (string | Node)[];

export interface Block {
  readonly params: readonly string[];
  readonly body: Node;
}

/** Ruby code as far as it is understood here. */
export type Node = { readonly line: number } & (
  | { readonly type: 'literal'; readonly value: Value }
  | { readonly type: 'string' | 'command' | 'symbol'; readonly parts: Parts }
  | { readonly type: 'regex'; readonly parts: Parts; readonly flags: string }
  | { readonly type: 'array'; readonly items: readonly Node[] }
  /** `bare`: pairs without braces, as arguments. */
  | { readonly type: 'hash'; readonly pairs: readonly (readonly [Node, Node])[]; readonly bare?: boolean }
  | { readonly type: 'range'; readonly from: Node; readonly to: Node; readonly exclusive: boolean }
  | { readonly type: 'variable'; readonly name: string }
  | { readonly type: 'constant'; readonly name: string }
  | { readonly type: 'assign'; readonly name: string; readonly operator: string; readonly value: Node }
  | { readonly type: 'assign-index'; readonly target: Node; readonly key: Node; readonly operator: string; readonly value: Node }
  | { readonly type: 'call'; readonly receiver: Node | null; readonly name: string; readonly args: readonly Node[]; readonly block: Block | Node | null; readonly safe: boolean }
  | { readonly type: 'and' | 'or'; readonly left: Node; readonly right: Node }
  | { readonly type: 'not'; readonly value: Node }
  | { readonly type: 'if'; readonly condition: Node; readonly yes: Node; readonly no: Node }
  | { readonly type: 'case'; readonly subject: Node; readonly whens: readonly { readonly values: readonly Node[]; readonly body: Node }[]; readonly else: Node }
  | { readonly type: 'rescue'; readonly body: Node; readonly rescue: Node }
  | { readonly type: 'sequence'; readonly nodes: readonly Node[] }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'output'; readonly value: Node }
);
