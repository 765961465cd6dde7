import type { CutOverArgs, StepNotes } from './api.ts';
import { fenceOf, rendering, warmName, type Context } from './context.ts';
import { runStep } from './remote-step.ts';
import { movedService, roleOf, stopping } from './roles.ts';
import { stopOldScript } from './script/app.ts';
import { DISARM_OVERLAP_TIMER, REFUSE_AFTER_OVERLAP } from './script/overlap.ts';
import { drainSeconds, handoverScript, toKamalProxy } from './script/handover.ts';
import { swapScript } from './script/cutover.ts';
import { moveScript } from './script/move.ts';
import { DEFAULT_SERVICE } from '../src/plan/shared-traefik.ts';

/** The moment at which requests stop reaching the old proxy and start reaching the new one. */
export function cutoverActivities(context: Context) {
  return {
    async cutOver(args: CutOverArgs): Promise<StepNotes> {
      const { deployment } = await rendering(context, args);
      const proxied = args.roles.filter((order) => order.proxied).map((order) => ({ order, role: roleOf(deployment, order.name) }));
      const ports = deployment.effectiveProxyRun(args.host).ports.map((port) => port.hostPort);
      const containers = args.strategy === 'kamal' ? [] : proxied.map(({ order, role }) => role.containerName(order.version));
      const services = [...proxied.map(({ role }) => role.containerPrefix), ...(args.keepTraefik ? [DEFAULT_SERVICE] : [])];
      const way = toKamalProxy(args.strategy === 'handover' ? services : []);
      const script = () => {
        switch (args.strategy) {
          case 'move':
            return moveScript(proxied.map(({ order, role }) => movedService(deployment, role, order.version)));
          case 'handover':
            return handoverScript({ warmName: warmName(args.run), containers, way, drainSeconds: drainSeconds(deployment) });
          default:
            return swapScript({ warmName: warmName(args.run), containers, ports, way });
        }
      };
      // With Kamal's own order the new app is yet to boot.
      const stops = args.strategy === 'kamal' ? [] : proxied.map(({ order, role }) => stopOldScript(stopping(deployment, role, order.version)));
      const body = [REFUSE_AFTER_OVERLAP, DISARM_OVERLAP_TIMER, script(), ...stops].join('\n');
      return await runStep(context, args, { name: 'cutover', body, journal: 'app', fence: fenceOf(deployment), uninterruptible: true });
    },
  };
}
