import { randomBytes } from 'node:crypto';
import type { FleetInput, HostOrder, RoleOrder, RunOptions } from '../../workflows/types.ts';

const ALL_HOOKS = ['pre-connect', 'pre-proxy-reboot', 'pre-app-boot', 'post-app-boot', 'post-proxy-reboot'];

/** The primary role behind the proxy, as most deployments have it. */
export const WEB: RoleOrder = { name: 'web', version: 'v1', runningVersion: 'v1', imageId: 'sha256:1', primary: true, proxied: true };
/** A role without a proxy. */
export const JOB: RoleOrder = { name: 'job', version: 'v1', runningVersion: 'v1', imageId: 'sha256:1', primary: false, proxied: false };
/** A primary role without a proxy: its health is known only after it has replaced the old one. */
export const BARE: RoleOrder = { name: 'core', version: 'v1', runningVersion: 'v1', imageId: 'sha256:1', primary: true, proxied: false };

/** A host's part of a run. */
export function order(host: string, roles: RoleOrder[] = [WEB], more: Partial<HostOrder> = {}): HostOrder {
  return { host, roles, done: false, strategy: 'swap', importCertificates: true, keepTraefik: false, accessories: [], fingerprint: `seen-${host}`, ...more };
}

type InputWish = Partial<Omit<FleetInput, 'options'>> & { hosts: HostOrder[]; options?: Partial<RunOptions> };

/** The input of a run with a name of its own; what isn't said is as `bactrian upgrade` has it by default. */
export function fleetInput({ options, ...wish }: InputWish): FleetInput {
  return {
    run: `run-${randomBytes(4).toString('hex')}`,
    direction: 'upgrade',
    service: 'shop',
    destination: null,
    startedBy: 'someone@somewhere',
    digest: 'd1935'.padEnd(64, '0'),
    primaryHost: wish.hosts[0]?.host ?? '',
    hooks: ALL_HOOKS,
    bootLimit: null,
    bootWaitSeconds: 0,
    takeOverLockOf: null,
    lookedAgoMs: 1000,
    ...wish,
    options: {
      strategy: 'auto',
      rolling: false,
      concurrency: 30,
      accessories: 'reboot',
      pullAccessories: false,
      maxPauseSeconds: 30,
      approve: [],
      approvalTimeoutSeconds: 7 * 24 * 3600,
      lockWait: null,
      acceptAnswers: [],
      probeUrls: [],
      acceptUnreachable: [],
      hooksIdempotent: false,
      onFailure: 'rollback',
      maxFailures: null,
      canary: null,
      probe: 'worker',
      ...options,
    },
  };
}
