import type { KnownAnswer } from './answers.ts';
import type { Reachability } from './reachability.ts';

/**
 * What a probe found on a host, as plain data.
 *
 * Facts hold the environment of running containers, values included, so that a plan can say what will change. They
 * therefore stay in the memory of the process that probed: a workflow gets a {@link ProbeReport} instead.
 */

/** One container as `docker inspect` tells it, reduced to what decisions are made from. */
export interface ContainerFacts {
  id: string;
  name: string;
  image: { id: string; name: string };
  running: boolean;
  status: string;
  health: string | null;
  restartPolicy: string;
  networkMode: string;
  networks: string[];
  /** IPv4 address by network; empty while it doesn't run. */
  addresses: Record<string, string>;
  labels: Record<string, string>;
  env: Record<string, string>;
  mounts: MountFacts[];
  ports: PortFacts[];
  devices: string[];
  hostname: string;
  cmd: string[];
  startedAt: string;
}

export interface MountFacts {
  type: string;
  /** The volume's name; 64 hex digits for an anonymous one. */
  name: string | null;
  source: string;
  destination: string;
}

/** A published port. */
export interface PortFacts {
  containerPort: string;
  hostIp: string;
  hostPort: number;
}

export interface ImageFacts {
  id: string;
  tags: string[];
}

/** A deploy lock that exists on the host, whoever made it. */
export interface LockFacts {
  path: string;
  /** The decoded details; null for a directory without them (a lock all the same). */
  details: string | null;
  /** A run of ours whose journal on the host names this lock and that never came to its end. */
  intendedBy: string | null;
}

/** A run of ours that left a journal of its own on the host, and no word of its end in it. */
export interface JournalFacts {
  run: string;
  /** Of what: the app with its proxies, accessories, or the deploy lock. */
  journal: 'app' | 'accessories' | 'lock';
  /** When its last line was written, by the host's clock: milliseconds since the epoch; null when it doesn't say. */
  changedAt: number | null;
  /** Its last line: the act it was about to do. Names and paths, never a value. */
  last: string;
}

/** A service that the running kamal-proxy routes to (`kamal-proxy list`). */
export interface ProxyRoute {
  service: string;
  /** Containers, by the first twelve digits of their ids, as Kamal names them. */
  targets: string[];
}

export interface HostFacts {
  /** Whether new connections can be steered past a proxy here, and in words why not; null where it was not tried. */
  handover: { proven: boolean; why: string } | null;
  host: string;
  /** Docker's server version, or null when the engine can't be asked; then `dockerError` says why. */
  dockerVersion: string | null;
  dockerError: string | null;
  /** Programs our scripts need and the host lacks. */
  missingTools: string[];
  containers: ContainerFacts[];
  images: ImageFacts[];
  /** What images themselves put into a container's environment, by image id. */
  imageEnv: Record<string, Record<string, string>>;
  networks: string[];
  volumes: string[];
  /** Free space where Docker keeps its data, in MiB; null when unknown. */
  freeDiskMiB: number | null;
  /** TCP ports on which something listens. */
  listening: number[];
  locks: LockFacts[];
  /** Runs of ours that left a journal without an end: of the app, of accessories. */
  openRuns: { app: string[]; accessories: string[] };
  /** The same journals, and those of deploy locks, with what they tell of themselves. */
  journals: JournalFacts[];
  /** What kamal-proxy routes to; null where it doesn't run, or doesn't say. */
  routes: ProxyRoute[] | null;
  /** For automatic TLS: what kamal-proxy keeps in its cache, and what Traefik got itself. Names and dates, no keys. */
  certificates: { proxy: CertificateFacts[]; traefik: CertificateFacts[] };
  /** What the old proxy answers now; empty where none runs, or where nobody asked. */
  answers: KnownAnswer[];
  /** What of the app's environment could be reached from the new network. */
  reach: Reachability;
}

export interface CertificateFacts {
  /** The names it is valid for, in lower case; `*.example.com` among them. */
  names: string[];
  /** When it ends, ISO 8601. */
  notAfter: string;
  key: 'ecdsa' | 'rsa' | 'other';
}

/** The probe's answer as a workflow sees it: no environment, no labels, no values. */
export interface ProbeReport {
  host: string;
  generation: Generation;
  dockerVersion: string | null;
  fingerprint: string;
}

/** How a host runs the deployment now. */
export type Generation = 'kamal1' | 'kamal2' | 'mixed' | 'empty';

/** The name that Kamal 1 gives its proxy's container. */
export const TRAEFIK = 'traefik';
/** The label of a second proxy that has the name of the deployment whose run made it. */
export const OWNER_LABEL = 'bactrian';
/** The name that Kamal 2 gives its proxy's container. */
export const KAMAL_PROXY = 'kamal-proxy';
/** Kamal 2's network. */
export const KAMAL_NETWORK = 'kamal';

/** The container of that exact name, or undefined. */
export function containerNamed(facts: HostFacts, name: string): ContainerFacts | undefined {
  return facts.containers.find((container) => container.name === name);
}

/** True when the container is attached to Kamal 2's network. */
export function inKamalNetwork(container: ContainerFacts): boolean {
  return container.networks.includes(KAMAL_NETWORK);
}

/** True when a mount's data lives in an anonymous volume: gone for good when its container is removed. */
export function isAnonymousVolume(mount: MountFacts): boolean {
  return mount.type === 'volume' && /^[0-9a-f]{64}$/.test(mount.name ?? '');
}
