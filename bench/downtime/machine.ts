import { cpus, release, totalmem } from 'node:os';

import { pinnedVersion } from '../../lab/paths.ts';
import { run } from '../../lab/run.ts';
import type { Bench } from './contest.ts';

/** On what a benchmark ran: figures of different machines can't be compared. */
export type Machine = Record<string, string | number | boolean>;

export async function describeMachine({ lab, bactrian, env }: Bench): Promise<Machine> {
  const first = lab.hosts[0];
  const says = async (program: string, ...args: string[]): Promise<string> => (await run(program, args, { env })).stdout.trim().split('\n')[0] ?? '';
  const engine = first === undefined ? '' : (await lab.exec(first.name, "docker version --format '{{.Server.Version}}'")).stdout.trim();
  return {
    cores: cpus().length,
    processor: cpus()[0]?.model ?? '',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    hosts: lab.hosts.length,
    dockerEngine: engine,
    node: process.version,
    bactrian: await says(bactrian, '--version'),
    commit: await says('git', '-C', new URL('.', import.meta.url).pathname, 'rev-parse', '--short', 'HEAD'),
    realKamal: pinnedVersion('KAMAL_VERSION'),
    traefik: pinnedVersion('TRAEFIK_VERSION'),
    kamalProxy: pinnedVersion('KAMAL_PROXY_VERSION'),
  };
}
