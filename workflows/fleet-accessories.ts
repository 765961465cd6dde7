import {
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  ParentClosePolicy,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { accessories, type AccessoriesInput } from './accessories.ts';
import { accessoriesReported, verdictSignal } from './messages.ts';
import { firstAccessoryStep } from './numbering.ts';
import type { Run } from './run.ts';
import { attributesOfHost } from './shown.ts';
import type { HostOrder, HostRecord } from './types.ts';

/** The accessories of a run's hosts: after all hosts, or after each host when rolling. */
export interface FleetAccessories {
  /** One a host whose accessories were begun with, for the run's result. */
  readonly records: HostRecord[];
  /** @throws what a host's accessories failed with, once it is in the run's record */
  upgrade(group: HostOrder[]): Promise<void>;
}

export function fleetAccessories({ input, desk, crew, base }: Run): FleetAccessories {
  const records: HostRecord[] = [];
  const { options } = input;
  let groups = 0;
  let workflowId = '';
  let lastWords: HostRecord[] = [];

  setHandler(accessoriesReported, async (report) => {
    lastWords = report.records;
    if (!report.question) return;
    const { where, failure } = report.question;
    const decision = await desk.ask(where, failure, ['retry', 'abort']).catch(() => null);
    // A run that is cancelled meanwhile cancels its accessories, too: they wait for no answer.
    if (decision !== null) await getExternalWorkflowHandle(workflowId).signal(verdictSignal, decision === 'retry' ? 'retry' : 'put back').catch(() => undefined);
  });

  function inputFor(hosts: HostOrder[]): AccessoriesInput {
    const { accessories: mode, pullAccessories: pull, maxPauseSeconds: seconds, concurrency, rolling, onFailure } = options;
    const proxied = input.hosts.filter((order) => order.roles.some((role) => role.proxied));
    const isServed = (order: HostOrder) => crew.result(order).outcome === 'done';
    const hold = { hosts: names(proxied.filter(isServed)), notYet: names(proxied.filter((order) => !isServed(order))) };
    return {
      ...base,
      hosts: hosts.map((order) => ({ host: order.host, accessories: order.accessories })),
      mode,
      pull,
      concurrency: rolling ? 1 : concurrency,
      goOn: onFailure === 'continue',
      firstSeq: firstAccessoryStep(groups),
      hold: seconds === null ? null : { ...hold, seconds },
    };
  }

  return {
    records,
    async upgrade(group) {
      const hosts = group.filter((order) => order.accessories.length > 0);
      if (options.accessories === 'skip' || hosts.length === 0) return;
      desk.phase('accessories');
      groups += 1;
      workflowId = `${workflowInfo().workflowId}/${input.run}/accessories${options.rolling ? `/${names(hosts).join(',')}` : ''}`;
      desk.record.accessories.push(workflowId);
      lastWords = [];
      try {
        const done = await executeChild(accessories, {
          workflowId,
          args: [inputFor(hosts)],
          parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
          cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
          staticSummary: `accessories on ${names(hosts).join(', ')}`,
          typedSearchAttributes: attributesOfHost(names(hosts).join(', ')),
        });
        records.push(...done);
      } catch (error) {
        const left = recordsIn(error) ?? lastWords;
        records.push(...left);
        const broken = left.find((record) => record.failure);
        if (broken?.failure) desk.record.failure ??= { ...broken.failure, step: `${broken.host}: ${broken.failure.step}` };
        // An accessory is shared by all hosts of the app: only who asked to go on whatever happens goes on.
        if (isCancellation(error) || options.onFailure !== 'continue') throw error;
      }
    },
  };
}

const names = (orders: HostOrder[]) => orders.map((order) => order.host);

function recordsIn(error: unknown): HostRecord[] | null {
  const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
  if (!(cause instanceof ApplicationFailure || cause instanceof CancelledFailure)) return null;
  return (cause.details?.[0] as HostRecord[] | undefined) ?? null;
}
