import {
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import { accessories } from './accessories.ts';
import type { Run } from './run.ts';
import { attributesOfHost } from './shown.ts';
import type { HostOrder, HostRecord } from './types.ts';
import { wavesOf } from './waves.ts';

/** The accessories of a run's hosts, each host's in a workflow of its own. */
export interface FleetAccessories {
  /** One a host whose accessories were begun with, for the run's result. */
  readonly records: HostRecord[];
  /** @throws what a host's accessories failed with, once it is in the run's record */
  upgrade(group: HostOrder[]): Promise<void>;
}

export function fleetAccessories({ input, desk, base }: Run): FleetAccessories {
  const records: HostRecord[] = [];

  function accessoriesOf(order: HostOrder): Promise<HostRecord> {
    const workflowId = `${workflowInfo().workflowId}/${input.run}/${order.host}/accessories`;
    const line = desk.record.hosts.find(({ host }) => host === order.host);
    if (line) line.accessoriesId = workflowId;
    return executeChild(accessories, {
      workflowId,
      args: [{ ...base, host: order.host, accessories: order.accessories, mode: input.options.accessories, pull: input.options.pullAccessories, round: 1 }],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      staticSummary: `accessories on ${order.host}`,
      typedSearchAttributes: attributesOfHost(order.host),
    });
  }

  return {
    records,
    async upgrade(group) {
      const hosts = group.filter((order) => order.accessories.length > 0);
      if (input.options.accessories === 'skip' || hosts.length === 0) return;
      desk.phase('accessories');
      for (const wave of wavesOf(hosts, input.options, null)) {
        const outcomes = await Promise.allSettled(wave.map(accessoriesOf));
        for (const each of outcomes) records.push(...(each.status === 'fulfilled' ? [each.value] : recordIn(each.reason)));
        const broken = outcomes.find((each) => each.status === 'rejected');
        if (!broken) continue;
        const record = records.find((each) => each.failure);
        if (record?.failure) desk.record.failure ??= { ...record.failure, step: `${record.host}: ${record.failure.step}` };
        // An accessory is shared by all hosts of the app: only who asked to go on whatever happens goes on.
        if (isCancellation(broken.reason) || input.options.onFailure !== 'continue') throw broken.reason;
      }
    },
  };
}

function recordIn(error: unknown): HostRecord[] {
  const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
  if (!(cause instanceof ApplicationFailure || cause instanceof CancelledFailure)) return [];
  return cause.details?.[0] ? [cause.details[0] as HostRecord] : [];
}
