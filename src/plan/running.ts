import { containerNamed, inKamalNetwork, TRAEFIK, type ContainerFacts, type HostFacts } from './facts.ts';

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
 * `current_running_version`). What kamal-proxy routes to wins. While both generations run, so does the one in Kamal 2's network,
 * unless a proxy runs that doesn't route to it: something that was cut off had booted it, perhaps in another version, and
 * nobody has been served by it.
 */
export function runningContainer(facts: HostFacts, deployment: Owner, role: Pick<OwningRole, 'name'>): ContainerFacts | undefined {
  const running = containersOf(facts, deployment, role).filter((container) => container.running);
  const latest = facts.images.find((image) => image.tags.includes(deployment.latestImage))?.id;
  const inNetwork = running.filter(inKamalNetwork);
  const old = running.filter((container) => !inKamalNetwork(container));
  const isServed = facts.routes !== null || containerNamed(facts, TRAEFIK)?.running === true;
  const candidates = inNetwork.length === 0 || (isServed && old.length > 0) ? old : inNetwork;
  return inNetwork.find((container) => isRouted(facts, container)) ?? candidates.find((container) => container.image.id === latest) ?? candidates[0];
}

/** True when the kamal-proxy that runs sends requests to it. */
export function isRouted({ routes }: HostFacts, container: ContainerFacts | undefined): boolean {
  const id = container?.id;
  return id !== undefined && (routes ?? []).some(({ targets }) => targets.some((target) => target !== '' && id.startsWith(target)));
}

/** The version in a container's name: what follows the prefix, without what a container in the way was renamed with. */
export function versionOf(container: ContainerFacts, role: Pick<OwningRole, 'containerPrefix'>): string | null {
  const prefix = `${role.containerPrefix}-`;
  if (!container.name.startsWith(prefix)) return null;
  return container.name.slice(prefix.length).replace(/_replaced_[0-9a-f]{16}$/, '');
}

/** True for a container that another one was to take the place of, and that runs on under the name it was given for that. */
export function isPutAside(container: ContainerFacts, role: Pick<OwningRole, 'containerPrefix'>): boolean {
  return container.name !== `${role.containerPrefix}-${versionOf(container, role)}`;
}

/** The accessory's container, running or not. */
export function accessoryContainer(facts: HostFacts, accessory: { readonly serviceName: string }): ContainerFacts | undefined {
  return facts.containers.find((container) => container.name === accessory.serviceName);
}
