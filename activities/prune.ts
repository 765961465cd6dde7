import { app, line, prune } from '../src/kamal/index.ts';
import type { PruneArgs, StepNotes } from './api.ts';
import { behindName } from './behind.ts';
import { fenceOf, rendering, warmName, type Context } from './context.ts';
import { runStep } from './remote-step.ts';
import { roleOf } from './roles.ts';
import { drainSeconds, letWarmGo } from './script/handover.ts';
import { leaveTraefikScript, nameBehindScript } from './script/behind.ts';
import { pruneScript } from './script/prune.ts';
import { q } from './script/words.ts';

/** What is left of the old generation goes, by Kamal's own rules for everything but Traefik. */
export function pruneActivities(context: Context) {
  return {
    async pruneHost(args: PruneArgs): Promise<StepNotes> {
      const { deployment, audit } = await rendering(context, args);
      const roles = args.roles.map((order) => ({ order, role: roleOf(deployment, order.name) }));
      const version = args.roles[0]?.version;
      const image = version ? deployment.absoluteImage(version) : null;
      const own = [`service=${deployment.service}`, `destination=${deployment.destination ?? ''}`];
      const body = pruneScript({
        proxied: args.roles.some(({ proxied }) => proxied),
        shared: { before: args.strategy === 'move' ? leaveTraefikScript(own) : '', after: args.keepTraefik ? nameBehindScript(behindName(args.run)) : '' },
        letWarmGo: letWarmGo(warmName(args.run), drainSeconds(deployment)),
        tagLatest: image === null ? null : {
          command: `docker tag ${q(image)} ${q(deployment.latestImage)}`,
          audit: audit(`Tagging ${image} as the latest image`),
        },
        leftovers: roles.flatMap(({ order, role }) => {
          const commands = [app.cleanUpAssets(role, order.version), deployment.errorPagesPath !== null && order.proxied ? app.cleanUpErrorPages(deployment, order.version) : null];
          return commands.flatMap((command) => (command ? [line(command)] : []));
        }),
        pruneContainers: { command: line(prune.appContainers(deployment, deployment.retainContainers)), audit: audit('Pruned containers') },
        pruneImages: { commands: [line(prune.danglingImages(deployment)), line(prune.taggedImages(deployment))], audit: audit('Pruned images') },
      });
      return await runStep(context, args, { name: 'prune', body, journal: 'app', fence: fenceOf(deployment), uninterruptible: true });
    },
  };
}
