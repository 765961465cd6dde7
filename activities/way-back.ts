import { createHash } from 'node:crypto';
import { cancellationSignal } from '@temporalio/activity';
import { kamal1, line, proxy, redeployWords, type Secrets } from '../src/kamal/index.ts';
import { roleFilters } from '../src/plan/running.ts';
import type { MeterReading, RoleOrder } from '../workflows/types.ts';
import type { Activities, CutOverArgs, MeterArgs, PrepareHostArgs, PruneArgs, RoleArgs, StepArgs, StepNotes, VerifyArgs } from './api.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import { overlapSeconds } from './app.ts';
import type { ClientRequest } from './ask-as-client.ts';
import { certificatesBack } from './certificates-back.ts';
import { fenceOf, kamal1Rendering, type Context, type Kamal1StepRendering } from './context.ts';
import { failure } from './failures.ts';
import { bootKamal1, kamal1RoleOf, prepareKamal1, pruneKamal1, verifyKamal1, warmTraefikName } from './kamal1.ts';
import { Metering } from './metering.ts';
import { HEALTHY_AGAIN_SECONDS, loginOf } from './prepare.ts';
import { runStep, sshErrors, whileHeartbeating } from './remote-step.ts';
import { replaceScript, stopOldScript } from './script/app.ts';
import { swapScript } from './script/cutover.ts';
import { handoverScript, letWarmGo } from './script/handover.ts';
import { LET_THROUGH_OF_OTHER_RUNS } from './script/hold.ts';
import { proveKamal1Script } from './script/kamal1/app.ts';
import { prepareKamal1Script } from './script/kamal1/prepare.ts';
import { pruneKamal1Script } from './script/kamal1/prune.ts';
import { writeStoresScript } from './script/kamal1/stores.ts';
import { verifyKamal1Script } from './script/kamal1/verify.ts';
import { toTraefik } from './script/kamal1/way.ts';
import { keepDeploys, moveBackScript } from './script/move.ts';
import { armOverlapTimer, DISARM_OVERLAP_TIMER, REFUSE_AFTER_OVERLAP } from './script/overlap.ts';
import { putBackOtherRuns } from './script/put-back.ts';

/** Kamal 1 knows no drain time-out: Kamal 2's default. Seconds. */
const DRAIN_SECONDS = 30;

/** The steps of a host that differ on the way back. */
export type WayBack = Pick<Activities, 'prepareHost' | 'proveRole' | 'cutOver' | 'stopOldRole' | 'replaceRole' | 'verifyHost' | 'meterHost' | 'pruneHost'>;

