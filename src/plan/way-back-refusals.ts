import { kamal1 as commands, type kamal1 } from '../kamal/index.ts';
import { servedNamesBack } from './certificates-back.ts';
import { containerNamed, inKamalNetwork, isAnonymousVolume, KAMAL_PROXY, TRAEFIK, type ContainerFacts, type HostFacts } from './facts.ts';
import { kamal1Generation } from './kamal1-generation.ts';
import { MOST_HOSTS } from './limits.ts';
import type { Records } from './record/variables.ts';
import { lockRefusals, type Refusal, type RefusalSubject, type Refuse } from './refusals.ts';
import { accessoryContainer, runningContainer } from './running.ts';
import { BEHIND_LABEL, traefikBehind } from './shared-traefik.ts';
import type { StrategyWish } from './strategy.ts';

/** The options of a way back that decide whether something is in its way. */
export interface WayBackOptions {
  strategy: StrategyWish;
  accessories: 'reboot' | 'join' | 'skip';
  /** Somebody else's deploy lock is waited for, not refused. */
  waitForLock: boolean;
  /** What each host's kamal-proxy routes to, by host: names of its services. */
  proxyServices: ReadonlyMap<string, readonly string[]>;
  /** Newer certificates of kamal-proxy's are carried over to Traefik. */
  importCertificates: boolean;
  /** Traefik may have to get certificates. */
  allowIssuance: boolean;
  /** Milliseconds since the epoch. */
  now: number;
  /** `--version`: boot this one instead of the version that runs. */
  version?: string;
  /** What is written down on the hosts, where the configuration was made of it. */
  records?: Records;
}

/** Reasons not to begin a way back, in the configuration and on the hosts. */
export function wayBackRefusals(facts: HostFacts[], deployment: kamal1.Kamal1Deployment, options: WayBackOptions): Refusal[] {
  const { alone } = deployment.traefik;
  const makesOne = facts.some((each) => deployment.traefikHosts.includes(each.host) && !traefikBehind(each));
  const refuse = (about: RefusalSubject, reason: string, hint: string): Refusal => ({ about, host: null, reason, hint });
  return [
    ...(facts.length > MOST_HOSTS ? [refuse('fleet-size', `${facts.length} hosts are too many for one run (at most ${MOST_HOSTS})`, 'take a part of them with -h, then the next')] : []),
    ...(alone !== null && options.strategy !== 'kamal' && makesOne ? [refuse('traefik', `no second Traefik can run beside the published one, to prove the app before it serves: ${alone}`, "change Traefik's options for the downgrade, or let go first and prove afterwards, as Kamal does: --strategy kamal")] : []),
    ...facts.flatMap((each) => hostRefusals(each, deployment, options)),
  ];
}

function hostRefusals(facts: HostFacts, deployment: kamal1.Kamal1Deployment, options: WayBackOptions): Refusal[] {
  const refuse: Refuse = (about, reason, hint) => ({ about, host: facts.host, reason, hint });
  if (facts.dockerVersion === null) {
    return [refuse('docker', `Docker does not answer: ${facts.dockerError}`, 'is Docker installed and running, and may the SSH user use it?')];
  }
  const done = kamal1Generation(facts, deployment) === 'kamal1';
  return [
    ...(facts.missingTools.length > 0 ? [refuse('tools', `the host lacks ${facts.missingTools.join(', ')}`, 'install util-linux, coreutils and diffutils there')] : []),
    ...(options.waitForLock ? [] : lockRefusals(facts, refuse)),
    ...(done ? [] : roleRefusals(facts, deployment, refuse)),
    ...(done ? [] : proxyRefusals(facts, deployment, options, refuse)),
    ...(done || options.allowIssuance ? [] : tlsRefusals(facts, deployment, options, refuse)),
    ...(options.accessories === 'skip' ? [] : accessoryRefusals(facts, deployment, refuse)),
  ];
}

function roleRefusals(facts: HostFacts, deployment: kamal1.Kamal1Deployment, refuse: Refuse): Refusal[] {
  return deployment.rolesOn(facts.host).flatMap((role) => {
    const running = runningContainer(facts, deployment, role);
    if (!running) return [refuse('role', `no container of role ${role.name} runs here`, 'deploy it first, or leave the host out with -h')];
    return [
      ...(facts.images.some((image) => image.id === running.image.id) ? [] : [refuse('role', `the image that role ${role.name} runs is gone from the host`, 'deploy that version again: the downgrade boots what runs now')]),
      ...(running.networkMode === 'host' || running.ports.length > 0
        ? [refuse('role', `${running.name} ${running.networkMode === 'host' ? 'is on the host network' : 'publishes ports'}: two generations of it can't run side by side`, "downgrade this role with Kamal 1's own `kamal downgrade`")]
        : []),
    ];
  });
}

