import type { Deployment, Role, Snapshot } from '../kamal/index.ts';
import { toS } from '../kamal/ruby/value.ts';
import { servedNames } from './certificates.ts';
import { containerNamed, inKamalNetwork, isAnonymousVolume, KAMAL_PROXY, TRAEFIK, type ContainerFacts, type HostFacts } from './facts.ts';
import { answersHint, notAccepted } from './answers.ts';
import { appGeneration } from './generation.ts';
import { heldInWords, releaseInWords } from './lock-words.ts';
import { MOST_HOSTS } from './limits.ts';
import { notAcceptedPlaces, placeInWords, SAID } from './reachability.ts';
import { predictedDifferences } from './predicted-answers.ts';
import { accessoryContainer, runningContainer, versionOf } from './running.ts';
import { leftBehind, sharedTraefik } from './shared-traefik.ts';
import { sharedTraefikRefusals } from './shared-traefik-refusals.ts';
import { chooseStrategy, type StrategyWish } from './strategy.ts';

/** What a refusal is about: scripts tell refusals apart by it. */
export type RefusalSubject = 'fleet-size' | 'labels' | 'options' | 'accessory-proxy' | 'docker' | 'tools' | 'lock' | 'role' | 'traefik' | 'neighbours' | 'ports' | 'strategy' | 'certificates' | 'accessory' | 'answers' | 'reach';

/** A reason not to begin, found before anything was changed. */
export interface Refusal {
  about: RefusalSubject;
  /** The host it was found on; null when the configuration alone is the reason. */
  host: string | null;
  reason: string;
  /** What to do about it. */
  hint: string;
}

/** The options of a run that decide whether something is in its way. */
export interface RefusalOptions {
  strategy: StrategyWish;
  accessories: 'reboot' | 'join' | 'skip';
  pullAccessories: boolean;
  allowIssuance: boolean;
  /** Certificates that Traefik holds are carried over to kamal-proxy. */
  importCertificates: boolean;
  /** A Traefik that serves others, too, is kept behind kamal-proxy. */
  keepTraefik: boolean;
  /** Milliseconds since the epoch: whether a certificate has ended is judged by it. */
  now: number;
  /** Somebody else's deploy lock is waited for, not refused. */
  waitForLock: boolean;
  /** Differences between what Traefik and kamal-proxy answer that a person has accepted, by name. */
  acceptAnswers: readonly string[];
  /** Variables whose places need not be reached from the new network. */
  acceptUnreachable: readonly string[];
  /** `--version`: boot this one instead of the version that runs. */
  version?: string;
}

const ACTIVE_TRAEFIK_LABEL = /^traefik\.(http|tcp|udp)\./;
/** Docker options of which two containers can't have the same at once. */
const EXCLUSIVE_OPTIONS = /^--(publish|publish-all|ip|ip6|mac-address|device|gpus|cidfile|name|hostname)(=|$)|^-[pP]$/;

/** Reasons in the configuration itself. */
export function configurationRefusals(snapshot: Snapshot, deployment: Deployment): Refusal[] {
  const place = (key: string) => {
    const origin = snapshot.origins[key];
    return origin ? `${origin.file}:${origin.line}: ` : '';
  };
  const refuse = (about: RefusalSubject, reason: string, hint: string): Refusal => ({ about, host: null, reason, hint });
  return [
    ...(deployment.hosts.length > MOST_HOSTS ? [refuse('fleet-size', `${deployment.hosts.length} hosts are too many for one run (at most ${MOST_HOSTS})`, 'take a part of them with -h, then the next')] : []),
    ...deployment.roles.flatMap((role) => {
      const active = [...role.labels.keys()].map(toS).filter((label) => ACTIVE_TRAEFIK_LABEL.test(label));
      const off = toS(role.labels.get('traefik.enable')) === 'false';
      return active.length > 0 && !off
        ? [
            refuse(
              'labels',
              `${place(`servers/${role.name}/labels`) || place('labels')}role ${role.name} keeps the label ${active[0]}: while Traefik lives it would route to both generations, and break the site`,
              "take Kamal 1's traefik labels out (kamal-proxy does not read them), or add the label `traefik.enable: false`",
            ),
          ]
        : [];
    }),
    ...deployment.roles.flatMap((role) =>
      exclusive(role).map((option) =>
        refuse('options', `${place(`servers/${role.name}/options`)}role ${role.name} has the Docker option ${option}: two generations of it can't run side by side`, 'take the option out for the upgrade, or upgrade this role with `kamal upgrade`'),
      ),
    ),
    ...deployment.accessories
      .filter((accessory) => accessory.runningProxy && !accessory.hosts.every((host) => deployment.rolesOn(host).some((role) => role.runningProxy)))
      .map((accessory) =>
        refuse(
          'accessory-proxy',
          `${place(`accessories/${accessory.name}/proxy`)}accessory ${accessory.name} is behind kamal-proxy on a host that runs no proxied role of the app`,
          'this version of bactrian does not start a proxy for an accessory alone: take its `proxy:` out for the upgrade, then `kamal accessory reboot`',
        ),
      ),
  ];
}

