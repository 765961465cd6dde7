import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { searchAttributes } from '../../workflows/search-attributes.ts';

const KEYWORD = proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;

/**
 * Makes sure that the namespace knows bactrian's search attributes. One that
 * isn't registered makes a workflow's task fail and be retried for ever, so
 * whoever gets `false` here must start runs without any.
 * @returns whether all of them can be used now; `false` where we may not register them, or where one of the same name
 *   has another type
 */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<boolean> {
  const names = Object.values(searchAttributes).map(({ name }) => name);
  const known = await knownAttributes(connection, namespace);
  if (names.some((name) => known[name] !== undefined && known[name] !== KEYWORD)) return false;
  const missing = names.filter((name) => known[name] === undefined);
  const added = missing.length > 0 && (await add(connection, namespace, missing));
  return usable(connection, namespace, names, added ? 15_000 : 0);
}

/** Whether the server took them; not where that isn't allowed or implemented, or no column is left for them. */
async function add(connection: Connection, namespace: string, names: string[]): Promise<boolean> {
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(names.map((name) => [name, KEYWORD])),
    });
    return true;
  } catch {
    return false;
  }
}

async function knownAttributes(connection: Connection, namespace: string): Promise<Record<string, number>> {
  try {
    const answer = await connection.operatorService.listSearchAttributes({ namespace });
    return answer.customAttributes;
  } catch {
    // Some clusters let nobody list them; whether they can be used is asked for in another way.
    return {};
  }
}

/** Servers learn of new attributes with a delay of some seconds; a query that names them is refused until then. */
async function usable(
  connection: Connection,
  namespace: string,
  names: string[],
  withinMs: number,
): Promise<boolean> {
  const query = names.map((name) => `${name} = 'x'`).join(' AND ');
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      await connection.workflowService.countWorkflowExecutions({ namespace, query });
      return true;
    } catch {
      if (Date.now() >= deadline) return false;
      await sleep(250);
    }
  }
}