/** The way back to Kamal 1: the same steps, in the same order, with Traefik as the new proxy. */
export function wayBackActivities(context: Context): WayBack {
  const step = (args: StepArgs, { deployment }: Kamal1StepRendering, name: string, body: string[], uninterruptible = false) =>
    runStep(context, args, { name, body: body.join('\n'), journal: 'app', fence: fenceOf(deployment), uninterruptible });
  const overlap = (args: StepArgs) => [REFUSE_AFTER_OVERLAP, armOverlapTimer(args.run, overlapSeconds(context.env()), HEALTHY_AGAIN_SECONDS)];

  return {
    async prepareHost(args: PrepareHostArgs): Promise<StepNotes> {
      const rendered = await kamal1Rendering(context, args);
      const secrets: Secrets = await context.store.secrets(rendered);
      const stores = await whileHeartbeating(() => certificatesBack(context, args, rendered.deployment));
      const kept = args.strategy === 'move' ? await whileHeartbeating(() => sshErrors(() => deploysOf(context, rendered, args))) : [];
      const script = prepareKamal1(rendered, secrets, { ...args, replacedSuffix: hexOf(`${args.run} ${args.host} traefik`, 16), keepTraefikEnv: rendered.snapshot.rebuilt !== undefined }, loginOf(rendered.deployment, secrets));
      return await step(args, rendered, 'prepare', [
        // Only one run is open at a time (the deploy lock is ours): what another one left here is undone first.
        LET_THROUGH_OF_OTHER_RUNS,
        putBackOtherRuns(HEALTHY_AGAIN_SECONDS),
        rendered.audit('Rebooted Traefik'),
        writeStoresScript(stores, warmTraefikName(args.run)),
        prepareKamal1Script(script),
        keepDeploys(kept),
      ]);
    },

    async proveRole(args: RoleArgs): Promise<StepNotes> {
      const rendered = await kamal1Rendering(context, args);
      return await step(args, rendered, `boot ${args.role.name}`, [...overlap(args), proveKamal1Script(bootOf(rendered, args))]);
    },

    async cutOver(args: CutOverArgs): Promise<StepNotes> {
      const rendered = await kamal1Rendering(context, args);
      const { deployment } = rendered;
      const routed = args.roles.filter(({ proxied }) => proxied).map((order) => ({ order, role: roleOf(rendered, order.name) }));
      // In Kamal's own order the app boots when Traefik serves already: until then nothing is routed.
      const proved = args.strategy === 'kamal' ? [] : routed;
      if (args.strategy === 'move') {
        const script = moveBackScript(routed.map(({ order, role }) => ({ service: role.containerPrefix, container: role.containerName(order.version) })));
        return await step(args, rendered, 'cutover', [REFUSE_AFTER_OVERLAP, DISARM_OVERLAP_TIMER, script], true);
      }
      const shared = {
        warmName: warmTraefikName(args.run),
        containers: proved.map(({ order, role }) => role.containerName(order.version)),
        way: toTraefik(proved.flatMap(({ role }) => kamal1.routeQuestions(deployment, role))),
      };
      const script =
        args.strategy === 'handover'
          ? handoverScript({ ...shared, drainSeconds: DRAIN_SECONDS })
          : swapScript({ ...shared, ports: (deployment.traefik.ports ?? []).map(({ hostPort }) => hostPort) });
      return await step(args, rendered, 'cutover', [REFUSE_AFTER_OVERLAP, DISARM_OVERLAP_TIMER, script, ...routed.map(({ order }) => stopOldScript(stopping(rendered, order)))], true);
    },

    async stopOldRole(args: RoleArgs): Promise<StepNotes> {
      const rendered = await kamal1Rendering(context, args);
      return await step(args, rendered, `stop ${args.role.name}`, [stopOldScript(stopping(rendered, args.role))]);
    },

    async replaceRole(args: RoleArgs): Promise<StepNotes> {
      const rendered = await kamal1Rendering(context, args);
      const boot = bootOf(rendered, args);
      const { readinessDelay } = rendered.deployment.timeouts;
      const script = replaceScript({ ...boot, ...stopping(rendered, args.role), readinessDelay, timeout: boot.timeout + readinessDelay });
      return await step(args, rendered, `replace ${args.role.name}`, [...overlap(args), script, DISARM_OVERLAP_TIMER]);
    },

    async verifyHost(args: VerifyArgs): Promise<StepNotes> {
      const rendered = await kamal1Rendering(context, args);
      return await step(args, rendered, 'verify', [LET_THROUGH_OF_OTHER_RUNS, verifyKamal1Script(verifyKamal1(rendered, args))]);
    },

    async meterHost(args: MeterArgs): Promise<MeterReading> {
      const rendered = await kamal1Rendering(context, args);
      const order = args.roles.find(({ primary }) => primary) ?? args.roles[0];
      const requests = order ? requestsFor(rendered, order.name, args.host) : [];
      return await new Metering(requests, args, (signal) => context.connection(args.digest, args.host, signal)).run();
    },

    async pruneHost(args: PruneArgs): Promise<StepNotes> {
      const rendered = await kamal1Rendering(context, args);
      const script = pruneKamal1Script(pruneKamal1(rendered, args.roles, letWarmGo(warmTraefikName(args.run), DRAIN_SECONDS)));
      return await step(args, rendered, 'prune', [script], true);
    },
  };
}

/** How the running kamal-proxy has the services of a host's roles: it keeps that itself. */
async function deploysOf(context: Context, { deployment }: Kamal1StepRendering, args: PrepareHostArgs) {
  const connection = await context.connection(args.digest, args.host, cancellationSignal());
  const { stdout } = await connection.exec(`docker exec kamal-proxy cat ${proxy.PROXY_STATE_PATH}/kamal-proxy.state`, { timeoutMs: 20_000 });
  return deployment.rolesOn(args.host).flatMap(({ containerPrefix: service }) => {
    const words = redeployWords(stdout, service);
    return words ? [{ service, words }] : [];
  });
}

/** @throws ApplicationFailure when the configuration has no such role */
function roleOf({ deployment }: Kamal1StepRendering, name: string): kamal1.Kamal1Role {
  const role = kamal1RoleOf(deployment, name);
  if (!role) throw failure(FailureType.configurationMissing, `the Kamal 1 configuration has no role ${name}`);
  return role;
}

function bootOf(rendered: Kamal1StepRendering, args: RoleArgs) {
  const { run, host, hostnameSuffix, replacedSuffix } = args;
  // Kamal 1 makes one name for the cords of all containers that a command boots.
  return bootKamal1(rendered, roleOf(rendered, args.role.name), { run, host, version: args.role.version, hostnameSuffix, replacedSuffix, cordId: hexOf(`${run} cord`, 32) });
}

/** How a role's old containers are found and stopped (Kamal 1.9: `app stop`). */
function stopping(rendered: Kamal1StepRendering, { name, version }: RoleOrder) {
  const { deployment } = rendered;
  const { stopWaitTime } = deployment.timeouts;
  return { name: roleOf(rendered, name).containerName(version), filters: roleFilters(deployment, { name }), stopArgs: stopWaitTime === null ? '' : line(['-t', String(stopWaitTime)]) };
}

/** How the role's routes can be asked for at the host's own ports. */
function requestsFor(rendered: Kamal1StepRendering, name: string, host: string): ClientRequest[] {
  const { deployment } = rendered;
  return kamal1.routeQuestions(deployment, roleOf(rendered, name)).flatMap((question) => {
    const port = deployment.traefik.ports?.find(({ containerPort }) => containerPort === question.port);
    return port ? [{ tls: question.scheme === 'https', address: port.ip ?? host, port: port.hostPort, name: question.host ?? host, path: question.path }] : [];
  });
}

/** Hex digits that are the same in each attempt of a run's step. */
function hexOf(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}
