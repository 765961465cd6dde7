import type { Deployment } from '../kamal/index.ts';
import { containerNamed, KAMAL_PROXY, TRAEFIK, type ContainerFacts, type HostFacts } from './facts.ts';
import { appGeneration } from './generation.ts';
import { proxyServices, serviceFor } from './proxy-services.ts';
import type { Refusal, RefusalOptions, Refuse } from './refusals.ts';
import { BEHIND_LABEL, entryPointsOf, flagsOf, neighboursOf, traefikBehind, type EntryPoint } from './shared-traefik.ts';
import { routedNames } from './traefik-rules.ts';

/** Why a host whose Traefik also serves others is not upgraded: for good, or not without `--keep-traefik`. */
export function sharedTraefikRefusals(facts: HostFacts, deployment: Deployment, options: Pick<RefusalOptions, 'keepTraefik' | 'strategy'>, refuse: Refuse): Refusal[] {
  const neighbours = neighboursOf(facts, deployment);
  const accessories = neighbours.filter(({ name }) => deployment.accessoriesOn(facts.host).some((accessory) => accessory.serviceName === name));
  const others = neighbours.filter((container) => !accessories.includes(container));
  const behind = traefikBehind(facts) !== undefined;
  const stays = behind || options.keepTraefik;
  return [
    ...othersAtWork(facts, refuse),
    ...accessories.map(({ name }) => refuse('neighbours', `this host's Traefik also routes to the accessory ${name}, which kamal-proxy would not do`, "take its traefik labels away, or give it a `proxy:` section, and reboot it first")),
    ...(stays ? [] : others.map(({ name }) => refuse('neighbours', `this host's Traefik also routes to ${name}, which is not part of this deployment`, 'after the cutover its requests would reach this app: go on with --keep-traefik, which leaves Traefik behind kamal-proxy for it, or move that service first'))),
    ...((stays && others.length > 0) || behind ? takingRefusals(facts, deployment, others, refuse) : []),
    ...(stays && others.length > 0 && !behind ? movingRefusals(facts, deployment, others, refuse) : []),
    ...(((stays && others.length > 0) || behind) && options.strategy === 'kamal' && appGeneration(facts, deployment) !== 'kamal2'
      ? [refuse('strategy', "Traefik also serves others here, and Kamal's own order would stop it", '`--strategy auto` keeps it behind kamal-proxy')]
      : []),
  ];
}

/** Until another project's run is over nobody knows which of its two Traefiks will be there. */
function othersAtWork({ containers, openRuns }: HostFacts, refuse: Refuse): Refusal[] {
  const made = containers.filter(({ name, labels }) => name !== TRAEFIK && BEHIND_LABEL in labels && !openRuns.app.some((run) => name.endsWith(run)));
  return made.map(({ name }) => refuse('neighbours', `the run of another project is at work here: ${name} is to stand behind kamal-proxy once it is over`, 'wait for its end; if it was cut off, run the upgrade of that project again'));
}

/** What this deployment would take away from the others. */
function takingRefusals(facts: HostFacts, deployment: Deployment, others: ContainerFacts[], refuse: Refuse): Refusal[] {
  if (appGeneration(facts, deployment) === 'kamal2') return [];
  const services = proxyServices(deployment, facts.host);
  const hostless = deployment.rolesOn(facts.host).filter((role) => role.runningProxy && role.proxy?.hosts.length === 0);
  if (hostless.length > 0) {
    return hostless.map(({ name }) => refuse('neighbours', `role ${name} has no \`proxy: host\`: beside a Traefik that serves others it would take all their requests`, 'name the hosts that it serves (`proxy: hosts`)'));
  }
  return others.flatMap(({ name, labels }) => {
    const { hosts, paths } = routedNames([labels]);
    const taken = hosts.filter((host) => [...paths, '/'].some((path) => serviceFor(services, host, path)));
    return taken.map((host) => refuse('neighbours', `${name} is asked for as ${host}, which this deployment would take over`, 'take that name out of `proxy: hosts`, or out of the labels of the other service'));
  });
}

