import { section } from './configuration/raw.ts';
import { roleNames } from './configuration/role.ts';
import { resolveKeyData } from './configuration/ssh.ts';
import { requireVersion, type Deployment } from './deployment.ts';
import { Float, Sym, Timestamp, isHash, toS, type Value } from './ruby/value.ts';
import type { Secrets } from './secrets/secrets.ts';
import { emitYaml, Tagged, type Emittable } from './yaml/emit.ts';

/** JSON, as `bactrian config --json` prints it. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/**
 * What `kamal config` shows of a deployment (Kamal 2.12: `Configuration#to_h`). Private keys of `ssh/key_data` are
 * redacted unless `secrets` are given, which is for comparing with Kamal only.
 * @throws VersionMissing
 */
function configReport(d: Deployment, secrets?: Secrets): Map<Value, Emittable> {
  const version = requireVersion(d);
  const entries: [string, Emittable | undefined][] = [
    ['roles', roleNames(d.raw)],
    ['hosts', [...d.allHosts]],
    ['primary_host', d.configPrimaryHost ?? undefined],
    ['version', version],
    ['repository', d.repository],
    ['absolute_image', d.absoluteImage(version)],
    ['service_with_version', `${d.service}-${version}`],
    ['volume_args', [...d.volumeArgs]],
    ['ssh_options', sshOptions(d, keyDataOf(d, secrets))],
    ['sshkit', section(d.raw, 'sshkit')],
    ['builder', section(d.raw, 'builder')],
    ['accessories', d.raw.get('accessories') ?? undefined],
    ['logging', [...d.loggingArgs]],
  ];
  return symbolized(entries);
}

/** The report as the YAML text that `kamal config` prints. */
export function configText(d: Deployment, secrets?: Secrets): string {
  return emitYaml(configReport(d, secrets));
}

/** The report as JSON. */
export function configJson(d: Deployment, secrets?: Secrets): Json {
  return emittableJson(configReport(d, secrets));
}

function keyDataOf(d: Deployment, secrets: Secrets | undefined): string[] | undefined {
  if (d.ssh.keyData === null) return undefined;
  return secrets ? resolveKeyData(d.ssh, secrets) : d.ssh.keyData.map(() => '[REDACTED]');
}

/** What Kamal gives to Net::SSH; `keyData` as it is to be shown. */
export function sshOptions(d: Pick<Deployment, 'raw' | 'ssh'>, keyData: string[] | undefined): Map<Value, Emittable> {
  const raw = section(d.raw, 'ssh');
  return symbolized([
    ['user', raw.has('user') ? raw.get('user') : 'root'],
    ['port', raw.has('port') ? raw.get('port') : 22],
    ['proxy', proxyOf(d)],
    ['keepalive', true],
    ['keepalive_interval', 30],
    ['keys_only', raw.get('keys_only')],
    ['keys', raw.get('keys')],
    ['key_data', keyData],
    ['config', raw.get('config')],
    ['forward_agent', raw.get('forward_agent')],
    ['log_level', raw.has('log_level') ? raw.get('log_level') : Sym.of('fatal')],
  ]);
}

/** Ruby's objects for the way to the hosts, which `kamal config` writes with all their fields. */
function proxyOf(d: Pick<Deployment, 'ssh'>): Tagged | undefined {
  const { proxy } = d.ssh;
  if (proxy === null) return undefined;
  if (proxy.kind === 'jump') return new Tagged('ruby/object:Net::SSH::Proxy::Jump', new Map([['jump_proxies', proxy.value]]));
  return new Tagged('ruby/object:Net::SSH::Proxy::Command', new Map<string, Value>([['command_line_template', proxy.value], ['command_line', null], ['timeout', 60]]));
}

/** A report's entries that are there, under symbols as Ruby has them. */
export function symbolized(entries: readonly [string, Emittable | undefined][]): Map<Value, Emittable> {
  const present = entries.filter((entry): entry is [string, Emittable] => entry[1] !== undefined && entry[1] !== null);
  return new Map<Value, Emittable>(present.map(([key, value]) => [Sym.of(key), value]));
}

/** A report as JSON. */
export function emittableJson(value: Emittable): Json {
  if (value instanceof Tagged) {
    const jump = value.fields.get('jump_proxies');
    return { $proxy: jump === undefined ? 'command' : 'jump', value: toS(jump ?? value.fields.get('command_line_template')) };
  }
  if (Array.isArray(value)) return value.map((item) => emittableJson(item));
  if (value instanceof Map || isHash(value as Value)) return Object.fromEntries([...(value as Map<Value, Emittable>)].map(([key, item]) => [toS(key), emittableJson(item)]));
  return jsonScalar(value as Value);
}

/** A Ruby value as JSON: symbols and dates as text. */
export function jsonScalar(value: Value): Json {
  if (value instanceof Sym || value instanceof Timestamp) return toS(value);
  if (value instanceof Float) return value.number;
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(jsonScalar);
  if (isHash(value)) return Object.fromEntries([...value].map(([key, item]) => [toS(key), jsonScalar(item)]));
  return value;
}
