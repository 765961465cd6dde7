import { inKamalNetwork, type ContainerFacts, type HostFacts } from './facts.ts';

/** What of a deployment, of either Kamal, tells which containers are its own. */
export interface Owner {
  readonly service: string;
  readonly destination: string | null;
  readonly latestImage: string;
}

/** The same of a role. */
export interface OwningRole {
  readonly name: string;
  readonly containerPrefix: string;
}

/** The labels by which Kamal, both 1 and 2, knows a role's containers (`docker ps --filter label=…`). */
export function roleFilters(deployment: Omit<Owner, 'latestImage'>, role: Pick<OwningRole, 'name'>): string[] {
  return [`service=${deployment.service}`, `destination=${deployment.destination ?? ''}`, `role=${role.name}`];
}

/** All of a role's containers on a host, running or not, newest first as `docker ps` lists them. */
export function containersOf(facts: HostFacts, deployment: Omit<Owner, 'latestImage'>, role: Pick<OwningRole, 'name'>): ContainerFacts[] {
  return facts.containers.filter(
    ({ labels }) =>
      labels['service'] === deployment.service && labels['role'] === role.name && (labels['destination'] ?? '') === (deployment.destination ?? ''),
  );
}

/**
 * The container that a role runs on: of the latest image before the last one started (Kamal 2.12:
 * `current_running_version`). The one in Kamal 2's network wins while both generations run.
 */
export function runningContainer(facts: HostFacts, deployment: Owner, role: Pick<OwningRole, 'name'>): ContainerFacts | undefined {
  const running = containersOf(facts, deployment, role).filter((container) => container.running);
  const latest = facts.images.find((image) => image.tags.includes(deployment.latestImage))?.id;
  return running.find(inKamalNetwork) ?? running.find((container) => container.image.id === latest) ?? running[0];
}

/** The version in a container's name: what follows the prefix, without what a container in the way was renamed with. */
export function versionOf(container: ContainerFacts, role: Pick<OwningRole, 'containerPrefix'>): string | null {
  const prefix = `${role.containerPrefix}-`;
  if (!container.name.startsWith(prefix)) return null;
  return container.name.slice(prefix.length).replace(/_replaced_[0-9a-f]{16}$/, '');
}

/** The accessory's container, running or not. */
export function accessoryContainer(facts: HostFacts, accessory: { readonly serviceName: string }): ContainerFacts | undefined {
  return facts.containers.find((container) => container.name === accessory.serviceName);
}
