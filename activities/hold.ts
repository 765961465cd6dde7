import type { Deployment } from '../src/kamal/index.ts';
import type { HoldArgs, StepArgs, StepNotes } from './api.ts';
import { fenceOf, rendering, type Context } from './context.ts';
import { runStep } from './remote-step.ts';
import { holdScript, LET_THROUGH } from './script/hold.ts';

/** Requests wait at kamal-proxy while what the app needs is rebooted. */
export function holdActivities(context: Context) {
  const step = (args: StepArgs, deployment: Deployment, name: string, body: string) =>
    runStep(context, args, { name, body, journal: 'accessories', fence: fenceOf(deployment), uninterruptible: true });

  return {
    async holdRequests(args: HoldArgs): Promise<StepNotes> {
      const { deployment } = await rendering(context, args);
      const services = deployment.rolesOn(args.host).filter((role) => role.runningProxy).map((role) => role.containerPrefix);
      return await step(args, deployment, 'hold requests', holdScript({ services, hold: args.seq, seconds: args.seconds }));
    },

    async letRequestsThrough(args: StepArgs): Promise<StepNotes> {
      const { deployment } = await rendering(context, args);
      return await step(args, deployment, 'let requests through', LET_THROUGH);
    },
  };
}
