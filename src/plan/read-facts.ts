import { readAcmeJson, type StoredCertificate } from './acme-json.ts';
import { ACME_SCOPE, certificateFacts } from './certificates.ts';
import type { CertificateFacts, ContainerFacts, HostFacts, ImageFacts, JournalFacts, LockFacts, MountFacts, PortFacts, ProxyRoute } from './facts.ts';
import { NOT_LOOKED } from './reachability.ts';

/**
 * The probe's script prints sections, each begun by a line `@@name`. This module turns that text into facts; the
 * script itself lives with the activities (`activities/probe.ts`).
 */
export function readFacts(host: string, output: string): HostFacts {
  const sections = sectionsOf(output);
  const lines = (name: string) => linesOf(sections, name);
  const certificates = heldCertificates(sections);
  const first = (name: string) => lines(name)[0] ?? null;
  const disk = Number(first('disk'));
  return {
    host,
    dockerVersion: first('docker'),
    dockerError: first('docker') === null ? (lines('docker-error').join(' ') || 'no answer') : null,
    missingTools: lines('missing'),
    containers: jsonArray(sections.get('containers')).map(readContainer),
    images: readImages(lines('images')),
    imageEnv: Object.fromEntries(lines('image-env').map(readImageEnv)),
    networks: lines('networks'),
    volumes: lines('volumes'),
    freeDiskMiB: first('disk') !== null && Number.isFinite(disk) ? Math.floor(disk / 1024) : null,
    listening: [...new Set(lines('listening').map(Number).filter((port) => port > 0))].sort((a, b) => a - b),
    handover: first('handover') === null ? null : { proven: first('handover') === 'proven', why: lines('handover').join(' ') },
    locks: lines('locks').map(readLock),
    openRuns: { app: openRuns(lines('runs'), 'app'), accessories: openRuns(lines('runs'), 'accessories') },
    journals: lines('runs').flatMap(readJournal),
    routes: first('routes') === null ? null : lines('routes').slice(1).flatMap(readRoute),
    certificates: { proxy: certificates.proxy, traefik: certificates.traefik.map(({ names, notAfter, key }) => ({ names, notAfter, key })) },
    answers: [],
    reach: NOT_LOOKED,
  };
}

/** What a script printed, by section. */
export function sectionsOf(output: string): Map<string, string> {
  const sections = new Map<string, string>();
  for (const part of output.split(/^@@/m).slice(1)) {
    const end = part.indexOf('\n');
    sections.set(part.slice(0, end).trim(), part.slice(end + 1));
  }
  return sections;
}

function linesOf(sections: Map<string, string>, name: string): string[] {
  return (sections.get(name) ?? '').split('\n').filter((line) => line !== '');
}

/** The certificates that both proxies hold; Traefik's with their keys, if the script printed those. */
export function heldCertificates(sections: Map<string, string>): { proxy: CertificateFacts[]; traefik: StoredCertificate[] } {
  return {
    proxy: linesOf(sections, 'certificates').flatMap(readProxyCertificate),
    traefik: linesOf(sections, 'traefik-certificates').flatMap((line) => readAcmeJson(Buffer.from(line, 'base64').toString())),
  };
}

function jsonArray(text: string | undefined): Inspect[] {
  if (!text?.trim()) return [];
  return JSON.parse(text) as Inspect[];
}

/** `path<TAB>base64 of the details file, which itself is Kamal's base64 text<TAB>run`; nothing where there is none. */
function readLock(line: string): LockFacts {
  const [path = '', encoded = '', run = ''] = line.split('\t');
  const details = encoded === '' ? null : Buffer.from(Buffer.from(encoded, 'base64').toString(), 'base64').toString();
  return { path, details, intendedBy: run || null };
}

/** `folder/name<TAB>base64 of the certificate`. It is found by the name it is filed under, whatever else it is valid for. */
function readProxyCertificate(line: string): CertificateFacts[] {
  const [path = '', encoded = ''] = line.split('\t');
  const [scope, name = ''] = path.split('/');
  const facts = scope === ACME_SCOPE ? certificateFacts(Buffer.from(encoded, 'base64').toString()) : null;
  return facts ? [{ ...facts, names: [name.replace(/\+rsa$/, '')] }] : [];
}

/** `journal<TAB>run<TAB>seconds since the epoch<TAB>last line` */
function readJournal(line: string): JournalFacts[] {
  const [journal, run, changed, last = ''] = line.split('\t');
  if (!run || (journal !== 'app' && journal !== 'accessories' && journal !== 'lock')) return [];
  return [{ run, journal, changedAt: changed ? Number(changed) * 1000 : null, last }];
}

