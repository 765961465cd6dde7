import { dateOf, type ServedName } from '../../plan/certificates.ts';
import { isEmpty, losesEnv, type Differences } from '../../plan/differences.ts';
import { isDone, type FleetPlan, type HostPlan, type RolePlan } from '../../plan/plan.ts';
import type { SharedTraefik } from '../../plan/shared-traefik.ts';
import type { Refusal } from '../../plan/refusals.ts';
import type { Direction } from '../../../workflows/types.ts';
import { bold, cyan, dim, green, red, yellow } from '../terminal.ts';

/** How a plan's run goes, for its heading. */
export interface PlanHeading {
  name: string;
  direction: Direction;
  strategy: string;
  rolling: boolean;
  accessories: string;
  approve: string[];
}

/** The plan as a person confirms it: hosts in order, what runs there now and what will. */
export function renderPlan(plan: FleetPlan, heading: PlanHeading): string {
  const how = [
    heading.rolling ? 'one host after the other' : 'all hosts together',
    `strategy ${heading.strategy}`,
    `accessories: ${heading.accessories}`,
    ...(heading.approve.length > 0 ? [`waits for approval: ${heading.approve.join(', ')}`] : []),
  ];
  return [
    `${heading.direction === 'upgrade' ? `${bold(`Upgrade ${heading.name}`)} from Kamal 1 to Kamal 2` : `${bold(`Downgrade ${heading.name}`)} from Kamal 2 to Kamal 1`} ${dim(`(${how.join(' · ')})`)}`,
    '',
    ...plan.hosts.flatMap((host) => renderHost(host, heading)),
    ...plan.notes.map((note) => `${yellow('!')} ${note}`),
    ...(plan.variables ?? []).filter(({ changed }) => changed.length > 0).map(({ host, part, changed }) => `${yellow('!')} ${host}: ${part} had other values under Kamal 1 of ${changed.join(', ')}`),
  ].join('\n');
}

function renderHost(host: HostPlan, heading: PlanHeading): string[] {
  const done = isDone(host) && host.accessories.every((accessory) => accessory.there);
  const state = done ? green('already there: verified, nothing restarted') : dim(steps(host).join(' → '));
  return [
    `${bold(host.host)}  ${cyan(host.generation)}  ${state}`,
    ...host.cutOff.map((run) => `  ${yellow('!')} run ${run} was cut off here: what it left is put back first`),
    ...host.roles.flatMap((role) => renderRole(role, host)),
    ...(done || !host.roles.some((role) => role.proxied && !role.there) ? [] : [renderStrategy(host)]),
    ...(host.shared ? [renderShared(host.shared)] : []),
    ...host.certificates.map((each) => renderCertificate(each, host)),
    ...host.accessories.map((each) => `  accessory ${each.name}  ${each.image} ${dim(short(each.imageId))} ${each.there ? green(host.target === 'kamal2' ? 'in its network already' : 'outside the network kamal already') : heading.accessories === 'join' ? 'joined to the network' : 'rebooted, its data kept'}`),
    '',
  ];
}

function renderStrategy({ strategy, reason, target }: HostPlan): string {
  const words = { handover: green(`handover: new connections are steered past ${target === 'kamal2' ? 'Traefik' : 'kamal-proxy'}, none waits`), swap: 'swap: one gap, of a stop and a start', kamal: yellow("kamal: Kamal's own order, down until the new one has booted"), move: green(target === 'kamal2' ? 'move: kamal-proxy serves in front of Traefik already, and takes the hosts to itself; none waits' : 'move: kamal-proxy stays in front, and sends the hosts on to the Traefik behind it; none waits') };
  return `  proxy  ${words[strategy]}${reason === null ? '' : ` ${dim(`(no handover: ${reason})`)}`}`;
}

function renderShared({ becomes, others }: SharedTraefik): string {
  const words = { moves: `Traefik moves behind kamal-proxy, for ${others.join(', ')}`, stays: `Traefik behind for ${others.join(', ')}`, goes: 'Traefik behind it serves nobody else: it goes with the last step' };
  return `  proxy  ${cyan(words[becomes])}`;
}

