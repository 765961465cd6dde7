import { cancellationSignal } from '@temporalio/activity';
import { kamal1NamesOf, lock, type Deployment, type kamal1 } from '../src/kamal/index.ts';
import type { HostFacts, ProbeReport } from '../src/plan/facts.ts';
import { appGeneration, fingerprint } from '../src/plan/generation.ts';
import { readFacts, sectionsOf } from '../src/plan/read-facts.ts';
import type { SshConnection } from '../src/ssh/types.ts';
import type { ProbeArgs } from './api.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import { fenceOf, type Context } from './context.ts';
import { kamal1Generation } from '../src/plan/kamal1-generation.ts';
import { failure } from './failures.ts';
import { isKamal1 } from './project.ts';
import { sshErrors, whileHeartbeating } from './remote-step.ts';
import { CONTAINERS_SCRIPT, probeScript } from './script/probe.ts';

/** The locks that keep others away, Kamal 2's first; each is looked for where its Kamal would look. */
export function lockPaths(deployment: Deployment | kamal1.Kamal1Deployment): string[] {
  const { service, destination } = deployment;
  // Kamal 2 knows no other folder than this one.
  return [lock.lockDirectory({ service, destination, directories: { run: '.kamal' } }), kamal1NamesOf(deployment).lockDirectory];
}

/** Roles of a host that are behind a proxy, whichever it is. */
function isProxied(deployment: Deployment | kamal1.Kamal1Deployment, host: string): boolean {
  return deployment.rolesOn(host).some((role) => ('runningProxy' in role ? role.runningProxy : role.runningTraefik));
}

/** How much of a host's `docker inspect` is read at most, in bytes. */
export const MOST_OUTPUT = 64 * 1024 * 1024;

/**
 * Looks at a host, with one command that leaves no trace.
 *
 * @param wish `prove`: also whether requests can be steered on it
 * @returns facts that hold environment values: they must not leave the process
 * @throws SshError
 */
export async function lookAt(connection: SshConnection, deployment: Deployment | kamal1.Kamal1Deployment, wish: LookWish = {}): Promise<HostFacts> {
  return (await lookWhole(connection, deployment, wish)).facts;
}

interface LookWish {
  signal?: AbortSignal;
  prove?: boolean;
}

/** A look at a host, and what Docker said of its containers, word for word (`docker inspect`; empty where there are none). */
export interface WholeLook {
  facts: HostFacts;
  containers: string;
}

/** The same, with Docker's own words. @throws SshError */
export async function lookWhole(connection: SshConnection, deployment: Deployment | kamal1.Kamal1Deployment, { signal, prove = false }: LookWish = {}): Promise<WholeLook> {
  const proxied = isProxied(deployment, connection.host);
  const result = await connection.exec('sh -s', { stdin: probeScript(lockPaths(deployment), fenceOf(deployment), prove && proxied), signal, timeoutMs: 110_000, maxOutputBytes: MOST_OUTPUT });
  return { facts: readFacts(connection.host, result.stdout), containers: sectionsOf(result.stdout).get('containers')?.trim() ?? '' };
}

/**
 * Looks at the containers of a host and at nothing else, which is much quicker.
 *
 * @returns facts as `lookAt` does, empty but for Docker's version and the containers
 * @throws SshError
 */
export async function lookAtContainers(connection: SshConnection, signal: AbortSignal): Promise<HostFacts> {
  const result = await connection.exec('sh -s', { stdin: CONTAINERS_SCRIPT, signal, timeoutMs: 110_000, maxOutputBytes: MOST_OUTPUT });
  return readFacts(connection.host, result.stdout);
}

/** The probe as a step of a run: it tells only what may be stored, and refuses a host that isn't what the plan saw. */
export function probeActivities(context: Context) {
  return {
    async probeHost(args: ProbeArgs): Promise<ProbeReport> {
      return await whileHeartbeating(async () => {
        const project = await context.store.either(args.digest);
        const { deployment } = project;
        const look = await sshErrors(async () => lookWhole(await context.connection(args.digest, args.host, cancellationSignal()), deployment, { signal: cancellationSignal() }));
        const { facts } = look;
        if (facts.dockerVersion === null) throw failure(FailureType.stepFailed, `${args.host}: Docker does not answer: ${facts.dockerError}`);
        const seen = fingerprint(facts, deployment);
        if (seen !== args.fingerprint) {
          throw failure(FailureType.factsChanged, `${args.host} is not as the plan saw it: its containers have changed since`, {
            hint: `somebody deployed in the meantime; start the ${args.direction} again to see the new plan`,
          });
        }
        context.keepLook(args.run, look);
        return { host: args.host, generation: isKamal1(project) ? kamal1Generation(facts, project.deployment) : appGeneration(facts, project.deployment), dockerVersion: facts.dockerVersion, fingerprint: seen };
      });
    },
  };
}
