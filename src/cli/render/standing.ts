import type { HostStanding, ProxyStanding, RoleStanding } from '../../plan/standing/host.ts';
import type { Oddity, Weight } from '../../plan/standing/oddity.ts';
import type { FleetStanding } from '../look-at-hosts.ts';
import { bold, cyan, dim, green, red, yellow } from '../terminal.ts';
import { count } from '../values.ts';

const MARKS: Record<Weight, () => string> = { fail: () => red('✗'), warn: () => yellow('!'), note: () => dim('·') };
const PAINT: Record<string, (text: string) => string> = { kamal1: cyan, kamal2: green, mixed: yellow, empty: dim };

/** A line a host, and below it what is odd with what to do about it; then the fleet. */
export function renderStanding({ deployment, openRun, hosts, fleet }: FleetStanding): string {
  const width = Math.max(0, ...hosts.map(({ host }) => host.length));
  const run = openRun === undefined ? '' : openRun === null ? '  no run is open' : `  run ${openRun} is open`;
  return [`${bold(deployment)}${dim(run)}`, ...hosts.flatMap((host) => hostLines(host, width)), ...fleet.flatMap((oddity) => oddityLines(oddity, '')), summary(hosts, fleet)].join('\n');
}

function hostLines({ host, generation, roles, proxies, oddities }: HostStanding, width: number): string[] {
  const word = (generation ?? 'unknown').padEnd(7);
  const parts = [...roles.map(roleWords), ...proxies.map(proxyWords)];
  return [`${bold(host.padEnd(width))}  ${(PAINT[generation ?? ''] ?? red)(word)}  ${parts.join(' · ')}`.trimEnd(), ...oddities.flatMap((oddity) => oddityLines(oddity, '  '))];
}

function roleWords({ role, running }: RoleStanding): string {
  if (running.length === 0) return `${role} ${red('does not run')}`;
  const both = new Set(running.map(({ generation }) => generation)).size > 1;
  const versions = running.map(({ version, container, generation }) => `${version ?? container}${both ? ` (Kamal ${generation === 'kamal1' ? 1 : 2})` : ''}`);
  return `${role} ${[...new Set(versions)].join(' and ')}`;
}

function proxyWords({ container, running, ports }: ProxyStanding): string {
  if (!running) return dim(`${container} stopped`);
  return ports.length > 0 ? `${container} on ${[...new Set(ports)].join(', ')}` : `${container} without a port`;
}

function oddityLines({ weight, what, todo }: Oddity, indent: string): string[] {
  const [first = '', ...rest] = what.trim().split('\n');
  return [`${indent}${MARKS[weight]()} ${first}`, ...rest.map((line) => `${indent}  ${line.trim()}`), ...(todo === null ? [] : [`${indent}  ${cyan('→')} ${dim(todo.trim().replaceAll(/\s*\n\s*/g, ' '))}`])];
}

function summary(hosts: readonly HostStanding[], fleet: readonly Oddity[]): string {
  const odd = isOdd({ hosts, fleet });
  const generations = ['kamal1', 'kamal2', 'mixed', 'empty', null].flatMap((generation) => {
    const number = hosts.filter((host) => host.generation === generation).length;
    return number === 0 ? [] : [`${number} ${generation ?? 'unknown'}`];
  });
  return `${odd ? yellow('!') : green('✓')} ${count(hosts.length, 'host')}: ${generations.join(', ')}`;
}

/** True when anything is said that is more than a note. */
export function isOdd({ hosts, fleet }: { hosts: readonly HostStanding[]; fleet: readonly Oddity[] }): boolean {
  return [...fleet, ...hosts.flatMap(({ oddities }) => oddities)].some(({ weight }) => weight !== 'note');
}
