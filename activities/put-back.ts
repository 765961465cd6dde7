import type { PutBackArgs, StepNotes } from './api.ts';
import { eitherRendering, fenceOf, type Context } from './context.ts';
import { HEALTHY_AGAIN_SECONDS } from './prepare.ts';
import { runStep } from './remote-step.ts';
import { DISARM_OVERLAP_TIMER, FORGET_PUT_AWAY } from './script/overlap.ts';
import { putBackThisRun } from './script/put-back.ts';

/** Undoes what this run did on a host, as the host's journal tells it. */
export function putBackActivities(context: Context) {
  return {
    async putBack(args: PutBackArgs): Promise<StepNotes> {
      const { deployment } = await eitherRendering(context, args);
      return await runStep(context, args, {
        name: 'put back',
        body: `${DISARM_OVERLAP_TIMER}\n${putBackThisRun(HEALTHY_AGAIN_SECONDS)}\n${FORGET_PUT_AWAY}`,
        journal: args.journal,
        fence: fenceOf(deployment),
        uninterruptible: true,
      });
    },
  };
}
