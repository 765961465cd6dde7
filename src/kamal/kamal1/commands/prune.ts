import { compactJoin } from '../../configuration/raw.ts';
import { docker } from '../../commands/words.ts';
import type { Command } from '../../shell.ts';
import type { Kamal1Deployment } from '../deployment.ts';

export { appContainers, danglingImages, taggedImages } from '../../commands/prune.ts';

/** Containers that Kamal 1's predecessors started to try the app out; none since 1.5 (Kamal 1.9: `Commands::Prune`). */
export function healthcheckContainers({ service, destination }: Kamal1Deployment): Command {
  return docker('container', 'prune', '--force', '--filter', `label=service=${compactJoin(['healthcheck', service, destination], '-')}`);
}