function renderCertificate({ name, from, notAfter, remark }: ServedName, { target }: HostPlan): string {
  const end = notAfter === null ? '' : `, ends ${dateOf(notAfter)}`;
  const own = target === 'kamal2' ? 'kamal-proxy' : 'Traefik';
  const none = target === 'kamal2' ? 'none yet: kamal-proxy gets one at the first request' : 'none yet: Traefik has to get one';
  const origin = from === 'nobody' ? yellow(none) : from === own ? `${own} has it${end}` : `carried over from ${from}${end}`;
  return `  certificate ${name}  ${origin}${remark === null ? '' : ` ${dim(`(${remark})`)}`}`;
}

function steps(host: HostPlan): string[] {
  if (isDone(host)) return ['accessories'];
  const proxied = host.roles.some((role) => role.proxied);
  const handOver = host.target === 'kamal1' ? 'hand over to Traefik' : 'hand over to kamal-proxy';
  const proof = host.target === 'kamal1' ? ['boot app'] : ['boot app', 'compare answers'];
  const change = !proxied ? ['boot app'] : host.strategy === 'kamal' ? [handOver, 'boot app'] : [...proof, handOver];
  return ['prepare', ...change, 'stop old app', 'verify', 'prune', ...(host.accessories.length > 0 ? ['accessories'] : [])];
}

function renderRole(role: RolePlan, { target }: HostPlan): string[] {
  const line = `  ${role.name}  version ${role.version === role.runningVersion ? bold(role.version) : `${role.runningVersion} → ${bold(role.version)}`} ${dim(short(role.imageId))} ${role.there ? green(target === 'kamal2' ? 'in the network already' : 'outside the network kamal already') : `${role.container}, booted again ${target === 'kamal2' ? 'in' : 'outside'} the network kamal`}`;
  return role.there ? [line] : [line, ...renderDifferences(role.differences)];
}

function renderDifferences(differences: Differences): string[] {
  if (isEmpty(differences)) return [];
  const list = (mark: string, what: string, names: string[]) => (names.length > 0 ? [`    ${mark} ${what}: ${names.join(', ')}`] : []);
  return [
    ...list(green('+'), 'env added', differences.envAdded),
    ...list(red('-'), 'env removed', differences.envRemoved),
    ...list(yellow('~'), 'env changed', differences.envChanged),
    ...list(red('-'), 'env emptied', differences.envEmptied),
    ...list(green('+'), 'mounts added', differences.mountsAdded),
    ...list(red('-'), 'mounts removed', differences.mountsRemoved),
    ...(differences.cmd ? [`    ${yellow('~')} cmd: ${differences.cmd.now || '(the image decides)'} → ${differences.cmd.next}`] : []),
  ];
}

function short(imageId: string): string {
  return imageId.replace('sha256:', '').slice(0, 12);
}

/** Why the run isn't started; ends with the one sentence that matters most. */
export function renderRefusals(refusals: Refusal[]): string {
  return [
    ...refusals.flatMap(({ host, reason, hint }) => [`${red('✗')} ${host ? `${bold(host)}: ` : ''}${reason}`, `  ${dim(hint)}`]),
    '',
    'Nothing was changed on any host.',
  ].join('\n');
}

/** The variables that a person has to say yes to by themselves. */
export function lostEnv(plan: FleetPlan): string[] {
  const roles = plan.hosts.flatMap((host) =>
    host.roles
      .filter((role) => !role.there && losesEnv(role.differences))
      .map((role) => `${host.host}, ${role.name}: ${[...role.differences.envRemoved, ...role.differences.envEmptied].join(', ')}`),
  );
  const open = new Set(plan.hosts.filter((host) => !isDone(host)).map(({ host }) => host));
  const since = (plan.variables ?? []).filter(({ host, missing }) => open.has(host) && missing.length > 0).map(({ host, part, missing }) => `${host}, ${part}: ${missing.join(', ')} (had under Kamal 1)`);
  return [...roles, ...since];
}
