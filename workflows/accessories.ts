import { ApplicationFailure, CancellationScope, CancelledFailure, isCancellation, setHandler, uuid4 } from '@temporalio/workflow';
import type { StepArgs } from '../activities/api.ts';
import { hostSteps } from './host-steps.ts';
import { hostQuery } from './messages.ts';
import { firstAccessoryStep } from './numbering.ts';
import { changing } from './policies.ts';
import type { AccessoryMode, Direction, HostRecord } from './types.ts';

export interface AccessoriesInput {
  run: string;
  runStartedAt: number;
  digest: string;
  direction: Direction;
  host: string;
  accessories: string[];
  mode: AccessoryMode;
  pull: boolean;
  /** 1 the first time, 2 after a retry … */
  round: number;
}

/**
 * The accessories of one host, one after the other: each is stopped only when the new container stands ready, and the
 * old one is kept until the new one runs. An accessory that doesn't come up is put back, and those after it are left
 * alone.
 */
export async function accessories(input: AccessoriesInput): Promise<HostRecord> {
  const steps = hostSteps(input.host, firstAccessoryStep(input.round), input.round);
  setHandler(hostQuery, () => steps.record, { description: 'The record of this host' });
  const base: Omit<StepArgs, 'seq'> = {
    run: input.run,
    runStartedAt: input.runStartedAt,
    digest: input.digest,
    host: input.host,
    direction: input.direction,
  };
  const verb = input.mode === 'join' ? 'join' : 'reboot';
  steps.phase('accessories');
  try {
    for (const accessory of input.accessories) {
      const args = { ...base, accessory, mode: input.mode, pull: input.pull, replacedSuffix: uuid4().replaceAll('-', '').slice(0, 16) };
      // A database half way between two containers is no place to stop at; between two accessories is.
      if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('the run was cancelled');
      await CancellationScope.nonCancellable(async () => {
        await steps.run(`${verb} accessory ${accessory}`, (seq, options) => changing.swapAccessory.executeWithOptions(options, [{ ...args, seq }]));
        await steps.run(`prune accessory ${accessory}`, (seq, options) => changing.pruneAccessory.executeWithOptions(options, [{ ...args, seq }]));
      });
    }
    steps.phase('done');
    return steps.record;
  } catch (error) {
    await CancellationScope.nonCancellable(async () => {
      await steps.run('put back', (seq, options) => changing.putBack.executeWithOptions(options, [{ ...base, seq, journal: 'accessories' }]));
    }).catch(() => steps.phase('stuck'));
    if (steps.record.phase !== 'stuck') steps.phase('put back');
    if (isCancellation(error)) throw new CancelledFailure(`${input.host}: accessories stopped`, [steps.record]);
    throw ApplicationFailure.create({
      type: 'AccessoriesNotUpgraded',
      message: `${input.host}: ${steps.record.failure?.message ?? String(error)}`,
      nonRetryable: true,
      details: [steps.record],
    });
  }
}
