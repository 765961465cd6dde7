import { cancellationSignal } from '@temporalio/activity';
import { app, certificateContents, line, MINIMUM_PROXY_VERSION, proxy, registry, type Deployment, type Role, type Secrets } from '../src/kamal/index.ts';
import { PROXY_REPOSITORY } from '../src/kamal/configuration/proxy-run.ts';
import { accessoriesToJoin, notAcceptedPlaces, placeInWords, SAID, wantedAddresses } from '../src/plan/reachability.ts';
import type { HostFacts } from '../src/plan/facts.ts';
import type { RoleOrder } from '../workflows/types.ts';
import type { PrepareHostArgs, StepNotes } from './api.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import { fenceOf, ownerLabel, rendering, warmName, type Context } from './context.ts';
import { secretsFailure, type Project } from './project.ts';
import { certificatesToCarry } from './certificates.ts';
import { failure } from './failures.ts';
import { lookWhole, type WholeLook } from './probe.ts';
import { standBehind } from './behind.ts';
import { createBehindScript, defaultServiceScript } from './script/behind.ts';
import { lookAround, lookBeside } from './reachability.ts';
import { askStep, sshErrors, whileHeartbeating } from './remote-step.ts';
import { carryScript } from './script/certificates.ts';
import { LET_THROUGH_OF_OTHER_RUNS } from './script/hold.ts';
import { beginLook, END_LOOK, joinScript, prepareProxies, prepareScript, type PrepareScript, type ProxyScript, type UploadedFile } from './script/prepare.ts';
import { sayWithoutRecord } from './script/record.ts';
import { putBackOtherRuns } from './script/put-back.ts';
import { inLoginShell } from './script/words.ts';
import { writingDown } from './record.ts';
import { roleOf } from './roles.ts';

/** How long a container that is started again may take to become healthy, in seconds. */
export const HEALTHY_AGAIN_SECONDS = 60;

export function prepareActivities(context: Context) {
  return {
    async prepareHost(args: PrepareHostArgs): Promise<StepNotes> {
      const { deployment, snapshot, audit } = await rendering(context, args);
      const secrets = await context.store.secrets({ deployment, snapshot });
      const seen = context.takeLook(args.run, args.host) ?? (await whileHeartbeating(() => sshErrors(() => lookAgain(context, args, deployment))));
      const record = await writingDown(context, args, { deployment, snapshot, secrets }, seen);
      const certificates = await whileHeartbeating(() => certificatesToCarry(context, args, deployment));
      const shared = args.keepTraefik ? await whileHeartbeating(() => sshErrors(() => behindKamalProxy(context, args, deployment, seen.facts))) : null;
      const look = lookBeside(deployment, secrets, seen.facts);
      const joining = accessoriesToJoin(wantedAddresses(deployment, args.host, secrets), deployment, args.host, args.accessories).map(({ serviceName }) => serviceName);
      const script = [
        record,
        sayWithoutRecord(deployment.name),
        // Only one run is open at a time (the deploy lock is ours): what another one left here is undone first.
        LET_THROUGH_OF_OTHER_RUNS,
        putBackOtherRuns(HEALTHY_AGAIN_SECONDS),
        audit('Rebooted proxy'),
        prepareScript(needs({ deployment, snapshot }, secrets, args)),
        joinScript(joining),
        ...(look ? [beginLook(look.script)] : []),
        ...(shared ? [createBehindScript(shared.create)] : []),
        prepareProxies(args.roles.some(({ proxied }) => proxied) ? proxyScript(deployment, args) : null),
        ...(shared ? [defaultServiceScript(shared.service)] : []),
        carryScript(certificates),
        ...(look ? [END_LOOK] : []),
      ].join('\n');
      const { told, ...prepared } = await askStep(context, args, { name: 'prepare', body: script, journal: 'app', fence: fenceOf(deployment) });
      if (!look || look.allOpen(told.join('\n'))) return prepared;
      const notes = await whileHeartbeating(() => sshErrors(() => refuseUnreachable(context, args, deployment, secrets)));
      return { ...prepared, notes: [...prepared.notes, ...notes] };
    },
  };
}

async function lookAgain(context: Context, args: PrepareHostArgs, deployment: Deployment): Promise<WholeLook> {
  return await lookWhole(await context.connection(args.digest, args.host, cancellationSignal()), deployment, { signal: cancellationSignal() });
}

/** The plan has looked already; in the meantime the network is there, and so is what joined it. Looks closer, and at all of it. */
async function refuseUnreachable(context: Context, args: PrepareHostArgs, deployment: Deployment, secrets: Secrets): Promise<string[]> {
  const connection = await context.connection(args.digest, args.host, cancellationSignal());
  const { facts } = await lookAgain(context, args, deployment);
  const reach = await lookAround(connection, { deployment, secrets, facts, moved: [] });
  const lost = notAcceptedPlaces(reach, args.acceptUnreachable);
  if (lost.length === 0) return reach.notes;
  throw failure(FailureType.placesUnreachable, `not reached from the network kamal, though the app reaches it now: ${lost.map((place) => `${placeInWords(place)}: ${SAID[place.now]}`).join('; ')}`, {
    hint: [...new Set(lost.map(({ hint }) => hint)), `or go on with --accept-unreachable ${lost.map(({ variables }) => variables[0]).join(',')}`].join('; '),
  });
}

