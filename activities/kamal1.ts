import { app, kamal1, line, prune, proxy, type Secrets } from '../src/kamal/index.ts';
import type { RoleOrder, Strategy } from '../workflows/types.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import { failure } from './failures.ts';
import { needingSecrets } from './prepare.ts';
import { healthySeconds, tieCord, type ProveKamal1Script } from './script/kamal1/app.ts';
import type { PrepareKamal1Script, TraefikScript } from './script/kamal1/prepare.ts';
import type { PruneKamal1Script } from './script/kamal1/prune.ts';
import type { VerifyKamal1Script } from './script/kamal1/verify.ts';
import { inLoginShell, q } from './script/words.ts';
import { ownerLabel } from './context.ts';

/** What the scripts of the way back are rendered from. */
export interface Kamal1Rendering {
  readonly deployment: kamal1.Kamal1Deployment;
  /** A line for the host's audit log, as a shell command. */
  readonly audit: (text: string, role?: string) => string;
}

/** The run and the host that a script is for; the random parts are made by the workflow. */
export interface Kamal1Step {
  readonly run: string;
  readonly host: string;
  readonly roles: readonly RoleOrder[];
  readonly strategy: Strategy;
  /** 16 hex digits, for the name of a container in the way. */
  readonly replacedSuffix: string;
  /** Traefik's env file stays as it is, where there is one: nothing else holds its variables. */
  readonly keepTraefikEnv: boolean;
}

/** The second Traefik, which proves the app before the published one takes over. */
export function warmTraefikName(run: string): string {
  return `traefik-warm-${run}`;
}

/** A selected role by name; undefined when the Kamal 1 configuration has none. */
export function kamal1RoleOf(deployment: kamal1.Kamal1Deployment, name: string): kamal1.Kamal1Role | undefined {
  return deployment.roles.find((role) => role.name === name);
}

/** What preparing a host for Kamal 1 takes. Env files get the mode that `kamal env push` leaves. */
export function prepareKamal1({ deployment }: Kamal1Rendering, secrets: Secrets, step: Kamal1Step, login: PrepareKamal1Script['login']): PrepareKamal1Script {
  const { names } = deployment;
  const roles = step.roles.flatMap((order) => {
    const role = kamal1RoleOf(deployment, order.name);
    return role ? [{ order, role }] : [];
  });
  const routed = deployment.traefikHosts.includes(step.host);
  return {
    login,
    directories: [names.locksDirectory, names.envDirectories.roles, ...(routed ? [names.envDirectories.traefik] : [])],
    files: [
      ...roles.map(({ role }) => ({ path: role.envFilePath, content: needingSecrets(() => role.envFileContent(step.host, secrets)), mode: '0600' })),
      ...(routed ? [{ path: kamal1.traefik.envFile(deployment), content: needingSecrets(() => deployment.traefikEnvFileContent(secrets)), mode: '0600', keep: step.keepTraefikEnv }] : []),
    ],
    assets: roles.flatMap(({ order, role }) => assetsOf(deployment, role, order)),
    roles: roles.map(({ order, role }) => ({
      name: role.name, version: order.version, other: order.version !== order.runningVersion, imageId: order.imageId, image: deployment.absoluteImage(order.version),
    })),
    traefik: routed && step.strategy !== 'move' ? traefikScript(deployment, step) : null,
  };
}

function assetsOf(deployment: kamal1.Kamal1Deployment, role: kamal1.Kamal1Role, { version, runningVersion }: RoleOrder): PrepareKamal1Script['assets'] {
  const { assets } = role;
  if (!assets) return [];
  const commands = [kamal1.assets.extract(deployment, role, assets, version), kamal1.assets.syncVolumes(assets, { version, oldVersion: runningVersion })];
  return [{ trees: [assets.extractedDirectory(version), assets.volumeDirectory(version)], commands: commands.map(line) }];
}

