import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/api.ts';

/*
 * Time-outs and retries by kind of step. Connections come back: a lost one is retried for as long as it takes, with at
 * most half a minute between attempts. What retrying can't mend (an unhealthy app, a refused login) is thrown as
 * non-retryable by the activity. Heartbeats come every two seconds, so a dead worker is noticed in 10.
 */
const heartbeatTimeout = '10s';
const retry = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' } as const;

/** Looks only, and before anything was changed: a host that can't be looked at ends the run while it costs nothing. */
export const looking = proxyActivities<Pick<Activities, 'probeHost'>>({
  startToCloseTimeout: '2m',
  heartbeatTimeout,
  retry: { ...retry, maximumAttempts: 3 },
});

/**
 * Before the cutover two generations of a role run side by side, which must not last: what takes longer than a quarter
 * of an hour, retries included, is given up, and the host put back.
 */
export const proving = proxyActivities<Pick<Activities, 'prepareHost' | 'proveRole' | 'compareAnswers'>>({
  startToCloseTimeout: '10m',
  scheduleToCloseTimeout: '15m',
  heartbeatTimeout,
  retry,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/**
 * Steps that must come to an end, however often their host disappears in the middle. A host that stays away for a day is
 * given up: its journal lets a later run finish or undo what is left there.
 */
export const changing = proxyActivities<
  Pick<
    Activities,
    | 'acquireLock' | 'releaseLock' | 'cutOver' | 'stopOldRole' | 'replaceRole' | 'verifyHost' | 'pruneHost' | 'putBack'
    | 'prepareAccessory' | 'swapAccessory' | 'settleAccessory' | 'joinAccessory' | 'pruneAccessory'
  >
>({
  startToCloseTimeout: '15m',
  scheduleToCloseTimeout: '1 day',
  heartbeatTimeout,
  retry,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** Watches for as long as it takes; a worker that dies is followed by one that goes on counting. */
export const metering = proxyActivities<Pick<Activities, 'meterHost'>>({
  startToCloseTimeout: '2 days',
  heartbeatTimeout,
  retry,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** Others wait for this: a host where requests can't be held within seconds goes without. */
export const holding = proxyActivities<Pick<Activities, 'holdRequests'>>({
  startToCloseTimeout: '20s',
  scheduleToCloseTimeout: '25s',
  heartbeatTimeout,
  retry: { ...retry, maximumAttempts: 3 },
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** A host that can't be reached lets requests through by itself: it is worth minutes to be told so, not a day. */
export const lettingThrough = proxyActivities<Pick<Activities, 'letRequestsThrough'>>({
  startToCloseTimeout: '2m',
  scheduleToCloseTimeout: '10m',
  heartbeatTimeout,
  retry: { ...retry, maximumInterval: '5s' },
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** A hook runs once; the second attempt only finds out that nobody saw the end of the first. */
export const hooks = proxyActivities<Pick<Activities, 'runHook'>>({
  startToCloseTimeout: '1h',
  heartbeatTimeout,
  retry: { ...retry, maximumAttempts: 3 },
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

export const reporting = proxyActivities<Pick<Activities, 'writeReport'>>({
  startToCloseTimeout: '30s',
  retry: { ...retry, maximumAttempts: 5 },
});
