import type { Deployment } from '../deployment.ts';
import type { Command } from '../shell.ts';
import { docker, pipe } from './words.ts';

type Service = Pick<Deployment, 'service' | 'repository' | 'latestImage'>;

/** Kamal 2.12: `Commands::Prune`; the same in 1.9. */
export function danglingImages(d: Service): Command {
  return docker('image', 'prune', '--force', '--filter', `label=service=${d.service}`);
}

/** Images of the service that no container uses; the latest tag stays. */
export function taggedImages(d: Service): Command {
  const active = `$(docker container ls -a --format '{{.Image}}\\|' --filter label=service=${d.service} | tr -d '\\n')${d.latestImage}\\|${d.repository}:<none>`;
  return pipe(
    docker('image', 'ls', '--filter', `label=service=${d.service}`, '--format', "'{{.ID}} {{.Repository}}:{{.Tag}}'"),
    ['grep', `-v -w "${active}"`],
    ['while read image tag; do docker rmi $tag; done'],
  );
}

/** Stopped containers of the service but the `retain` youngest. */
export function appContainers(d: Service, retain: number): Command {
  return pipe(
    docker('ps', '-q', '-a', '--filter', `label=service=${d.service}`, ...['created', 'exited', 'dead'].flatMap((status) => ['--filter', `status=${status}`])),
    [`tail -n +${retain + 1}`],
    ['while read container_id; do docker rm $container_id; done'],
  );
}
