import type { Deployment } from '../src/kamal/index.ts';
import type { HostFacts } from '../src/plan/facts.ts';
import { behindTraefik, neighboursOf, type BehindTraefik } from '../src/plan/shared-traefik.ts';
import { httpEntryPoint } from '../src/plan/shared-traefik-refusals.ts';
import { routedNames } from '../src/plan/traefik-rules.ts';
import type { SshConnection } from '../src/ssh/types.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import { failure } from './failures.ts';
import type { BehindScript, DefaultServiceScript } from './script/behind.ts';

/** The Traefik that comes to stand behind kamal-proxy, until the run is over and it gets its name. */
export function behindName(run: string): string {
  return `traefik-behind-${run}`;
}

/** What `docker inspect` says of a container, as far as another one is made of it. */
export interface InspectedContainer {
  Id: string;
  Image: string;
  Config: { Hostname?: string; Image: string; Cmd?: string[] | null; Labels?: Record<string, string> | null; MacAddress?: string; [key: string]: unknown };
  HostConfig: { NetworkMode?: string; [key: string]: unknown };
  NetworkSettings: { Networks?: Record<string, { IPAMConfig?: { IPv4Address?: string; IPv6Address?: string } | null; Aliases?: string[] | null }> | null };
}

/** The network that a container gets when none is named. */
const DEFAULT_NETWORKS = ['default', 'bridge', ''];

/**
 * The engine's words for a container like this one, but for its name, arguments, labels and published ports.
 * They hold its environment: they must not leave the process but for the host.
 *
 * @param behind all its arguments, and further labels
 * @param image what its image's name means now; null when nothing
 * @throws ApplicationFailure when two containers can't be like that
 */
export function likeButBehind(it: InspectedContainer, { cmd, labels }: Pick<BehindTraefik, 'cmd' | 'labels'>, image: string | null): Pick<BehindScript, 'body' | 'networks'> {
  const { Hostname, MacAddress: _address, ...config } = it.Config;
  const networks = Object.entries(it.NetworkSettings.Networks ?? {});
  const fixed = networks.find(([, { IPAMConfig }]) => IPAMConfig?.IPv4Address || IPAMConfig?.IPv6Address);
  if (fixed) throw failure(FailureType.stepFailed, `Traefik has a fixed address in the network ${fixed[0]}: no second one can be made beside it`);
  const first = it.HostConfig.NetworkMode ?? '';
  const aliases = networks.find(([name]) => name === first)?.[1].Aliases?.filter((alias) => !it.Id.startsWith(alias)) ?? [];
  const body = {
    ...config,
    // The engine's own choice is made anew.
    ...(Hostname !== undefined && !it.Id.startsWith(Hostname) ? { Hostname } : {}),
    Image: image === it.Image ? config.Image : it.Image,
    Cmd: cmd,
    Labels: { ...config.Labels, ...labels },
    HostConfig: { ...it.HostConfig, ContainerIDFile: '', PortBindings: {}, PublishAllPorts: false },
    ...(DEFAULT_NETWORKS.includes(first) ? {} : { NetworkingConfig: { EndpointsConfig: { [first]: { Aliases: aliases } } } }),
  };
  return { body: JSON.stringify(body), networks: networks.map(([name]) => name).filter((name) => name !== first && name !== 'kamal' && !(DEFAULT_NETWORKS.includes(first) && name === 'bridge')) };
}

/** What making a host's Traefik stand behind kamal-proxy takes; secrets in its environment are part of it. */
export async function standBehind(connection: SshConnection, deployment: Deployment, facts: HostFacts, names: { run: string; warmName: string }): Promise<{ create: BehindScript; service: DefaultServiceScript }> {
  const [inspected, image] = await Promise.all([
    connection.exec('docker inspect traefik', { timeoutMs: 20_000 }),
    connection.exec("docker image inspect -f '{{.Id}}' \"$(docker inspect -f '{{.Config.Image}}' traefik)\"", { timeoutMs: 20_000 }),
  ]);
  const [it] = inspected.code === 0 ? (JSON.parse(inspected.stdout) as InspectedContainer[]) : [];
  const entry = httpEntryPoint(facts, deployment);
  if (!it || !entry) throw failure(FailureType.factsChanged, `${facts.host} is not as the plan saw it: its Traefik is not there any more, or publishes other ports`);
  const { cmd, labels, ...reached } = behindTraefik(it.Config.Cmd ?? [], entry);
  const name = behindName(names.run);
  const questions = neighboursOf(facts, deployment).flatMap(({ labels }) => {
    const { hosts, paths } = routedNames([labels]);
    return hosts.map((host) => ({ host, path: paths.find((path) => path !== '/') ?? '/up' }));
  });
  return {
    create: { name, ...likeButBehind(it, { cmd, labels }, image.code === 0 ? image.stdout.trim() : null) },
    service: { ...reached, warmName: names.warmName, questions, behind: name },
  };
}
