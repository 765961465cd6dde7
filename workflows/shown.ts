import type { TypedSearchAttributes } from '@temporalio/common';
import { upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { searchAttributes } from './search-attributes.ts';

/*
 * What lists of runs show. A run that was started without the permission to register search attributes has none, and
 * must not get any: the server would refuse the workflow's task for ever.
 */

const hasAttributes = (): boolean => workflowInfo().typedSearchAttributes.getAll().length > 0;

/** Shows the phase that a workflow is in. */
export function showPhase(phase: string): void {
  if (hasAttributes()) upsertSearchAttributes([{ key: searchAttributes.phase, value: phase }]);
}

/** The attributes of a host's workflow: its fleet's, and the host. */
export function attributesOfHost(host: string): TypedSearchAttributes {
  const own = workflowInfo().typedSearchAttributes;
  return hasAttributes() ? own.updateCopy([{ key: searchAttributes.host, value: host }]) : own;
}
