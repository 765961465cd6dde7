import type { Deployment } from '../deployment.ts';
import type { Command } from '../shell.ts';
import { any, docker, pipe } from './words.ts';

/** The network that Kamal 2 runs everything in; fails with "already exists" when it does. */
export function createNetwork(): Command {
  return docker('network', 'create', 'kamal');
}

/** Pulls the app's image. */
export function pull(d: Deployment, version: string): Command {
  return docker('pull', d.absoluteImage(version));
}

/** Removes the app's image of a version, so that the pull gets it anew. */
export function clean(d: Deployment, version: string): Command {
  return docker('image', 'rm', '--force', d.absoluteImage(version));
}

/** Fails when the image doesn't carry the label by which Kamal knows its own. */
export function validateImage(d: Deployment, version: string): Command {
  const image = d.absoluteImage(version);
  return pipe(
    docker('inspect', '-f', "'{{ .Config.Labels.service }}'", image),
    any(['grep', '-x', d.service], [`(echo "Image ${image} is missing the 'service' label" && exit 1)`]),
  );
}
