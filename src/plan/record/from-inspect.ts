import { dockerOptions, duration, sameTexts } from './docker-options.ts';
import type { InspectedContainer, InspectedImage } from './inspect.ts';
import type { ContainerRecord, Part, Text } from './shape.ts';

/** What turns values into what may be written down. */
export interface Keeping {
  /** A keyed hash of a variable's value. */
  readonly hash: (name: string, value: string) => string;
  /** Puts names of secrets in the place of their values. */
  readonly mask: (text: string) => Text;
}

/** Kamal's own variables: another generation, or another version, sets them anew. */
const KAMALS_OWN = /^KAMAL_(CONTAINER_NAME|VERSION|HOST|DESTINATION)$/;

/**
 * Reads back from `docker inspect` what `docker run` was told, without what the image says by itself.
 *
 * @param image the image that it runs
 */
export function containerRecord(container: InspectedContainer, image: InspectedImage, part: Part, { hash, mask }: Keeping): ContainerRecord {
  const own = container.Config ?? {};
  const inherited = image.Config ?? {};
  const { options, unknown } = dockerOptions(container, inherited, { hostname: part.kind === 'role' });
  const masked = Object.entries(options).map(([name, values]) => [name, values.map((value) => (value === true ? value : mask(value)))] as const);
  const cmd = own.Cmd ?? [];
  const log = (container.HostConfig?.['LogConfig'] ?? {}) as { Type?: string; Config?: Record<string, string> | null };
  return {
    name: container.Name.replace(/^\//, ''),
    image: own.Image ?? '',
    cmd: sameTexts(cmd, inherited.Cmd ?? []) ? null : cmd.map(mask),
    labels: Object.fromEntries(Object.entries(own.Labels ?? {}).filter(([name, value]) => inherited.Labels?.[name] !== value).map(([name, value]) => [name, mask(value)])),
    env: Object.fromEntries((own.Env ?? []).filter((entry) => !(inherited.Env ?? []).includes(entry)).map(split).filter(([name]) => !KAMALS_OWN.test(name)).map(([name, value]) => [name, hash(name, value)])),
    volumes: [...((container.HostConfig?.['Binds'] ?? []) as string[])],
    publish: publishOf((container.HostConfig?.['PortBindings'] ?? {}) as Bindings),
    log: { driver: log.Type ?? '', options: log.Config ?? {} },
    health: healthOf(own.Healthcheck, inherited.Healthcheck, mask),
    options: Object.fromEntries(masked),
    unknown,
  };
}

function split(entry: string): [string, string] {
  const at = entry.indexOf('=');
  return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
}

type Bindings = Readonly<Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[] | null>>;

function publishOf(bindings: Bindings): string[] {
  return Object.entries(bindings).flatMap(([port, published]) =>
    (published ?? []).map(({ HostIp: ip = '', HostPort: host = '' }) => {
      const inner = port.replace(/\/tcp$/, '');
      const address = ip === '' ? '' : `${ip.includes(':') ? `[${ip}]` : ip}:`;
      return host === '' && address === '' ? inner : `${address}${host}:${inner}`;
    }),
  );
}

/** Docker's default interval, which stands as 0. Nanoseconds. */
const USUAL_INTERVAL = 30e9;

function healthOf(check: NonNullable<InspectedContainer['Config']>['Healthcheck'], inherited: typeof check, mask: Keeping['mask']): ContainerRecord['health'] {
  const [kind, cmd = ''] = check?.Test ?? [];
  if (!check || kind !== 'CMD-SHELL') return null;
  if (sameTexts(check.Test ?? [], inherited?.Test ?? []) && (check.Interval ?? 0) === (inherited?.Interval ?? 0)) return null;
  return { cmd: mask(cmd), interval: duration(check.Interval || USUAL_INTERVAL) };
}
