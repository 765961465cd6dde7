import type { kamal1, Secrets } from '../kamal/index.ts';
import { kamal1 as commands } from '../kamal/index.ts';
import { servedNamesBack } from './certificates-back.ts';
import { differencesFrom } from './differences.ts';
import { inKamalNetwork, type HostFacts } from './facts.ts';
import { fingerprint } from './generation.ts';
import { kamal1Generation } from './kamal1-generation.ts';
import type { AccessoryPlan, FleetPlan, HostPlan, RolePlan } from './plan.ts';
import { wantedEnv } from './reachability.ts';
import { changedVariables } from './record/variables.ts';
import { routedBeside, traefikBehind, type SharedTraefik } from './shared-traefik.ts';
import { accessoryContainer, containersOf, runningContainer, versionOf } from './running.ts';
import { chooseStrategyFor } from './strategy.ts';
import { wayBackRefusals, type WayBackOptions } from './way-back-refusals.ts';

/**
 * Makes the plan of the way back. Hosts stand in Kamal 1's order, those that carry accessories only after the others.
 *
 * @param facts one per selected host
 */
export function planDowngrade({ selection }: Pick<kamal1.Kamal1Snapshot, 'selection'>, deployment: kamal1.Kamal1Deployment, secrets: Secrets, facts: HostFacts[], options: WayBackOptions): FleetPlan {
  const byHost = new Map(facts.map((each) => [each.host, each]));
  const ordered = wayBackHosts(deployment, selection).flatMap((host) => byHost.get(host) ?? []);
  const reachable = ordered.filter((each) => each.dockerVersion !== null);
  const hosts = reachable.map((each) => planHost(each, deployment, secrets, options));
  const versions = new Set(hosts.flatMap((host) => host.roles.map((role) => role.runningVersion)));
  return {
    hosts,
    refusals: wayBackRefusals(ordered, deployment, options),
    ...(options.records ? { variables: changedVariables(deployment, secrets, options.records) } : {}),
    notes: [
      ...(versions.size > 1 ? [`${deployment.service} runs in several versions (${[...versions].join(', ')}): each host keeps its own`] : []),
      ...(options.accessories === 'skip' && deployment.accessories.length > 0 ? ['accessories are left alone (--accessories skip): they stay in the network kamal until `kamal accessory reboot`'] : []),
    ],
  };
}

/**
 * The hosts of a way back: those of the selected roles, then those that have accessories only. Kamal 1.9 leaves the latter
 * out; an upgrade has taken them along.
 *
 * @param selection what was selected from all hosts and roles
 */
export function wayBackHosts(deployment: kamal1.Kamal1Deployment, { hosts, roles }: kamal1.Kamal1Snapshot['selection']): string[] {
  const beside = roles === null ? deployment.accessories.flatMap((accessory) => accessory.hosts) : [];
  return [...new Set([...deployment.hosts, ...beside.filter((host) => hosts === null || hosts.includes(host))])];
}

function planHost(facts: HostFacts, deployment: kamal1.Kamal1Deployment, secrets: Secrets, options: WayBackOptions): HostPlan {
  return {
    host: facts.host,
    target: 'kamal1',
    generation: kamal1Generation(facts, deployment),
    ...(traefikBehind(facts) && isRouted(facts.host, deployment) ? { strategy: 'move' as const, reason: null } : chooseStrategyFor(facts, options.strategy, { name: 'Traefik', proxied: isRouted(facts.host, deployment), publishes: publishes(deployment) })),
    fingerprint: fingerprint(facts, deployment),
    roles: deployment.rolesOn(facts.host).flatMap((role) => planRole(facts, deployment, role, secrets, options.version) ?? []),
    accessories: options.accessories === 'skip' ? [] : planAccessories(facts, deployment),
    certificates: kamal1Generation(facts, deployment) === 'kamal1' ? [] : servedNamesBack(facts, deployment, options.importCertificates, options.now),
    cutOff: facts.openRuns.app,
    shared: backBehind(facts, deployment),
  };
}

/** A service that had moved past a Traefik for others goes back behind it. */
function backBehind(facts: HostFacts, deployment: kamal1.Kamal1Deployment): SharedTraefik | null {
  if (!traefikBehind(facts) || !isRouted(facts.host, deployment)) return null;
  const own = deployment.rolesOn(facts.host).flatMap((role) => containersOf(facts, deployment, role));
  return { becomes: 'stays', others: routedBeside(facts, own).map(({ name }) => name) };
}

function isRouted(host: string, deployment: kamal1.Kamal1Deployment): boolean {
  return deployment.rolesOn(host).some((role) => role.runningTraefik);
}

function publishes({ traefik }: kamal1.Kamal1Deployment): boolean {
  return traefik.ports !== null && traefik.ports.length > 0;
}

function planRole(facts: HostFacts, deployment: kamal1.Kamal1Deployment, role: kamal1.Kamal1Role, secrets: Secrets, version: string | undefined): RolePlan | null {
  const running = runningContainer(facts, deployment, role);
  if (!running) return null;
  const runningVersion = versionOf(running, role) ?? '';
  const run = commands.app.run(deployment, { role, host: facts.host, version: 'v', runId: null });
  return {
    name: role.name,
    primary: role === deployment.primaryRole,
    proxied: role.runningTraefik,
    version: version ?? runningVersion,
    runningVersion,
    container: running.name,
    imageId: running.image.id,
    there: !inKamalNetwork(running),
    differences: differencesFrom(facts, running, { run, cmd: role.cmd }, wantedEnv(role, facts.host, secrets)),
  };
}

function planAccessories(facts: HostFacts, deployment: kamal1.Kamal1Deployment): AccessoryPlan[] {
  return deployment.accessoriesOn(facts.host).flatMap((accessory) => {
    const container = accessoryContainer(facts, accessory);
    if (!container) return [];
    // One whose old container a cut-off run has left there still has to be let go of.
    const there = container.running && !inKamalNetwork(container) && facts.openRuns.accessories.length === 0;
    return [{ name: accessory.name, image: accessory.image ?? '', imageId: container.image.id, there }];
  });
}
