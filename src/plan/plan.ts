import type { Deployment, Role, Secrets, Snapshot } from '../kamal/index.ts';
import { servedNames, type ServedName } from './certificates.ts';
import { differences, type Differences } from './differences.ts';
import type { Generation, HostFacts } from './facts.ts';
import { accessoryIsThere, appGeneration, fingerprint } from './generation.ts';
import { wantedEnv } from './reachability.ts';
import type { ChangedVariables } from './record/variables.ts';
import { configurationRefusals, hostRefusals, type Refusal, type RefusalOptions } from './refusals.ts';
import { accessoryContainer, runningContainer, versionOf } from './running.ts';
import { sharedTraefik, type SharedTraefik } from './shared-traefik.ts';
import { chooseStrategy, type StrategyChoice } from './strategy.ts';

/** What a run would do, shown to a person and confirmed by them; the workflow's input is made of it. */
export interface FleetPlan {
  hosts: HostPlan[];
  refusals: Refusal[];
  /** Worth knowing, nothing to stop for. */
  notes: string[];
  /** On a way back from the record on the hosts: variables that are not what they were under Kamal 1. */
  variables?: ChangedVariables[];
}

export interface HostPlan extends StrategyChoice {
  host: string;
  generation: Generation;
  /** Where the run goes. */
  target: 'kamal1' | 'kamal2';
  fingerprint: string;
  roles: RolePlan[];
  accessories: AccessoryPlan[];
  /** By which certificate each name with automatic TLS will be served. */
  certificates: ServedName[];
  /** A run of ours that was cut off here and whose traces are undone first. */
  cutOff: string[];
  /** What becomes of a Traefik that serves others, too. */
  shared: SharedTraefik | null;
}

export interface RolePlan {
  name: string;
  primary: boolean;
  proxied: boolean;
  /** What will run: the version that runs now, unless another one was asked for. */
  version: string;
  runningVersion: string;
  container: string;
  imageId: string;
  /** True when it runs where it is to run already: in Kamal 2's network, or on the way back outside of it. */
  there: boolean;
  differences: Differences;
}

export interface AccessoryPlan {
  name: string;
  image: string;
  imageId: string;
  there: boolean;
}

/**
 * Makes the plan from the configuration and what the probes found. Hosts stand in Kamal's order.
 *
 * @param facts one per selected host
 */
export function planUpgrade(snapshot: Snapshot, deployment: Deployment, secrets: Secrets, facts: HostFacts[], options: RefusalOptions): FleetPlan {
  const byHost = new Map(facts.map((each) => [each.host, each]));
  const ordered = deployment.hosts.flatMap((host) => byHost.get(host) ?? []);
  const reachable = ordered.filter((each) => each.dockerVersion !== null);
  const hosts = reachable.map((each) => planHost(each, deployment, secrets, options));
  return {
    hosts,
    refusals: [...configurationRefusals(snapshot, deployment), ...ordered.flatMap((each) => hostRefusals(each, deployment, options))],
    notes: [...versionNotes(deployment, hosts), ...accessoryNotes(reachable, deployment, options), ...reachable.flatMap(({ host, reach }) => reach.notes.map((note) => `${host}: ${note}`))],
  };
}

function planHost(facts: HostFacts, deployment: Deployment, secrets: Secrets, options: RefusalOptions): HostPlan {
  const generation = appGeneration(facts, deployment);
  return {
    host: facts.host,
    generation,
    target: 'kamal2',
    ...chooseStrategy(facts, deployment, options.strategy),
    fingerprint: fingerprint(facts, deployment),
    roles: deployment.rolesOn(facts.host).flatMap((role) => planRole(facts, deployment, role, secrets, options.version) ?? []),
    accessories: options.accessories === 'skip' ? [] : planAccessories(facts, deployment),
    certificates: generation === 'kamal2' ? [] : servedNames(facts, deployment, options.importCertificates, options.now),
    cutOff: facts.openRuns.app,
    shared: sharedTraefik(facts, deployment, options.keepTraefik),
  };
}

function planRole(facts: HostFacts, deployment: Deployment, role: Role, secrets: Secrets, version: string | undefined): RolePlan | null {
  const running = runningContainer(facts, deployment, role);
  if (!running) return null;
  const runningVersion = versionOf(running, role) ?? '';
  return {
    name: role.name,
    primary: role === deployment.primaryRole,
    proxied: role.runningProxy,
    version: version ?? runningVersion,
    runningVersion,
    container: running.name,
    imageId: running.image.id,
    there: running.networks.includes('kamal'),
    differences: differences(facts, deployment, role, running, wantedEnv(role, facts.host, secrets)),
  };
}

function planAccessories(facts: HostFacts, deployment: Deployment): AccessoryPlan[] {
  return deployment.accessoriesOn(facts.host).flatMap((accessory) => {
    const container = accessoryContainer(facts, accessory);
    if (!container) return [];
    return [{ name: accessory.name, image: accessory.image, imageId: container.image.id, there: accessoryIsThere(facts, deployment, accessory.name) }];
  });
}

function versionNotes(deployment: Deployment, hosts: HostPlan[]): string[] {
  const versions = new Set(hosts.flatMap((host) => host.roles.map((role) => role.runningVersion)));
  return versions.size > 1 ? [`${deployment.service} runs in several versions (${[...versions].join(', ')}): each host keeps its own`] : [];
}

function accessoryNotes(facts: HostFacts[], deployment: Deployment, options: RefusalOptions): string[] {
  if (options.accessories === 'skip') return deployment.accessories.length > 0 ? ['accessories are left alone (--accessories skip): reboot them yourself with `kamal accessory reboot`'] : [];
  return facts.flatMap((each) =>
    deployment
      .accessoriesOn(each.host)
      .filter((accessory) => !accessoryContainer(each, accessory))
      .map((accessory) => `accessory ${accessory.name} has no container on ${each.host}: it is left to \`kamal accessory boot\``),
  );
}

/** True when there is nothing to change on the host's app. */
export function isDone(host: HostPlan): boolean {
  return host.generation === host.target || (host.roles.length === 0 && host.cutOff.length === 0);
}
