import type { Deployment } from '../../kamal/index.ts';
import { containerNamed, inKamalNetwork, TRAEFIK, type ContainerFacts, type HostFacts } from '../facts.ts';
import { appGeneration } from '../generation.ts';
import { networkOfAccessory } from '../reachability.ts';
import { accessoryContainer, runningContainer } from '../running.ts';
import type { Part } from './shape.ts';

/** A part to write down, and the container that it runs in. */
export interface RecordedPart {
  readonly part: Part;
  readonly container: ContainerFacts;
}

/**
 * The parts of a host that are as Kamal 1 left them, whatever of them was selected for the run. Traefik and the roles are
 * taken together: of a host between the generations nothing is worth writing down.
 */
export function partsOfKamal1(facts: HostFacts, deployment: Deployment): RecordedPart[] {
  const accessories = facts.openRuns.accessories.length > 0 ? [] : deployment.accessoriesOn(facts.host).flatMap((accessory) => {
    const container = accessoryContainer(facts, accessory);
    return container && !container.networks.includes(networkOfAccessory(accessory)) ? [{ part: { kind: 'accessory', name: accessory.name } as const, container }] : [];
  });
  if (appGeneration(facts, deployment) !== 'kamal1') return accessories;
  const here = deployment.allRoles.filter(({ hosts }) => hosts.includes(facts.host));
  const roles = here.flatMap((role) => {
    const container = runningContainer(facts, deployment, role);
    return container && !inKamalNetwork(container) ? [{ part: { kind: 'role', name: role.name } as const, container }] : [];
  });
  const traefik = here.some(({ runningProxy }) => runningProxy) ? containerNamed(facts, TRAEFIK) : undefined;
  return [...(traefik ? [{ part: { kind: 'traefik' } as const, container: traefik }] : []), ...roles, ...accessories];
}