async function behindKamalProxy(context: Context, args: PrepareHostArgs, deployment: Deployment, facts: HostFacts) {
  const connection = await context.connection(args.digest, args.host, cancellationSignal());
  return await standBehind(connection, deployment, facts, { run: args.run, warmName: warmName(args.run) });
}

function needs({ deployment, snapshot }: Project, secrets: Secrets, args: PrepareHostArgs): PrepareScript {
  const roles = args.roles.map((order) => ({ order, role: roleOf(deployment, order.name) }));
  const proxied = roles.some(({ order }) => order.proxied);
  const versions = new Set(args.roles.map(({ version }) => version));
  const companions = [...[...versions].flatMap((version) => errorPages({ deployment, snapshot }, version)), ...roles.flatMap(({ role }) => certificateFiles(role, secrets))];
  return {
    login: loginOf(deployment, secrets),
    network: 'kamal',
    directories: [deployment.directories.roleEnv, ...(proxied ? [deployment.directories.appsConfig] : []), ...companions.map(({ path }) => path.slice(0, path.lastIndexOf('/')))],
    files: [
      ...roles.map(({ role }) => ({ path: role.envFilePath, content: needingSecrets(() => role.envFileContent(args.host, secrets)), mode: '0600' })),
      ...companions,
    ],
    assets: roles.flatMap(({ order, role }) => assetsOf(deployment, order, role)),
    roles: roles.map(({ order, role }) => ({
      name: role.name,
      version: order.version,
      other: order.version !== order.runningVersion,
      imageId: order.imageId,
      image: deployment.absoluteImage(order.version),
    })),
  };
}

/** The project's error pages: on hosts without a proxy, too, as Kamal has it (Kamal 2.12: app boot). */
function errorPages({ deployment, snapshot }: Project, version: string): UploadedFile[] {
  return Object.entries(snapshot.errorPages ?? {}).map(([name, base64]) => ({
    path: `${deployment.directories.errorPages}/${version}/${name}`,
    content: Buffer.from(base64, 'base64'),
    mode: '0644',
  }));
}

/** A role's own certificate. Readable by all, the key too: that is how Kamal leaves it for the proxy's own user. */
function certificateFiles(role: Role, secrets: Secrets): UploadedFile[] {
  const certificate = role.proxy?.customCertificate;
  if (!certificate) return [];
  const contents = needingSecrets(() => certificateContents(certificate, secrets));
  return [
    { path: certificate.hostCertificate, content: contents.certificate, mode: '0644' },
    { path: certificate.hostKey, content: contents.key, mode: '0644' },
  ];
}

function assetsOf(deployment: Deployment, order: RoleOrder, role: Role): PrepareScript['assets'] {
  const commands = [app.extractAssets(deployment, role, order.version), app.syncAssetVolumes(role, { version: order.version, oldVersion: order.runningVersion })];
  return role.assets ? [{ trees: [role.assets.extractedDirectory(order.version), role.assets.volumeDirectory(order.version)], commands: commands.flatMap((command) => (command ? [line(command)] : [])) }] : [];
}

/** The registry's login with its password apart; null for a local registry. */
export function loginOf(deployment: Pick<Deployment, 'registry'>, secrets: Secrets): PrepareScript['login'] {
  const login = needingSecrets(() => registry.login(deployment.registry, secrets));
  return login && { command: line(login.command), password: login.stdin, server: deployment.registry.server ?? '' };
}

/** What needs a secret that isn't there parks the run instead of failing it. */
export function needingSecrets<T>(render: () => T): T {
  try {
    return render();
  } catch (error) {
    throw secretsFailure(error);
  }
}

function proxyScript(deployment: Deployment, args: PrepareHostArgs): ProxyScript {
  const warm = warmName(args.run);
  const steered = args.strategy === 'handover';
  const configured = deployment.proxyRun(args.host);
  const file = (name: string, fallback: string) => `$(cat ${deployment.directories.proxy}/${name} 2> /dev/null || echo "${fallback}")`;
  return {
    // Without `proxy: run:` the files of Kamal's boot_config decide, so the host is asked (Kamal 2.12: proxy boot).
    image: configured ? `"${configured.image}"` : `${file('image', PROXY_REPOSITORY)}:${file('image_version', MINIMUM_PROXY_VERSION)}`,
    create: inLoginShell(line(proxy.run(deployment, args.host, { verb: 'create' }))),
    runWarm: inLoginShell(line(proxy.run(deployment, args.host, { name: warm, publish: steered ? ['$WARM_80:80', '$WARM_443:443'] : false, restart: 'no', label: ownerLabel(deployment) }))),
    steered,
    warmName: args.strategy === 'kamal' ? null : warm,
    volume: proxy.PROXY_STATE_VOLUME,
  };
}
