import { accessoryActivities } from './accessories.ts';
import { answerActivities } from './answers.ts';
import type { Activities } from './api.ts';
import { appActivities } from './app.ts';
import { Context, type Surroundings } from './context.ts';
import { cutoverActivities } from './cutover.ts';
import { byDirection } from './directions.ts';
import { holdActivities } from './hold.ts';
import { hookActivities } from './hooks.ts';
import { lockActivities } from './lock.ts';
import { meterActivities } from './meter.ts';
import { prepareActivities } from './prepare.ts';
import { probeActivities } from './probe.ts';
import { pruneActivities } from './prune.ts';
import { putBackActivities } from './put-back.ts';
import { reportActivities } from './report.ts';
import { scrubbingInterceptor } from './scrub.ts';
import { verifyActivities } from './verify.ts';
import { wayBackAccessoryActivities } from './way-back-accessories.ts';
import { wayBackActivities, type WayBack } from './way-back.ts';

/** All activities of a worker, and what goes with them. */
export interface ActivitySet {
  activities: Activities;
  /** Keeps secrets out of everything that activities give back to Temporal. */
  interceptor: ReturnType<typeof scrubbingInterceptor>;
  close(): Promise<void>;
}

/**
 * Makes the activities for one project.
 *
 * @param surroundings the project's folder, its state directories and the environment to resolve secrets in
 */
export function createActivities(surroundings: Surroundings): ActivitySet {
  const context = new Context(surroundings);
  return {
    activities: {
      ...probeActivities(context),
      ...hookActivities(context),
      ...lockActivities(context),
      ...answerActivities(context),
      ...putBackActivities(context),
      ...byDirection<WayBack>(
        { ...prepareActivities(context), ...appActivities(context), ...cutoverActivities(context), ...verifyActivities(context), ...meterActivities(context), ...pruneActivities(context) },
        wayBackActivities(context),
      ),
      ...byDirection(accessoryActivities(context), wayBackAccessoryActivities(context)),
      ...holdActivities(context),
      ...reportActivities(context),
    },
    interceptor: scrubbingInterceptor(context.scrub),
    close: () => context.close(),
  };
}
