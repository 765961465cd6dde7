import { execFileSync } from 'node:child_process';
import type { InspectedContainer, InspectedImage } from '../../../src/plan/record/inspect.ts';

/**
 * What a real engine's `docker inspect` would print after a `docker run`, for the options that the tests use: a
 * FakeDocker that only remembers what it was told. Options that it doesn't know fail the test.
 *
 * @param words of the command line, as Kamal writes them for a shell
 */
export function toldDocker(words: readonly string[], image: InspectedImage, home = '/tmp'): InspectedContainer {
  const printed = execFileSync('sh', ['-c', `cd ${home}; printf '%s\\0' ${words.join(' ')}`], { encoding: 'utf8' });
  const args = printed.split('\0').slice(0, -1);
  const told: Record<string, string[]> = {};
  let at = 2;
  for (; args[at]?.startsWith('-'); at += 1) {
    const name = (args[at] ?? '').replace(/^-+/, '');
    if (FLAGS.has(name)) told[name] = ['true'];
    else {
      if (!TAKEN.has(name)) throw new Error(`FakeDocker does not know ${args[at]}`);
      at += 1;
      told[name] = [...(told[name] ?? []), args[at] ?? ''];
    }
  }
  const all = (name: string) => told[name] ?? [];
  const last = (name: string) => all(name).at(-1);
  const named = [...(image.Config?.Env ?? []), ...all('e'), ...all('env'), ...(told['env-file'] ? ['FROM_FILE=secret value'] : [])];
  const cmd = args.slice(at + 1);
  const test = last('health-cmd');
  const bytes = (text: string | undefined) => (text === undefined ? 0 : Number.parseInt(text, 10) * (text.endsWith('m') ? 1 << 20 : 1));
  const memory = bytes(last('memory'));
  return {
    Id: 'c'.repeat(64),
    Name: `/${last('name') ?? ''}`,
    Image: image.Id,
    Config: {
      Image: args[at],
      Hostname: last('hostname') ?? 'c'.repeat(12),
      Env: named,
      Cmd: cmd.length > 0 ? cmd : (image.Config?.Cmd ?? null),
      Entrypoint: told['entrypoint'] ?? image.Config?.Entrypoint ?? null,
      Labels: { ...image.Config?.Labels, ...Object.fromEntries(all('label').map((label) => pair(label))) },
      User: last('user') ?? image.Config?.User,
      Volumes: { ...image.Config?.Volumes, ...Object.fromEntries(all('volume').filter((volume) => !volume.includes(':')).map((volume) => [volume, {}])) },
      Healthcheck: test === undefined ? (image.Config?.Healthcheck ?? null) : { Test: ['CMD-SHELL', test], Interval: nanoseconds(last('health-interval')), Retries: Number(last('health-retries') ?? 0) },
    },
    HostConfig: {
      RestartPolicy: { Name: last('restart')?.split(':')[0], MaximumRetryCount: Number(last('restart')?.split(':')[1] ?? 0) },
      NetworkMode: last('network') ?? 'default',
      Binds: all('volume').filter((volume) => volume.includes(':')),
      PortBindings: bindings(all('publish')),
      LogConfig: { Type: last('log-driver') ?? 'json-file', Config: Object.fromEntries(all('log-opt').map((text) => pair(text))) },
      Memory: memory,
      MemorySwap: 2 * memory,
      NanoCpus: Number(last('cpus') ?? 0) * 1e9,
      CapAdd: told['cap-add'] ?? null,
      ExtraHosts: told['add-host'] ?? null,
      Ulimits: all('ulimit').map((text) => ({ Name: text.split('=')[0], Soft: Number(text.split('=')[1]?.split(':')[0]), Hard: Number(text.split(':')[1]) })),
      Tmpfs: told['tmpfs'] ? Object.fromEntries(all('tmpfs').map((text) => [text.split(':')[0], text.split(':')[1] ?? ''])) : undefined,
      ReadonlyRootfs: told['read-only'] !== undefined,
      Init: told['init'] ? true : undefined,
      // What engines put there by themselves.
      ShmSize: 64 << 20, Runtime: 'runc', IpcMode: 'private', CgroupnsMode: 'private', ConsoleSize: [0, 0], MaskedPaths: ['/proc/kcore'], PidsLimit: null, OomKillDisable: false, Isolation: '',
    },
    NetworkSettings: { Networks: { [last('network') ?? 'bridge']: {} } },
  };
}

const FLAGS = new Set(['detach', 'read-only', 'init']);
const TAKEN = new Set([
  'name', 'hostname', 'restart', 'network', 'e', 'env', 'env-file', 'label', 'volume', 'publish', 'log-driver', 'log-opt', 'memory', 'cpus', 'cap-add', 'add-host', 'ulimit', 'tmpfs', 'user', 'entrypoint',
  'health-cmd', 'health-interval', 'health-retries',
]);

function pair(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function nanoseconds(text = '0s'): number {
  return Number.parseFloat(text) * (text.endsWith('ms') ? 1e6 : text.endsWith('m') ? 60e9 : 1e9);
}

function bindings(published: string[]): Record<string, { HostIp: string; HostPort: string }[]> {
  const result: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const text of published) {
    const [, ip = '', host = '', inner = ''] = /^(?:(.+):)?(\d*):([^:]+)$/.exec(text) ?? [];
    const port = inner.includes('/') ? inner : `${inner}/tcp`;
    result[port] = [...(result[port] ?? []), { HostIp: ip.replaceAll(/[[\]]/g, ''), HostPort: host }];
  }
  return result;
}
