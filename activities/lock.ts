import { lock } from '../src/kamal/index.ts';
import type { LockArgs, StepArgs, StepNotes } from './api.ts';
import { eitherRendering, fenceOf, type Context } from './context.ts';
import { lockPaths } from './probe.ts';
import { runStep } from './remote-step.ts';
import { acquireScript, lockMessage, releaseScript } from './script/lock.ts';
import { kamalTime } from './who.ts';

/** Kamal's deploy lock on the primary host, at both generations' paths. */
export function lockActivities(context: Context) {
  return {
    async acquireLock(args: LockArgs): Promise<StepNotes> {
      const { deployment, who } = await eitherRendering(context, args);
      const details = lock.lockDetails({ by: who.locker, at: kamalTime(), version: deployment.version ?? '', message: lockMessage(args.run) });
      const body = acquireScript({ paths: lockPaths(deployment), details: lock.base64Lines(details), takeOverLockOf: args.takeOverLockOf });
      return await runStep(context, args, { name: 'lock', body, journal: 'lock', fence: fenceOf(deployment) });
    },

    async releaseLock(args: StepArgs): Promise<StepNotes> {
      const { deployment } = await eitherRendering(context, args);
      return await runStep(context, args, { name: 'unlock', body: releaseScript(lockPaths(deployment)), journal: 'lock', fence: fenceOf(deployment) });
    },
  };
}
