import { realProjectDir, shortHash } from './state.ts';

/**
 * The task queue of a deployment.
 *
 * With `projectDir`, as on a server that bactrian starts itself, its real path
 * is part of the name, so that two checkouts of one project never take each
 * other's work: `bactrian-<service>[-<destination>]-<8 hex>`. Without it, as on a
 * shared server whose workers run in another place than the command line, the
 * name is the same everywhere: `bactrian-<service>[-<destination>]`.
 *
 * @throws TemporalSetupError when `projectDir` isn't there
 */
export function taskQueueFor(
  { service, destination, projectDir }: { service: string; destination?: string; projectDir?: string },
): string {
  const parts = ['bactrian', service];
  if (destination) parts.push(destination);
  if (projectDir !== undefined) parts.push(shortHash(realProjectDir(projectDir), 8));
  return parts.join('-');
}