/** A line of `kamal-proxy list` below its headings: service, hosts, paths, targets with their ports, state, TLS; coloured where it likes to. */
function readRoute(line: string): ProxyRoute[] {
  // oxlint-disable-next-line no-control-regex
  const [service, , , targets = ''] = line.replaceAll(/\u001b\[[0-9;]*m/g, '').trim().split(/\s+/);
  return service ? [{ service, targets: targets.split(',').map((target) => target.replace(/:\d+$/, '')) }] : [];
}

/** `journal<TAB>run` */
function openRuns(lines: string[], journal: string): string[] {
  return lines.map((line) => line.split('\t')).flatMap(([name, run]) => (name === journal && run ? [run] : []));
}

/** `id<TAB>repository:tag`, one line a tag. */
function readImages(lines: string[]): ImageFacts[] {
  const images = new Map<string, string[]>();
  for (const line of lines) {
    const [id = '', tag = ''] = line.split('\t');
    const tags = images.get(id) ?? [];
    if (!tag.includes('<none>')) tags.push(tag);
    images.set(id, tags);
  }
  return [...images].map(([id, tags]) => ({ id, tags }));
}

/** `id<TAB>JSON array of NAME=value`. */
function readImageEnv(line: string): [string, Record<string, string>] {
  const [id = '', json = '[]'] = line.split('\t');
  return [id, readEnv((JSON.parse(json) as string[] | null) ?? [])];
}

/** The part of `docker inspect` that is read here. Everything may be missing: engines differ. */
interface Inspect {
  Id: string;
  Name: string;
  Image: string;
  State?: { Status?: string; Running?: boolean; StartedAt?: string; Health?: { Status?: string } };
  HostConfig?: {
    RestartPolicy?: { Name?: string };
    NetworkMode?: string;
    Devices?: { PathOnHost?: string }[] | null;
    PortBindings?: Record<string, { HostIp?: string; HostPort?: string }[] | null> | null;
  };
  Config?: { Image?: string; Env?: string[] | null; Labels?: Record<string, string> | null; Hostname?: string; Cmd?: string[] | null };
  Mounts?: { Type?: string; Name?: string; Source?: string; Destination?: string }[];
  NetworkSettings?: { Networks?: Record<string, { IPAddress?: string }> | null };
}

function readContainer(raw: Inspect): ContainerFacts {
  return {
    id: raw.Id,
    name: raw.Name.replace(/^\//, ''),
    image: { id: raw.Image, name: raw.Config?.Image ?? '' },
    running: raw.State?.Running === true,
    status: raw.State?.Status ?? 'unknown',
    health: raw.State?.Health?.Status ?? null,
    restartPolicy: raw.HostConfig?.RestartPolicy?.Name || 'no',
    networkMode: raw.HostConfig?.NetworkMode ?? '',
    networks: Object.keys(raw.NetworkSettings?.Networks ?? {}).sort(),
    addresses: Object.fromEntries(Object.entries(raw.NetworkSettings?.Networks ?? {}).flatMap(([network, { IPAddress }]) => (IPAddress ? [[network, IPAddress]] : []))),
    labels: raw.Config?.Labels ?? {},
    env: readEnv(raw.Config?.Env ?? []),
    mounts: (raw.Mounts ?? []).map(readMount),
    ports: readPorts(raw.HostConfig?.PortBindings ?? {}),
    devices: (raw.HostConfig?.Devices ?? []).map((device) => device.PathOnHost ?? ''),
    hostname: raw.Config?.Hostname ?? '',
    cmd: raw.Config?.Cmd ?? [],
    startedAt: raw.State?.StartedAt ?? '',
  };
}

function readEnv(entries: string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf('=');
      return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

function readMount(raw: { Type?: string; Name?: string; Source?: string; Destination?: string }): MountFacts {
  return { type: raw.Type ?? '', name: raw.Name ?? null, source: raw.Source ?? '', destination: raw.Destination ?? '' };
}

function readPorts(bindings: Record<string, { HostIp?: string; HostPort?: string }[] | null>): PortFacts[] {
  return Object.entries(bindings)
    .flatMap(([containerPort, published]) =>
      (published ?? []).map((binding) => ({ containerPort, hostIp: binding.HostIp ?? '', hostPort: Number(binding.HostPort) })),
    )
    .sort((a, b) => a.hostPort - b.hostPort);
}
