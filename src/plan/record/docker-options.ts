import type { InspectedConfig, InspectedContainer, InspectedHealthcheck } from './inspect.ts';

/** Options of `docker run` by name, and the settings that none is known for. */
export interface DockerOptions {
  readonly options: Record<string, (string | true)[]>;
  readonly unknown: string[];
}

type Value = unknown;
type Read = (value: Value) => (string | true)[] | null;

const one: Read = (value) => [String(value)];
const flag: Read = (value) => (value === true ? [true] : null);
const texts: Read = (value) => (isTexts(value) ? value : null);
const pairs: Read = (value) => (isObject(value) ? Object.entries(value).map(([key, text]) => `${key}=${String(text)}`) : null);
const unless = (usual: readonly Value[], read: Read): Read => (value) => (usual.includes(value) ? [] : read(value));

/** How each setting of `HostConfig` is said to `docker run`: the option, and its values; null where it can't be said. */
const SETTINGS: Readonly<Record<string, readonly [string, Read]>> = {
  Memory: ['memory', one],
  MemoryReservation: ['memory-reservation', one],
  MemorySwappiness: ['memory-swappiness', unless([-1], one)],
  KernelMemory: ['kernel-memory', one],
  CpuShares: ['cpu-shares', one],
  NanoCpus: ['cpus', (value) => [String(Number(value) / 1e9)]],
  CpuPeriod: ['cpu-period', one],
  CpuQuota: ['cpu-quota', one],
  CpuRealtimePeriod: ['cpu-rt-period', one],
  CpuRealtimeRuntime: ['cpu-rt-runtime', one],
  CpusetCpus: ['cpuset-cpus', one],
  CpusetMems: ['cpuset-mems', one],
  BlkioWeight: ['blkio-weight', one],
  PidsLimit: ['pids-limit', unless([-1], one)],
  OomScoreAdj: ['oom-score-adj', one],
  OomKillDisable: ['oom-kill-disable', flag],
  ShmSize: ['shm-size', unless([64 * 1024 * 1024], one)],
  Privileged: ['privileged', flag],
  ReadonlyRootfs: ['read-only', flag],
  Init: ['init', flag],
  PublishAllPorts: ['publish-all', flag],
  PidMode: ['pid', one],
  // `private` and `shareable` are what engines choose by themselves.
  IpcMode: ['ipc', unless(['private', 'shareable'], one)],
  UTSMode: ['uts', one],
  UsernsMode: ['userns', one],
  CgroupParent: ['cgroup-parent', one],
  Runtime: ['runtime', unless(['runc'], one)],
  CapAdd: ['cap-add', texts],
  CapDrop: ['cap-drop', texts],
  Dns: ['dns', texts],
  DnsSearch: ['dns-search', texts],
  DnsOptions: ['dns-option', texts],
  ExtraHosts: ['add-host', texts],
  GroupAdd: ['group-add', texts],
  SecurityOpt: ['security-opt', texts],
  VolumesFrom: ['volumes-from', texts],
  Links: ['link', (value) => (isTexts(value) ? value.map((text) => text.replace(/^\//, '').replace(/:\/.*\//, ':')) : null)],
  DeviceCgroupRules: ['device-cgroup-rule', texts],
  Sysctls: ['sysctl', pairs],
  StorageOpt: ['storage-opt', pairs],
  Tmpfs: ['tmpfs', (value) => (isObject(value) ? Object.entries(value).map(([path, more]) => (more === '' ? path : `${path}:${String(more)}`)) : null)],
  Ulimits: ['ulimit', each(['Name', 'Soft', 'Hard'], ({ Name, Soft, Hard }) => `${Name}=${Soft}:${Hard}`)],
  Devices: ['device', each(['PathOnHost', 'PathInContainer', 'CgroupPermissions'], (device) => `${device.PathOnHost}:${device.PathInContainer}:${device.CgroupPermissions}`)],
  Mounts: ['mount', each(['Type', 'Source', 'Target', 'ReadOnly'], ({ Type, Source, Target, ReadOnly }) => [`type=${Type}`, ...(Source ? [`source=${Source}`] : []), `target=${Target}`, ...(ReadOnly ? ['readonly'] : [])].join(','))],
};

/** Read elsewhere, or the engine's own choice that `docker run` is never asked for. */
const NOT_OPTIONS = new Set([
  'RestartPolicy', 'NetworkMode', 'PortBindings', 'Binds', 'LogConfig', 'MemorySwap', 'ConsoleSize', 'MaskedPaths', 'ReadonlyPaths', 'ContainerIDFile',
  'CgroupnsMode', 'Isolation', 'VolumeDriver', 'Cgroup',
]);

/** What a container was told beside image, command, labels, environment, volumes, ports, log and health command. */
export function dockerOptions(container: InspectedContainer, image: InspectedConfig, named: { hostname: boolean }): DockerOptions {
  const options: Record<string, (string | true)[]> = {};
  const unknown: string[] = [];
  const add = (option: string, values: readonly (string | true)[]) => {
    if (values.length > 0) options[option] = [...(options[option] ?? []), ...values];
  };
  const host = container.HostConfig ?? {};
  for (const [setting, value] of Object.entries(host)) {
    if (isNothing(value) || NOT_OPTIONS.has(setting)) continue;
    const [option, read] = SETTINGS[setting] ?? [];
    const values = read?.(value) ?? null;
    if (option === undefined || values === null) unknown.push(`HostConfig.${setting}`);
    else add(option, values);
  }
  const swap = host['MemorySwap'];
  // Docker gives as much swap as memory when only memory is limited.
  if (typeof swap === 'number' && swap !== 0 && swap !== 2 * Number(host['Memory'] ?? 0)) add('memory-swap', [String(swap)]);
  add('restart', restart(host['RestartPolicy']));
  own(container, image, named, add, unknown);
  networks(container, add, unknown);
  return { options, unknown };
}

/** Kamal 1 says `unless-stopped` to everything that it starts; an option comes after it, and wins. */
function restart(policy: Value): string[] {
  const { Name = '', MaximumRetryCount = 0 } = isObject(policy) ? policy : {};
  if (Name === 'unless-stopped') return [];
  return [Name === '' ? 'no' : `${String(Name)}${Number(MaximumRetryCount) > 0 ? `:${String(MaximumRetryCount)}` : ''}`];
}

function own({ Id, Config: config = {} }: InspectedContainer, image: InspectedConfig, named: { hostname: boolean }, add: (option: string, values: readonly (string | true)[]) => void, unknown: string[]): void {
  for (const [key, option] of [['User', 'user'], ['WorkingDir', 'workdir'], ['StopSignal', 'stop-signal']] as const) {
    if ((config[key] ?? '') !== (image[key] ?? '') && config[key]) add(option, [config[key]]);
  }
  if (typeof config.StopTimeout === 'number' && config.StopTimeout !== image.StopTimeout) add('stop-timeout', [String(config.StopTimeout)]);
  if (config.Domainname) add('domainname', [config.Domainname]);
  if (config.Tty) add('tty', [true]);
  if (config.OpenStdin) add('interactive', [true]);
  // Without a name of its own a container is called by the first digits of its id.
  if (!named.hostname && config.Hostname && !Id.startsWith(config.Hostname)) add('hostname', [config.Hostname]);
  const entrypoint = config.Entrypoint ?? [];
  if (!sameTexts(entrypoint, image.Entrypoint ?? [])) {
    const [program] = entrypoint;
    if (entrypoint.length === 1 && program !== undefined) add('entrypoint', [program]);
    else unknown.push('Config.Entrypoint');
  }
  add('volume', Object.keys(config.Volumes ?? {}).filter((path) => !(path in (image.Volumes ?? {}))));
  health(config.Healthcheck ?? null, image.Healthcheck ?? null, add, unknown);
}

function health(check: InspectedHealthcheck | null, inherited: InspectedHealthcheck | null, add: (option: string, values: readonly (string | true)[]) => void, unknown: string[]): void {
  if (check === null) return;
  const [kind] = check.Test ?? [];
  if (kind === 'NONE') return add('no-healthcheck', [true]);
  if (kind === 'CMD' && !sameTexts(check.Test ?? [], inherited?.Test ?? [])) unknown.push('Config.Healthcheck.Test');
  for (const [key, option] of [['Timeout', 'health-timeout'], ['StartPeriod', 'health-start-period']] as const) {
    if ((check[key] ?? 0) !== (inherited?.[key] ?? 0) && check[key]) add(option, [duration(check[key])]);
  }
  if ((check.Retries ?? 0) !== (inherited?.Retries ?? 0) && check.Retries) add('health-retries', [String(check.Retries)]);
}

function networks({ Id, HostConfig: { NetworkMode: mode } = {}, NetworkSettings: settings, Name, Config: config }: InspectedContainer, add: (option: string, values: readonly string[]) => void, unknown: string[]): void {
  const main = typeof mode === 'string' && !['', 'default', 'bridge'].includes(mode) ? mode : null;
  if (main !== null) add('network', [main]);
  const joined = settings?.Networks ?? {};
  for (const [name, { Aliases: aliases }] of Object.entries(joined)) {
    if (name !== (main ?? 'bridge') && main !== 'host') unknown.push(`the network ${name}, which it joined later`);
    if (name === main) add('network-alias', (aliases ?? []).filter((alias) => !Id.startsWith(alias) && alias !== Name.replace(/^\//, '') && alias !== config?.Hostname));
  }
}

/** As Docker takes it; from nanoseconds. */
export function duration(nanoseconds: number): string {
  if (nanoseconds % 1e9 === 0) return `${nanoseconds / 1e9}s`;
  return nanoseconds % 1e6 === 0 ? `${nanoseconds / 1e6}ms` : `${nanoseconds}ns`;
}

export function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, at) => text === b[at]);
}

/** A list of objects that have these keys and no others of any weight. */
function each(keys: readonly string[], say: (item: Record<string, string>) => string): Read {
  return (value) => {
    if (!Array.isArray(value)) return null;
    const items = value as Record<string, string>[];
    if (items.some((item) => Object.entries(item).some(([key, inner]) => !keys.includes(key) && !isNothing(inner)))) return null;
    return items.map(say);
  };
}

function isNothing(value: Value): boolean {
  return value === undefined || value === null || value === 0 || value === '' || value === false || (Array.isArray(value) && value.length === 0) || (isObject(value) && Object.keys(value).length === 0);
}

function isObject(value: Value): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTexts(value: Value): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