function exclusive(role: Role): string[] {
  const words = role.optionArgs;
  const network = words.findIndex((word) => word === '--network' || word === '--net');
  const host = network >= 0 && words[network + 1]?.includes('host') ? ['--network host'] : [];
  return [...words.filter((word) => EXCLUSIVE_OPTIONS.test(word)), ...host];
}

/** Reasons on one host. */
export function hostRefusals(facts: HostFacts, deployment: Deployment, options: RefusalOptions): Refusal[] {
  const refuse = (about: RefusalSubject, reason: string, hint: string): Refusal => ({ about, host: facts.host, reason, hint });
  if (facts.dockerVersion === null) {
    return [refuse('docker', `Docker does not answer: ${facts.dockerError}`, 'is Docker installed and running, and may the SSH user use it?')];
  }
  return [
    ...(facts.missingTools.length > 0 ? [refuse('tools', `the host lacks ${facts.missingTools.join(', ')}`, 'install util-linux, coreutils and diffutils there')] : []),
    ...(options.waitForLock ? [] : lockRefusals(facts, refuse)),
    ...roleRefusals(facts, deployment, options, refuse),
    ...proxyRefusals(facts, deployment, options, refuse),
    ...accessoryRefusals(facts, deployment, options, refuse),
    ...answerRefusals(facts, deployment, options, refuse),
    ...reachRefusals(facts, options, refuse),
  ];
}

export type Refuse = (about: RefusalSubject, reason: string, hint: string) => Refusal;

/** Deploy locks of somebody else. */
export function lockRefusals(facts: HostFacts, refuse: Refuse): Refusal[] {
  // A lock of ours is judged by who asks Temporal whether its run is over.
  return facts.locks
    .filter((lock) => !/bactrian run \S+/.test(lock.details ?? '') && !(lock.details === null && lock.intendedBy))
    .map((lock) => refuse('lock', heldInWords(lock), releaseInWords(lock)));
}

function roleRefusals(facts: HostFacts, deployment: Deployment, options: RefusalOptions, refuse: Refuse): Refusal[] {
  return deployment.rolesOn(facts.host).flatMap((role) => {
    const running = runningContainer(facts, deployment, role);
    if (running && options.version !== undefined && inKamalNetwork(running) && versionOf(running, role) !== options.version) {
      return [refuse('role', `role ${role.name} is on Kamal 2 already, with version ${versionOf(running, role)}`, `\`kamal deploy --version ${options.version}\` brings it to that version`)];
    }
    if (!running) return [refuse('role', `no container of role ${role.name} runs here`, 'deploy it first, or leave the host out with -h')];
    const inImages = facts.images.some((image) => image.id === running.image.id);
    return [
      ...(inImages ? [] : [refuse('role', `the image that role ${role.name} runs is gone from the host`, 'deploy that version again: the upgrade boots what runs now')]),
      ...(running.networkMode === 'host' || running.ports.length > 0
        ? [refuse('role', `${running.name} ${running.networkMode === 'host' ? 'is on the host network' : 'publishes ports'}: two generations of it can't run side by side`, 'upgrade this role with `kamal upgrade`')]
        : []),
    ];
  });
}

function proxyRefusals(facts: HostFacts, deployment: Deployment, options: RefusalOptions, refuse: Refuse): Refusal[] {
  const proxied = deployment.rolesOn(facts.host).filter((role) => role.runningProxy);
  const traefik = containerNamed(facts, TRAEFIK);
  const free = new Set([TRAEFIK, KAMAL_PROXY].flatMap((name) => containerNamed(facts, name)?.ports.map((port) => port.hostPort) ?? []));
  const taken = proxied.length === 0 ? [] : deployment.effectiveProxyRun(facts.host).ports.map((port) => port.hostPort).filter((port) => facts.listening.includes(port) && !free.has(port));
  return [
    // Where no role is behind a proxy, nothing that is called traefik is touched.
    ...(traefik && proxied.length > 0 && !isKamals(traefik) ? [refuse('traefik', 'a container `traefik` runs here that Kamal did not make', 'it is left alone: rename it, or leave the host out with -h; if it is one of an early Kamal, `kamal traefik reboot` with Kamal 1.9 first')] : []),
    ...sharedTraefikRefusals(facts, deployment, options, refuse),
    ...taken.map((port) => refuse('ports', `port ${port} is in use by something that is neither Traefik nor kamal-proxy`, 'kamal-proxy publishes it: free the port, or set `proxy: run: http_port/https_port`')),
    ...strategyRefusals(facts, deployment, options, refuse),
    ...(options.allowIssuance ? [] : tlsRefusals(facts, deployment, options, refuse)),
  ];
}