/** Traefik asks for certificates when it starts, and is answered only once requests reach it: until then it shows one that nobody trusts. */
function tlsRefusals(facts: HostFacts, deployment: kamal1.Kamal1Deployment, options: WayBackOptions, refuse: Refuse): Refusal[] {
  const missing = servedNamesBack(facts, deployment, options.importCertificates, options.now).filter(({ from }) => from === 'nobody');
  if (missing.length === 0) return [];
  const names = missing.map(({ name, remark }) => (remark === null ? name : `${name} (${remark})`)).join(', ');
  return [refuse('certificates', `neither Traefik nor kamal-proxy has a certificate for ${names} that Traefik could serve: clients would be shown one that they don't trust`, `mount the file that Traefik keeps them in; or go on with --allow-issuance, and restart Traefik afterwards if it has none by then${options.importCertificates ? '' : '; --no-import-certificates leaves those that kamal-proxy holds'}`)];
}

function proxyRefusals(facts: HostFacts, deployment: kamal1.Kamal1Deployment, options: WayBackOptions, refuse: Refuse): Refusal[] {
  const routed = deployment.rolesOn(facts.host).filter((role) => role.runningTraefik);
  if (routed.length === 0) return [];
  if (traefikBehind(facts)) return behindRefusals(facts, deployment, routed, refuse);
  const own = new Set(deployment.allRoles.map(({ containerPrefix }) => containerPrefix));
  const strangers = (options.proxyServices.get(facts.host) ?? []).filter((service) => !own.has(service));
  const free = new Set([TRAEFIK, KAMAL_PROXY].flatMap((name) => containerNamed(facts, name)?.ports.map((port) => port.hostPort) ?? []));
  const taken = (deployment.traefik.ports ?? []).map(({ hostPort }) => hostPort).filter((port) => facts.listening.includes(port) && !free.has(port));
  const neighbours = facts.containers.filter((container) => container.running && container.name !== TRAEFIK && container.labels['service'] !== deployment.service && hasRouter(container));
  return [
    ...strangers.map((service) => refuse('neighbours', `this host's kamal-proxy also routes to ${service}, which is not part of this deployment`, `move that service first, or take it from the proxy (\`kamal-proxy remove ${service}\`): once kamal-proxy is gone nobody would serve it`)),
    ...neighbours.map(({ name }) => refuse('neighbours', `${name} carries Traefik's labels: the Traefik that comes would route to it, too`, 'take its labels away, or stop it for the downgrade')),
    ...taken.map((port) => refuse('ports', `port ${port} is in use by something that is neither kamal-proxy nor Traefik`, 'Traefik publishes it: free the port, or change `traefik: host_port` or its options')),
    ...(options.strategy === 'handover' && facts.handover !== null && !facts.handover.proven
      ? [refuse('strategy', `new connections can't be steered here: ${facts.handover.why}`, '`--strategy auto` takes `swap` for such a host, with one gap of a stop and a start')]
      : []),
  ];
}

/** Why a service can't go back behind the Traefik that stands behind kamal-proxy: that one is no longer what its configuration says. */
function behindRefusals(facts: HostFacts, deployment: kamal1.Kamal1Deployment, routed: readonly kamal1.Kamal1Role[], refuse: Refuse): Refusal[] {
  const port = Number(traefikBehind(facts)?.labels[BEHIND_LABEL]);
  return routed.flatMap((role) =>
    commands.routeQuestions(deployment, role)
      .filter((question) => question.scheme === 'https' || question.port !== port)
      .slice(0, 1)
      .map((question) => refuse('traefik', `role ${role.name} has a route ${question.scheme === 'https' ? 'with TLS' : `on Traefik's port ${question.port}`}, and kamal-proxy leads to the Traefik behind it in plain and on its port ${port} only`, 'bring the others to Kamal 2 first, or change the labels of the role')),
  );
}

/** True for a container that a Traefik with the Docker provider would make a route of its own for. */
function hasRouter({ labels }: ContainerFacts): boolean {
  return labels['traefik.enable'] !== 'false' && Object.keys(labels).some((label) => /^traefik\.(http|tcp|udp)\.routers\./.test(label));
}

function accessoryRefusals(facts: HostFacts, deployment: kamal1.Kamal1Deployment, refuse: Refuse): Refusal[] {
  return deployment.accessoriesOn(facts.host).flatMap((accessory) => {
    const container = accessoryContainer(facts, accessory);
    if (!container || !inKamalNetwork(container)) return [];
    const tagged = facts.images.find((image) => image.tags.includes(accessory.image ?? ''));
    return [
      ...container.mounts.filter(isAnonymousVolume).map((mount) =>
        refuse('accessory', `accessory ${accessory.name} keeps data in an anonymous volume (${mount.destination}): a new container would begin without it`, 'give it a directory or a named volume first, or use --accessories skip'),
      ),
      ...(tagged && tagged.id !== container.image.id ? [refuse('accessory', `accessory ${accessory.name} runs another image than ${accessory.image} names by now`, 'tag the running image again, or use --accessories skip')] : []),
    ];
  });
}