/** Why Traefik can't do behind kamal-proxy what it does now. */
function movingRefusals(facts: HostFacts, deployment: Deployment, others: ContainerFacts[], refuse: Refuse): Refusal[] {
  const traefik = containerNamed(facts, TRAEFIK);
  if (!traefik) return [];
  const no = (reason: string, hint = 'move the others first, or leave this host out with -h') => refuse('traefik', `Traefik can't stand behind kamal-proxy here: ${reason}`, hint);
  if (containerNamed(facts, KAMAL_PROXY)?.running && facts.openRuns.app.length === 0) return [no('a kamal-proxy runs beside it already')];
  if (traefik.networkMode === 'host') return [no('it is on the host network')];
  const entry = httpEntryPoint(facts, deployment);
  if (!entry) return [no("it doesn't publish the port on which kamal-proxy is to answer HTTP", 'set `proxy: run: http_port` to the port that Traefik publishes')];
  const published = new Map(traefik.ports.map(({ containerPort, hostPort }) => [Number.parseInt(containerPort, 10), hostPort]));
  const secure = deployment.effectiveProxyRun(facts.host).ports.find(({ containerPort }) => containerPort === 443)?.hostPort;
  const further = entryPointsOf(traefik.cmd).filter(({ name, port }) => name !== entry.name && published.has(port) && published.get(port) !== secure);
  const elsewhere = [...flagsOf(traefik.cmd).keys()].filter((flag) => /^providers\.(?!docker(\.|$))/.test(flag) || flag === 'configfile');
  return [
    ...further.map(({ port }) => no(`it also answers on port ${published.get(port)}, which would not be published any more`)),
    ...elsewhere.slice(0, 1).map((flag) => no(`it takes routes from elsewhere than Docker (--${flag}), which can't be seen`)),
    ...(entry.diverts ? [no(`its entry point ${entry.name} has TLS or redirects for all, and kamal-proxy passes no TLS through`)] : []),
    ...others.flatMap(({ name, labels }) => notInPlain(labels, entry.name).map((why) => no(`${name} ${why}`))),
  ];
}

/** The entry point that clients reach on the port which kamal-proxy will publish for HTTP. */
export function httpEntryPoint(facts: HostFacts, deployment: Deployment): EntryPoint | undefined {
  const traefik = containerNamed(facts, TRAEFIK);
  const wanted = deployment.effectiveProxyRun(facts.host).ports.find(({ containerPort }) => containerPort === 80)?.hostPort;
  const published = traefik?.ports.find(({ hostPort }) => hostPort === wanted);
  return published && entryPointsOf(traefik?.cmd ?? []).find(({ port }) => port === Number.parseInt(published.containerPort, 10));
}

/** What in a container's labels isn't plain HTTP on that entry point, or looks at paths of every host. */
function notInPlain(labels: Readonly<Record<string, string>>, entry: string): string[] {
  const said = Object.entries(labels).map(([label, value]) => [label.toLowerCase(), value] as const);
  const found = said.flatMap(([label, value]) => {
    if (/^traefik\.(tcp|udp)\./.test(label)) return ['has a TCP or UDP route'];
    const [, router, what = ''] = /^traefik\.http\.routers\.([^.]+)\.(.+)$/.exec(label) ?? [];
    if (router === undefined) return [];
    if (/^tls(\.|$)/.test(what) && value !== 'false') return [`has the router ${router} with TLS, which kamal-proxy passes through to nobody`];
    if (what === 'entrypoints' && !value.toLowerCase().split(',').map((each) => each.trim()).includes(entry)) return [`has the router ${router} on the entry point ${value} only`];
    if (what === 'rule' && !/host/i.test(value) && routedNames([{ 'traefik.http.routers.r.rule': value }]).paths.some((path) => path !== '/')) return [`has the router ${router} for a path of every host`];
    return [];
  });
  return [...new Set(found)];
}
