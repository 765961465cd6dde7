import { line, prune } from '../src/kamal/index.ts';
import type { PrepareArgs, StepNotes } from './api.ts';
import { fenceOf, rendering, type Context } from './context.ts';
import { runStep } from './remote-step.ts';
import { pruneScript } from './script/prune.ts';
import { q } from './script/words.ts';

/** What is left of the old generation goes, by Kamal's own rules for everything but Traefik. */
export function pruneActivities(context: Context) {
  return {
    async pruneHost(args: PrepareArgs): Promise<StepNotes> {
      const { deployment, audit } = await rendering(context, args);
      const version = args.roles[0]?.version;
      const image = version ? deployment.absoluteImage(version) : null;
      const body = pruneScript({
        tagLatest: image === null ? null : {
          command: `docker tag ${q(image)} ${q(deployment.latestImage)}`,
          audit: audit(`Tagging ${image} as the latest image`),
        },
        pruneContainers: { command: line(prune.appContainers(deployment, deployment.retainContainers)), audit: audit('Pruned containers') },
        pruneImages: { commands: [line(prune.danglingImages(deployment)), line(prune.taggedImages(deployment))], audit: audit('Pruned images') },
      });
      return await runStep(context, args, { name: 'prune', body, journal: 'app', fence: fenceOf(deployment), uninterruptible: true });
    },
  };
}
