import { lookAt } from '../../activities/probe.ts';
import { lookAtStanding } from '../../activities/standing.ts';
import { ConfigError, type Secrets } from '../kamal/index.ts';
import type { HostFacts } from '../plan/facts.ts';
import { appGeneration } from '../plan/generation.ts';
import { kamal1Generation } from '../plan/kamal1-generation.ts';
import { fleetOddities, standingOf, unreachableHost, type HostStanding } from '../plan/standing/host.ts';
import type { Oddity } from '../plan/standing/oddity.ts';
import type { OpenRun, Seen } from '../plan/standing/seen.ts';
import { wayBackHosts } from '../plan/way-back.ts';
import { primaryHostOf } from '../plan/workflow-id.ts';
import { connectTemporal } from '../temporal/connection.ts';
import { TemporalSetupError } from '../temporal/errors.ts';
import { serverStatus } from '../temporal/server.ts';
import { usesOwnServer } from '../temporal/target.ts';
import { openRunOf } from './locks.ts';
import { probeHosts } from './probe-fleet.ts';
import { openKamal1Project, openKamal1Secrets, openProject, openSecrets, type EitherProject, type LoadedKamal1Project, type LoadedProject, type ProjectOptions } from './project.ts';

/** How a fleet stands now. */
export interface FleetStanding {
  deployment: string;
  /** The run that is open; null when none is; undefined when nobody could be asked. */
  openRun?: string | null;
  hosts: HostStanding[];
  /** What is odd about them together, and about a primary host that isn't among them. */
  fleet: Oddity[];
}

type Either = { kamal: 2; project: LoadedProject } | { kamal: 1; project: LoadedKamal1Project };

/**
 * Looks at all selected hosts, and at the primary one for its deploy lock. Changes nothing, and needs neither a run nor a
 * Temporal server; one that is up is asked whether a run is open, none is started for that.
 *
 * @param tell called once, with how many hosts are looked at
 * @throws ConfigError, SecretsError where SSH keys are among the secrets
 */
export async function lookAtFleet(options: ProjectOptions, tell: (hosts: number) => void): Promise<FleetStanding> {
  const either = await openEither(options);
  const { deployment, workflowId } = either.project;
  const hosts = either.kamal === 2 ? either.project.deployment.hosts : wayBackHosts(either.project.deployment, either.project.snapshot.selection);
  const primary = primaryHostOf(deployment);
  tell(hosts.length);
  const open = await openRunNow(workflowId);
  const closer = new Map<string, Pick<Seen, 'health' | 'rules' | 'record'>>();
  const probe = await probeHosts(deployment, await secretsForSsh(either), [...hosts, primary], async (connection) => {
    const facts = await lookAt(connection, deployment);
    if (facts.dockerVersion !== null && hosts.includes(connection.host)) closer.set(connection.host, await lookAtStanding(connection, deployment, either.kamal === 2 ? either.project.deployment : null, facts));
    return facts;
  });
  const now = Date.now();
  const standingAt = (host: string): HostStanding[] => {
    const lost = probe.unreachable.find((each) => each.host === host);
    if (lost) return [unreachableHost(lost)];
    const facts = probe.facts.find((each) => each.host === host);
    return facts ? [standingOf(seenBy(either, facts, { ...(closer.get(host) ?? { health: [], rules: null, record: null }), open, now }))] : [];
  };
  const standings = hosts.flatMap(standingAt);
  // A primary host that isn't selected is looked at for its deploy lock.
  const locks = hosts.includes(primary) ? [] : standingAt(primary).flatMap(({ host, oddities }) => oddities.filter(({ id }) => id === 'lock' || id === 'unreachable').map((oddity) => ({ ...oddity, what: `${host}: ${oddity.what}` })));
  return { deployment: deployment.name, ...(open.asked ? { openRun: open.run } : {}), hosts: standings, fleet: [...fleetOddities(standings), ...locks] };
}

/** The project as Kamal 2 would load it, or as Kamal 1 would where it is one of those. */
async function openEither(options: ProjectOptions): Promise<Either> {
  try {
    return { kamal: 2, project: await openProject(options) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    try {
      return { kamal: 1, project: await openKamal1Project(options, undefined) };
    } catch {
      throw error;
    }
  }
}

/** A look needs secrets only where SSH does. */
async function secretsForSsh(either: Either): Promise<Secrets | null> {
  if (either.project.deployment.ssh.keyData === null) return null;
  return either.kamal === 2 ? await openSecrets(either.project) : await openKamal1Secrets(either.project);
}

function seenBy(either: Either, facts: HostFacts, looked: Pick<Seen, 'health' | 'rules' | 'record' | 'open' | 'now'>): Seen {
  const { deployment }: EitherProject = either.project;
  const { host } = facts;
  const shared = { facts, ...looked, deployment, accessories: deployment.accessoriesOn(host) };
  if (either.kamal === 2) {
    return { ...shared, generation: appGeneration(facts, either.project.deployment), roles: either.project.deployment.rolesOn(host).map(({ name, containerPrefix, runningProxy }) => ({ name, containerPrefix, proxied: runningProxy })) };
  }
  return { ...shared, generation: kamal1Generation(facts, either.project.deployment), roles: either.project.deployment.rolesOn(host).map(({ name, containerPrefix, runningTraefik }) => ({ name, containerPrefix, proxied: runningTraefik })) };
}

/** Whether a run is open, if Temporal is up; it is not started to be asked. */
async function openRunNow(workflowId: string): Promise<OpenRun> {
  if (!usesOwnServer() && (await serverStatus()).state !== 'running') return { asked: false, why: 'no Temporal server runs here to tell whether it is open' };
  try {
    const temporal = await connectTemporal();
    try {
      return { asked: true, run: await openRunOf(temporal, workflowId) };
    } finally {
      await temporal.connection.close();
    }
  } catch (error) {
    if (!(error instanceof TemporalSetupError)) throw error;
    return { asked: false, why: 'the Temporal server does not answer whether it is open' };
  }
}
