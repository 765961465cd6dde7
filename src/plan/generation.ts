import { createHash } from 'node:crypto';
import type { Deployment } from '../kamal/index.ts';
import { containerNamed, inKamalNetwork, KAMAL_PROXY, TRAEFIK, type Generation, type HostFacts } from './facts.ts';
import { networkOfAccessory } from './reachability.ts';
import { accessoryContainer, containersOf, isPutAside, isRouted, runningContainer, type Owner, type OwningRole } from './running.ts';
import { traefikBehind } from './shared-traefik.ts';

/**
 * How a host runs the deployment's selected roles now. `kamal2` only when all of it is there: each role in the network,
 * nothing of the old generation running, kamal-proxy up where a role is proxied, and routing to it.
 */
export function appGeneration(facts: HostFacts, deployment: Deployment): Generation {
  const { roles, current, inPlace, running, traefik, proxy, nothing } = whatRuns(facts, deployment);
  if (nothing) return 'empty';

  const proxied = roles.some((role) => role.runningProxy);
  const unrouted = facts.routes !== null && roles.some((role, index) => role.runningProxy && !isRouted(facts, current[index]));
  // Others have moved already, or are still to move: then both proxies are there, and neither tells anything of this one.
  const behind = traefikBehind(facts) !== undefined;
  const anyNew = running.some(inKamalNetwork) || (proxied && proxy !== undefined && !behind);
  const allNew = inPlace && running.every(inKamalNetwork) && (!proxied || proxy?.running === true) && !unrouted;
  if (allNew && (!proxied || !traefik || behind) && facts.openRuns.app.length === 0) return 'kamal2';
  if (!anyNew && facts.openRuns.app.length === 0 && (!proxied || traefik?.running)) return 'kamal1';
  return 'mixed';
}

/** What of a deployment, of either Kamal, runs on a host: its selected roles, the container of each, all of them, and both proxies. */
export function whatRuns<Role extends OwningRole>(facts: HostFacts, deployment: Owner & { rolesOn(host: string): Role[] }) {
  const roles = deployment.rolesOn(facts.host);
  const current = roles.map((role) => runningContainer(facts, deployment, role));
  const running = roles.flatMap((role) => containersOf(facts, deployment, role)).filter((container) => container.running);
  const traefik = containerNamed(facts, TRAEFIK);
  const proxy = containerNamed(facts, KAMAL_PROXY);
  // Something was cut off after it had put a container aside and before it had another one in its place.
  const inPlace = roles.every((role, index) => current[index] !== undefined && !isPutAside(current[index], role));
  return { roles, current, inPlace, running, traefik, proxy, nothing: running.length === 0 && !traefik?.running && !proxy?.running };
}

/** True when an accessory runs in Kamal 2's network (or the one it is configured for) already. */
export function accessoryIsThere(facts: HostFacts, deployment: Deployment, name: string): boolean {
  const accessory = deployment.accessories.find((each) => each.name === name);
  const container = accessory && accessoryContainer(facts, accessory);
  if (!accessory || !container?.running) return false;
  // One whose old container a cut-off run has left there still has to be let go of.
  return container.networks.includes(networkOfAccessory(accessory)) && facts.openRuns.accessories.length === 0;
}

/** What of a deployment, of either Kamal, a fingerprint is made of. */
export interface Fleet extends Owner {
  rolesOn(host: string): readonly OwningRole[];
  accessoriesOn(host: string): readonly { readonly serviceName: string }[];
}

/**
 * A digest of everything on the host that the plan was made from. A workflow probes again before it changes anything:
 * another fingerprint means that somebody deployed in the meantime.
 */
export function fingerprint(facts: HostFacts, deployment: Fleet): string {
  const roles = deployment.rolesOn(facts.host).flatMap((role) => containersOf(facts, deployment, role)).filter((container) => container.running);
  const proxies = [TRAEFIK, KAMAL_PROXY].flatMap((name) => containerNamed(facts, name) ?? []);
  const accessories = deployment.accessoriesOn(facts.host).flatMap((accessory) => accessoryContainer(facts, accessory) ?? []);
  const seen = [...roles, ...proxies, ...accessories]
    .map(({ id, name, image, running, networks }) => [id, name, image.id, running, networks])
    .sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(seen)).digest('hex').slice(0, 16);
}
