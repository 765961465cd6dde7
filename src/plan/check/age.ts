import { containerNamed, inKamalNetwork, TRAEFIK, type HostFacts } from '../facts.ts';
import type { ContainerFacts } from '../facts.ts';

/**
 * Which Kamal older than 1.9 a host seems to have been deployed with; null where nothing tells of one. Kamal 1.9 starts
 * `traefik:v2.11` where the configuration names no image, 1.4 to 1.8 started v2.10, those before v2.9; from 1.2 on
 * containers know their version by KAMAL_VERSION, from 0.16 on by Kamal's name at all. Between 1.8 and 1.9 nothing else
 * on a host differs.
 *
 * @param apps running containers of the deployment's roles
 */
export function olderThan19(facts: HostFacts, apps: readonly ContainerFacts[]): string | null {
  const old = apps.filter((container) => !inKamalNetwork(container));
  if (old.some(({ env }) => 'MRSK_CONTAINER_NAME' in env)) return 'the containers were made by MRSK, as Kamal was called before 1.0';
  const nameless = old.find(({ env }) => !('KAMAL_VERSION' in env));
  if (nameless) return `${nameless.name} has no KAMAL_VERSION, as Kamal gives its containers from 1.2 on`;
  const image = containerNamed(facts, TRAEFIK)?.image.name ?? '';
  if (/^(docker\.io\/(library\/)?)?traefik:v2\.10(\.\d+)?$/.test(image)) return `Traefik runs ${image}, as Kamal 1.4 to 1.8 start it; 1.9 starts v2.11`;
  if (/^(docker\.io\/(library\/)?)?traefik:v2\.[0-9](\.\d+)?$/.test(image)) return `Traefik runs ${image}, as Kamal before 1.4 starts it; 1.9 starts v2.11`;
  return null;
}
