import { join } from 'node:path';

import { startLoad } from './load.ts';
import type { LoadStream, RunningLoad } from './load.ts';
import type { StreamSummary } from './load-meter.ts';
import type { Lab } from './lab.ts';
import { initPidIn } from './processes.ts';
import { appRegistry } from './registry.ts';
import type { HostPlace } from './topology.ts';

/**
 * From where requests reach a host's published ports. Docker brings each of them to the container by a way of its own: NAT of
 * what comes in or of what the host itself sends, a proxy process for loopback and IPv6, a bridge of containers.
 */
export const clientClasses = [
  'outside, IPv4',
  'outside, IPv6',
  "the host, its own address",
  'the host, 127.0.0.1',
  'the host, [::1]',
  'container in kamal',
  'container in another network',
  'container on the default bridge',
] as const;

export type ClientClass = (typeof clientClasses)[number];

export interface ClientOptions {
  /** Default: all of them. */
  classes?: readonly ClientClass[];
  /** Requests a second of each class, as many again over kept-alive connections; default 10. */
  perSecond?: number;
  /** Default `/`. */
  path?: string;
  /** Default 80. */
  port?: number;
  /** How a good answer's body begins; default `labapp `. */
  expect?: string;
  maxSeconds?: number;
  /** After so long without an answer a request counts as lost; default 5. */
  timeoutSeconds?: number;
}

/**
 * Starts a load on a host's front page from clients of each class, with new and with kept-alive connections. Clients in
 * containers are processes of this machine in the network of a container that only sleeps; the networks `kamal` and
 * `lab-clients` are made where they are missing, and what is made stays until `removeClients`.
 * @param host name or address
 * @returns a load whose streams are named `CLASS, new` and `CLASS, kept`, in the order of the classes
 * @throws if a client can't be started
 */
export async function startClients(lab: Lab, host: string, options: ClientOptions = {}): Promise<RunningLoad> {
  const place = lab.host(host);
  const wanted = new Set(options.classes ?? clientClasses);
  const classes = clientClasses.filter((each) => wanted.has(each));
  const byNamespace = new Map<string | undefined, LoadStream[]>();
  for (const each of classes) {
    const namespace = await namespaceOf(lab, place, each);
    byNamespace.set(namespace, [...(byNamespace.get(namespace) ?? []), ...streamsOf(place, each, options)]);
  }
  const loads: RunningLoad[] = [];
  try {
    for (const [namespace, streams] of byNamespace) {
      loads.push(await startLoad({ streams, maxSeconds: options.maxSeconds ?? 600, timeoutSeconds: options.timeoutSeconds ?? 5 }, namespace));
    }
  } catch (error) {
    await Promise.all(loads.map((load) => load.stop()));
    throw error;
  }
  return {
    stop: async () => {
      const all = (await Promise.all(loads.map((load) => load.stop()))).flat();
      const order = classes.flatMap((each) => streamsOf(place, each, options)).map(({ name }) => name);
      return order.map((name) => all.find((stream) => stream.name === name)).filter((stream): stream is StreamSummary => stream !== undefined);
    },
  };
}

/** Removes the sleeping containers and the network that `startClients` made; `kamal` only if it is empty. */
export async function removeClients(lab: Lab, host: string): Promise<void> {
  await lab.exec(
    host,
    `ids=$(docker ps -aq --filter label=service=${clientLabel}); [ -z "$ids" ] || docker rm -f $ids
     docker network rm ${otherNetwork} kamal`,
  );
}

const clientLabel = 'lab-client';
const otherNetwork = 'lab-clients';

function streamsOf(place: HostPlace, client: ClientClass, options: ClientOptions): LoadStream[] {
  const { perSecond = 10, path = '/', port = 80, expect = 'labapp ' } = options;
  const url = `http://${addressFor(place, client)}:${port}${path}`;
  return [
    { name: `${client}, new`, url, perSecond, expect },
    { name: `${client}, kept`, url, perSecond, expect, keepAlive: true },
  ];
}

function addressFor(place: HostPlace, client: ClientClass): string {
  switch (client) {
    case 'outside, IPv6':
      return `[${place.ipv6}]`;
    case 'the host, 127.0.0.1':
      return '127.0.0.1';
    case 'the host, [::1]':
      return '[::1]';
    default:
      return place.address;
  }
}

/** @returns the file of the network namespace in which the client runs; undefined for the machine's own */
async function namespaceOf(lab: Lab, place: HostPlace, client: ClientClass): Promise<string | undefined> {
  switch (client) {
    case 'outside, IPv4':
    case 'outside, IPv6':
      return undefined;
    case 'container in kamal':
      return await containerIn(lab, place, 'kamal');
    case 'container in another network':
      return await containerIn(lab, place, otherNetwork);
    case 'container on the default bridge':
      return await containerIn(lab, place, 'bridge');
    default:
      return `/run/netns/${place.namespace}`;
  }
}

/** The network namespace of a container in that network: the one that is there, or a new one. */
async function containerIn(lab: Lab, place: HostPlace, network: string): Promise<string> {
  const name = `lab-client-${network}`;
  // The image says that it is the app's: neither Kamal nor Traefik is to take the client for the app.
  const run = `docker run -d --name ${name} --network ${network} --restart always --label service=${clientLabel} --label traefik.enable=false`;
  const ended = await lab.exec(
    place.name,
    `set -e
     [ ${network} = bridge ] || docker network inspect ${network} >/dev/null 2>&1 || docker network create ${network} >/dev/null
     [ -n "$(docker ps -q --filter name='^${name}$')" ] || { docker rm -f ${name} >/dev/null 2>&1 || true
       ${run} --entrypoint sleep ${appRegistry(lab.topology)}/labapp:v1 1000000 >/dev/null; }
     docker inspect -f '{{.NetworkSettings.SandboxKey}}' ${name}`,
  );
  const pid = await initPidIn(place.namespace);
  if (ended.code !== 0 || pid === undefined) throw new Error(`no client in network ${network} on ${place.name}: ${ended.stderr.trim()}`);
  // The host's own mounts hold the file; the machine reaches them through the host's first process.
  return join(`/proc/${pid}/root`, ended.stdout.trim());
}
