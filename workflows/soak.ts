import { ApplicationFailure, CancellationScope, sleep } from '@temporalio/workflow';
import type { StepNotes } from '../activities/api.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import { isMeasurable, read, type Metered } from './meter.ts';
import { measured } from './measured.ts';
import type { HostSteps } from './host-steps.ts';
import type { MeterReading } from './types.ts';

/** How often a soak looks whether the containers still run, at most and at least. */
const LOOK_EVERY_MS = { least: 30_000, most: 10 * 60_000 };
const MOST_LOOKS = 40;

/**
 * Watches a canary that serves on the new path: requests for its health path from outside, and from time to time a look
 * at what runs there. One lost request is one too many: nothing changes on the host in this time.
 *
 * @param seconds how long
 * @param verify looks at the host
 * @throws ApplicationFailure when anything was lost, or what runs is not as it has to be
 */
export async function soak(steps: HostSteps, metered: Metered, seconds: number, verify: () => Promise<StepNotes>): Promise<MeterReading | null> {
  let reading: MeterReading | null = null;
  await steps.run(`soak for ${inWords(seconds)}`, async () => {
    const watching = new CancellationScope();
    const meter = isMeasurable(metered) ? watching.run(() => read(metered, seconds)) : null;
    let looks = 0;
    try {
      const every = Math.min(LOOK_EVERY_MS.most, Math.max(LOOK_EVERY_MS.least, (seconds * 1000) / MOST_LOOKS));
      const until = Date.now() + seconds * 1000;
      for (let left = seconds * 1000; left > 0; left = until - Date.now()) {
        await sleep(Math.min(every, left));
        await verify();
        looks += 1;
      }
    } catch (error) {
      watching.cancel();
      if (meter) reading = steps.record.soak = await CancellationScope.nonCancellable(() => meter);
      throw error;
    }
    if (meter) reading = steps.record.soak = await meter;
    const notes = [...(reading ? [measured(reading)] : []), `looked at ${looks} times`];
    if (reading && reading.lost > 0) {
      throw ApplicationFailure.nonRetryable(`the soak lost requests: ${measured(reading)}`, FailureType.requestsLost);
    }
    return { notes, unchanged: true };
  });
  return reading;
}

function inWords(seconds: number): string {
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}