/** Asked for by name, it isn't quietly another one. */
function strategyRefusals(facts: HostFacts, deployment: Deployment, options: RefusalOptions, refuse: Refuse): Refusal[] {
  const { strategy, reason } = chooseStrategy(facts, deployment, options.strategy);
  if (options.strategy !== 'handover' || strategy === 'handover' || reason === null || appGeneration(facts, deployment) === 'kamal2') return [];
  return [refuse('strategy', `new connections can't be steered here: ${reason}`, '`--strategy auto` takes `swap` for such a host, with one gap of a stop and a start')];
}

/** Without a certificate, each client's first request waits for Let's Encrypt, or fails with it. */
function tlsRefusals(facts: HostFacts, deployment: Deployment, options: RefusalOptions, refuse: Refuse): Refusal[] {
  if (appGeneration(facts, deployment) === 'kamal2') return [];
  const missing = servedNames(facts, deployment, options.importCertificates, options.now).filter(({ from }) => from === 'nobody');
  if (missing.length === 0) return [];
  const names = missing.map(({ name, remark }) => (remark === null ? name : `${name} (${remark})`)).join(', ');
  return [
    refuse(
      'certificates',
      `\`ssl: true\` and there is no certificate for ${names} that kamal-proxy could serve: the first HTTPS request would wait for one`,
      `go on with --allow-issuance, best with --rolling, or bring a custom certificate${options.importCertificates ? '' : '; --no-import-certificates leaves those that Traefik holds'}`,
    ),
  ];
}

/** Load balancers and monitors ask hosts by their address, too: what nobody answers any more takes the host out. */
function answerRefusals(facts: HostFacts, deployment: Deployment, options: RefusalOptions, refuse: Refuse): Refusal[] {
  const lost = notAccepted(predictedDifferences(facts.answers, deployment, facts.host, leftBehind(facts, deployment, sharedTraefik(facts, deployment, options.keepTraefik))), options.acceptAnswers);
  if (lost.length === 0) return [];
  const lines = lost.map(({ name, before, after }) => `'${name}' (${before} now, then ${after})`);
  return [refuse('answers', `Traefik answers what kamal-proxy would not: ${lines.join(', ')}`, answersHint(lost))];
}

/** A database that admits the old network's addresses only: the commonest breakage of all. */
function reachRefusals(facts: HostFacts, options: RefusalOptions, refuse: Refuse): Refusal[] {
  return notAcceptedPlaces(facts.reach, options.acceptUnreachable).map((place) =>
    refuse('reach', `the app reaches ${placeInWords(place)} now, and would not from the network kamal: ${SAID[place.now]}`, `${place.hint}; or go on with --accept-unreachable ${place.variables.join(',')}`),
  );
}

/** Kamal 1 gives its Traefik a router that catches what no app answers (Kamal 1.9: `Configuration::Traefik`). */
function isKamals(traefik: ContainerFacts): boolean {
  return 'traefik.http.routers.catchall.service' in traefik.labels && traefik.cmd.some((word) => word.startsWith('--providers.docker'));
}

function accessoryRefusals(facts: HostFacts, deployment: Deployment, options: RefusalOptions, refuse: Refuse): Refusal[] {
  if (options.accessories === 'skip') return [];
  return deployment.accessoriesOn(facts.host).flatMap((accessory) => {
    const container = accessoryContainer(facts, accessory);
    if (!container) return [];
    if (options.accessories === 'join') {
      const safe = container.networks.every((network) => network === 'bridge' || network === 'kamal');
      return safe ? [] : [refuse('accessory', `accessory ${accessory.name} is in the network ${container.networks.join(', ')}: joining it to another one while it runs would cut its connections`, 'use --accessories reboot or skip')];
    }
    const anonymous = container.mounts.filter(isAnonymousVolume);
    const tagged = facts.images.find((image) => image.tags.includes(accessory.image));
    return [
      ...anonymous.map((mount) =>
        refuse('accessory', `accessory ${accessory.name} keeps data in an anonymous volume (${mount.destination}): a new container would begin without it`, 'give it a directory or a named volume first, or use --accessories join or skip'),
      ),
      ...(tagged && tagged.id !== container.image.id && !options.pullAccessories
        ? [refuse('accessory', `accessory ${accessory.name} runs another image than ${accessory.image} names by now`, 'tag the running image again, or accept the new one with --pull-accessories')]
        : []),
    ];
  });
}