function traefikScript(deployment: kamal1.Kamal1Deployment, step: Kamal1Step): TraefikScript {
  const { ports, image, alone } = deployment.traefik;
  const create = inLoginShell(line(kamal1.traefik.run(deployment, { verb: 'create' })));
  const replacedName = `traefik_replaced_${step.replacedSuffix}`;
  // Kamal's own order proves nothing before the old proxy is gone.
  if (step.strategy === 'kamal') return { image, create, replacedName, warm: null };
  if (alone !== null) throw failure(FailureType.stepFailed, `no second Traefik can run beside the published one, to prove the app before it serves: ${alone}`);
  const warmName = warmTraefikName(step.run);
  const steered = step.strategy === 'handover' && ports !== null ? [...new Set(ports.map(({ containerPort }) => containerPort))] : null;
  const publish = (steered ?? []).map((port) => `$WARM_${port}:${port}`);
  return { image, create, replacedName, warm: { name: warmName, run: inLoginShell(line(kamal1.traefik.run(deployment, { name: warmName, restart: 'no', publish, label: ownerLabel(deployment) }))), steered } };
}

/** The random parts of one role's boot. */
export interface Kamal1Boot {
  readonly run: string;
  readonly host: string;
  readonly version: string;
  readonly hostnameSuffix: string;
  readonly replacedSuffix: string;
  /** 32 hex digits: names the cord. */
  readonly cordId: string;
}

/** What booting a role as Kamal 1 does takes; for one behind Traefik also what proves it. */
export function bootKamal1({ deployment, audit }: Kamal1Rendering, role: kamal1.Kamal1Role, boot: Kamal1Boot): ProveKamal1Script {
  const { host, version } = boot;
  const hostname = app.hostnameFor(host, boot.hostnameSuffix);
  const replaced = `${version}_replaced_${boot.replacedSuffix}`;
  return {
    name: role.containerName(version),
    replacedName: role.containerName(replaced),
    hostname,
    run: inLoginShell(line(kamal1.app.run(deployment, { role, host, version, runId: boot.cordId, hostname }))),
    auditRename: audit(`Renaming container ${version} to ${replaced}`, role.name),
    auditBoot: audit(`Booted app version ${version}`, role.name),
    network: 'bridge',
    before: role.cord ? tieCord(role.cord.hostFile(boot.cordId)) : '',
    warmName: warmTraefikName(boot.run),
    timeout: healthySeconds(deployment.healthcheck.maxAttempts),
    questions: kamal1.routeQuestions(deployment, role),
  };
}

/** What verifying a host takes. */
export function verifyKamal1({ deployment }: Kamal1Rendering, { host, roles, pruned }: { host: string; roles: readonly RoleOrder[]; pruned: boolean }): VerifyKamal1Script {
  const known = roles.flatMap((order) => {
    const role = kamal1RoleOf(deployment, order.name);
    return role ? [{ order, role }] : [];
  });
  return {
    roles: known.map(({ order, role }) => ({
      name: role.name, container: role.containerName(order.version), envFile: role.envFilePath, checked: role.healthCheckArgs(null).length > 0,
      filters: [`service=${deployment.service}`, `destination=${deployment.destination ?? ''}`, `role=${role.name}`],
    })),
    traefik: deployment.traefikHosts.includes(host)
      ? { questions: known.filter(({ role }) => role.runningTraefik).flatMap(({ role }) => kamal1.routeQuestions(deployment, role)), envFile: kamal1.traefik.envFile(deployment) }
      : null,
    pruned,
  };
}

/** What pruning a host takes. `letWarmGo` is the end of the warm Traefik. */
export function pruneKamal1({ deployment, audit }: Kamal1Rendering, roles: readonly RoleOrder[], letWarmGo: string): PruneKamal1Script {
  const version = roles[0]?.version;
  const image = version === undefined ? null : deployment.absoluteImage(version);
  const known = deployment.roles.filter(({ name }) => roles.some((order) => order.name === name));
  return {
    letWarmGo,
    volume: proxy.PROXY_STATE_VOLUME,
    deployment: deployment.name,
    cords: deployment.allRoles.flatMap((role) => (role.cord ? [`${deployment.names.cordsDirectory}/${role.containerPrefix}`] : [])),
    tagLatest: image === null ? null : { command: `docker tag ${q(image)} ${q(deployment.latestImage)}`, audit: audit(`Tagging ${image} as the latest image`) },
    leftovers: known.flatMap((role) => (role.assets && version !== undefined ? [line(kamal1.assets.cleanUp(role, role.assets, version))] : [])),
    pruneContainers: { command: line(prune.appContainers(deployment, deployment.retainContainers)), audit: audit('Pruned containers') },
    pruneImages: { commands: [line(prune.danglingImages(deployment)), line(prune.taggedImages(deployment))], audit: audit('Pruned images') },
  };
}
