import { ActivityFailure, CancellationScope, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import type { StepArgs } from '../activities/api.ts';
import { failureOf } from './failure.ts';
import type { HostSteps } from './host-steps.ts';
import { measured, METER } from './measured.ts';
import { metering } from './policies.ts';
import type { HostOrder, MeterReading, ProbeFrom } from './types.ts';

/** Measures beside a host's steps what its clients notice of them. */
export interface Meter {
  start(): void;
  /** Asks it to end; the reading comes a moment later. */
  stop(): void;
  /** Resolves when the reading, if there is one, is in the host's record. */
  ended(): Promise<void>;
}

/** What a meter, or a soak, has to know. */
export interface Metered {
  base: Omit<StepArgs, 'seq'>;
  order: HostOrder;
  probe: ProbeFrom;
}

/** True when there is something to ask: a role behind the proxy, and somebody who wants to know. */
export function isMeasurable({ order, probe }: Metered): boolean {
  return probe !== 'off' && order.roles.some((role) => role.proxied);
}

export function meterOf(steps: HostSteps, metered: Metered): Meter {
  let scope: CancellationScope | null = null;
  let reading: Promise<void> = Promise.resolve();
  return {
    start() {
      if (!isMeasurable(metered) || scope) return;
      // A cancelled run is measured on, until its host is as it was: only stop() ends the meter.
      reading = CancellationScope.nonCancellable(async () => {
        scope = new CancellationScope();
        const inner = scope;
        await steps.beside(METER, async () => {
          steps.record.meter = await inner.run(() => read(metered, null));
          return [measured(steps.record.meter)];
        });
      });
    },
    stop: () => scope?.cancel(),
    async ended() {
      scope?.cancel();
      await reading;
    },
  };
}

/**
 * One reading. A meter that dies on the way is part of it, never a failure.
 * @param seconds for how long; null: until the scope it is called in is cancelled
 */
export async function read({ base, order, probe }: Metered, seconds: number | null): Promise<MeterReading> {
  const roles = order.roles.filter((role) => role.proxied);
  try {
    return await metering.meterHost.executeWithOptions({ summary: METER }, [{ ...base, roles, from: probe === 'host' ? 'host' : 'worker', seconds }]);
  } catch (error) {
    // Ended in the moment in which its worker was away: what it had told until then is what there is.
    const cause = error instanceof ActivityFailure ? error.cause : undefined;
    const last = cause instanceof TimeoutFailure ? (cause.lastHeartbeatDetails as Partial<MeterReading> | undefined) : undefined;
    const why = isCancellation(error) || cause instanceof TimeoutFailure ? 'the worker that measured was away at the end' : failureOf(METER, error).message;
    return { from: null, url: null, sent: 0, lost: 0, longestGapMs: 0, unwatchedMs: 0, ...last, why };
  }
}
