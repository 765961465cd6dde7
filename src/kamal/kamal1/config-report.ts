import { emittableJson, sshOptions, symbolized, type Json } from '../config-report.ts';
import { section } from '../configuration/raw.ts';
import { roleNames } from '../configuration/role.ts';
import { VersionMissing } from '../deployment.ts';
import type { Value } from '../ruby/value.ts';
import { emitYaml, type Emittable } from '../yaml/emit.ts';
import type { Kamal1Deployment } from './deployment.ts';
import type { Healthcheck } from './healthcheck.ts';

/** What `kamal config` of Kamal 1 shows of a deployment (Kamal 1.9: `Configuration#to_h`). @throws VersionMissing */
function report(d: Kamal1Deployment, showKeys: boolean): Map<Value, Emittable> {
  const { version } = d;
  if (version === null) throw new VersionMissing(d.versionProblem ?? 'no version given');
  const keyData = d.ssh.keyData === null ? undefined : d.ssh.keyData.map((key) => (showKeys ? key : '[REDACTED]'));
  return symbolized([
    ['roles', roleNames(d.raw)],
    ['hosts', [...d.allHosts]],
    ['primary_host', d.configPrimaryHost ?? undefined],
    ['version', version],
    ['repository', d.repository],
    ['absolute_image', d.absoluteImage(version)],
    ['service_with_version', `${d.service}-${version}`],
    ['volume_args', [...d.volumeArgs]],
    ['ssh_options', sshOptions(d, keyData)],
    ['sshkit', section(d.raw, 'sshkit')],
    ['builder', section(d.raw, 'builder')],
    ['accessories', d.raw.get('accessories') ?? undefined],
    ['logging', [...d.loggingArgs]],
    ['healthcheck', healthcheckHash(d.healthcheck)],
  ]);
}

/** A health check with its defaults. */
export function healthcheckHash({ raw, cmd, interval, port, path }: Healthcheck): Map<Value, Value> {
  const or = (key: string, fallback: Value): Value => (raw.has(key) ? (raw.get(key) ?? null) : fallback);
  return new Map<Value, Value>([
    ['cmd', cmd],
    ['interval', interval],
    ['max_attempts', or('max_attempts', 7)],
    ['port', port],
    ['path', path],
    ['cord', or('cord', '/tmp/kamal-cord')],
    ['log_lines', or('log_lines', 50)],
  ]);
}

/** The report as the YAML text that `kamal config` prints; private keys only with `showKeys`, for comparing. */
export function kamal1ConfigText(d: Kamal1Deployment, { showKeys = false } = {}): string {
  return emitYaml(report(d, showKeys));
}

/** The report as JSON. */
export function kamal1ConfigJson(d: Kamal1Deployment, { showKeys = false } = {}): Json {
  return emittableJson(report(d, showKeys));
}
