import type { RoleArgs, StepNotes } from './api.ts';
import { fenceOf, rendering, warmName, type Context } from './context.ts';
import type { Environment } from './project.ts';
import { runStep } from './remote-step.ts';
import { bootScript, deployWords, provingWords, roleOf, stopping } from './roles.ts';
import { HEALTHY_AGAIN_SECONDS } from './prepare.ts';
import { armOverlapTimer, DISARM_OVERLAP_TIMER, REFUSE_AFTER_OVERLAP } from './script/overlap.ts';
import { proveScript, replaceScript, stopOldScript } from './script/app.ts';

/** Twice what a run itself allows for it: whoever is alive decides, not the timer. */
const OVERLAP_SECONDS = 30 * 60;

/** How long two generations of a role may run side by side with nobody of ours there. */
export function overlapSeconds(env: Environment): number {
  return Number(env['BACTRIAN_OVERLAP_SECONDS']) || OVERLAP_SECONDS;
}

/** The app's containers: booted beside the old ones, stopped, replaced. */
export function appActivities(context: Context) {
  return {
    async proveRole(args: RoleArgs): Promise<StepNotes> {
      const rendered = await rendering(context, args);
      const { deployment } = rendered;
      const role = roleOf(deployment, args.role.name);
      const host = role.proxy?.hosts.find((name) => !name.includes('*')) ?? '';
      const body = [
        REFUSE_AFTER_OVERLAP,
        armOverlapTimer(args.run, overlapSeconds(context.env()), HEALTHY_AGAIN_SECONDS),
        proveScript({ ...bootScript(rendered, role, args), warmName: warmName(args.run), proxyService: role.containerPrefix, host, deploy: deployWords(deployment, role, args.role.version), proving: provingWords(deployment, role, args.role.version) }),
      ].join('\n');
      return await runStep(context, args, { name: `boot ${role.name}`, body, journal: 'app', fence: fenceOf(deployment) });
    },

    async stopOldRole(args: RoleArgs): Promise<StepNotes> {
      const { deployment } = await rendering(context, args);
      const role = roleOf(deployment, args.role.name);
      return await runStep(context, args, { name: `stop ${role.name}`, body: stopOldScript(stopping(deployment, role, args.role.version)), journal: 'app', fence: fenceOf(deployment) });
    },

    async replaceRole(args: RoleArgs): Promise<StepNotes> {
      const rendered = await rendering(context, args);
      const { deployment } = rendered;
      const role = roleOf(deployment, args.role.name);
      const { readinessDelay, deployTimeout } = deployment.timeouts;
      const script = replaceScript({
        ...bootScript(rendered, role, args),
        ...stopping(deployment, role, args.role.version),
        readinessDelay,
        timeout: deployTimeout + readinessDelay,
      });
      const body = [REFUSE_AFTER_OVERLAP, armOverlapTimer(args.run, overlapSeconds(context.env()), HEALTHY_AGAIN_SECONDS), script, DISARM_OVERLAP_TIMER].join('\n');
      return await runStep(context, args, { name: `replace ${role.name}`, body, journal: 'app', fence: fenceOf(deployment) });
    },
  };
}
