import type { Accessory, Deployment, Role } from '../kamal/index.ts';
import { inKamalNetwork, type ContainerFacts, type HostFacts } from './facts.ts';

/** The labels by which Kamal, both 1 and 2, knows a role's containers (`docker ps --filter label=…`). */
export function roleFilters(deployment: Deployment, role: Role): string[] {
  return [`service=${deployment.service}`, `destination=${deployment.destination ?? ''}`, `role=${role.name}`];
}

/** All of a role's containers on a host, running or not, newest first as `docker ps` lists them. */
export function containersOf(facts: HostFacts, deployment: Deployment, role: Role): ContainerFacts[] {
  return facts.containers.filter(
    ({ labels }) =>
      labels['service'] === deployment.service && labels['role'] === role.name && (labels['destination'] ?? '') === (deployment.destination ?? ''),
  );
}

/**
 * The container that a role runs on: of the latest image before the last one started (Kamal 2.12:
 * `current_running_version`). The one in Kamal 2's network wins while both generations run.
 */
export function runningContainer(facts: HostFacts, deployment: Deployment, role: Role): ContainerFacts | undefined {
  const running = containersOf(facts, deployment, role).filter((container) => container.running);
  const latest = facts.images.find((image) => image.tags.includes(deployment.latestImage))?.id;
  return running.find(inKamalNetwork) ?? running.find((container) => container.image.id === latest) ?? running[0];
}

/** The version in a container's name: what follows the prefix, without what a container in the way was renamed with. */
export function versionOf(container: ContainerFacts, role: Role): string | null {
  const prefix = `${role.containerPrefix}-`;
  if (!container.name.startsWith(prefix)) return null;
  return container.name.slice(prefix.length).replace(/_replaced_[0-9a-f]{16}$/, '');
}

/** The accessory's container, running or not. */
export function accessoryContainer(facts: HostFacts, accessory: Accessory): ContainerFacts | undefined {
  return facts.containers.find((container) => container.name === accessory.serviceName);
}
