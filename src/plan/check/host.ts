import type { Deployment } from '../../kamal/index.ts';
import { isSilent } from '../answers.ts';
import { dateOf } from '../certificates.ts';
import { isEmpty, losesEnv } from '../differences.ts';
import { containerNamed, inKamalNetwork, KAMAL_PROXY, TRAEFIK, type HostFacts } from '../facts.ts';
import type { HostPlan } from '../plan.ts';
import { predictedDifferences } from '../predicted-answers.ts';
import { placeInWords } from '../reachability.ts';
import type { Refusal } from '../refusals.ts';
import { accessoryContainer, containersOf } from '../running.ts';
import { olderThan19 } from './age.ts';
import { judgeHealth } from './health.ts';
import { ItemsAt, type CheckItem } from './items.ts';
import type { HostLook, RegistryAnswer } from './look.ts';
import { featuresLost } from './traefik-features.ts';

/** The oldest engine that the project's own tests run on. */
const OLDEST_DOCKER = [20, 10] as const;
/** kamal-proxy's image needs about 50 MiB, containers and logs a little. */
const LEAST_MIB = 300;
const MIB = 1024 * 1024;
/** A certificate that ends this soon may end before it is renewed. Milliseconds. */
const SOON_MS = 14 * 24 * 3600_000;

export interface HostSeen {
  facts: HostFacts;
  look: HostLook | null;
  /** As an upgrade would do it; null where Docker doesn't answer. */
  plan: HostPlan | null;
  /** What an upgrade would refuse this host for. */
  refusals: readonly Refusal[];
  deployment: Deployment;
  /** The deploy lock is looked for here. */
  primary: boolean;
  /** Milliseconds since the epoch. */
  now: number;
  /** Somebody has said yes to variables that go or become empty. */
  acceptLostEnv: boolean;
}

/** What there is to say of a host, good and bad: an upgrade's own probe and refusals, and a closer look. */
export function hostItems(seen: HostSeen): CheckItem[] {
  const { facts, look, plan, refusals } = seen;
  const at = new ItemsAt(facts.host);
  at.ok('ssh', 'reached over SSH');
  for (const { about, reason, hint } of refusals) at.fail(about, about === 'ports' ? `${reason}${holderOf(reason, look)}` : reason, hint);
  if (facts.dockerVersion === null || plan === null) return at.items;
  docker(at, facts);
  disk(at, seen);
  state(at, seen, plan);
  if (seen.primary) lock(at, facts);
  if (look) {
    for (const health of look.health) {
      const { level, what, fix } = judgeHealth(health);
      at.items.push({ id: 'health', level, where: at.where, what, fix });
    }
    registries(at, seen, look);
  }
  proxied(at, seen, plan);
  if (facts.reach.unreachable.length > 0 && !at.hasFailed('reach')) at.ok('reach', `accepted: not reached from the network kamal: ${facts.reach.unreachable.map(placeInWords).join(', ')}`);
  else if (facts.reach.looked && !at.hasFailed('reach')) at.ok('reach', "what the app's environment names is reached from the network kamal as it is now");
  for (const note of facts.reach.notes) at.warn('reach', note, 'nothing, if you know of it');
  accessories(at, seen);
  return at.items;
}

function docker(at: ItemsAt, { dockerVersion }: HostFacts): void {
  const [major = 0, minor = 0] = (dockerVersion ?? '').split('.').map(Number);
  const old = major < OLDEST_DOCKER[0] || (major === OLDEST_DOCKER[0] && minor < OLDEST_DOCKER[1]);
  if (old) at.warn('docker', `Docker ${dockerVersion}: older than what this is tested with (${OLDEST_DOCKER.join('.')})`, 'update Docker first');
  else at.ok('docker', `Docker ${dockerVersion}`);
}

function disk(at: ItemsAt, { facts, look }: HostSeen): void {
  if (facts.freeDiskMiB === null) return;
  const largest = Math.ceil(Math.max(0, ...Object.values(look?.imageSizes ?? {})) / MIB);
  const free = `${facts.freeDiskMiB} MiB free where Docker keeps its data`;
  if (facts.freeDiskMiB < LEAST_MIB) at.fail('disk', free, `make room for kamal-proxy: at least ${LEAST_MIB} MiB (\`docker image prune\`)`);
  else if (facts.freeDiskMiB < LEAST_MIB + largest) at.warn('disk', `${free}; the next deploy brings another image of ${largest} MiB`, 'make room before that deploy (`docker image prune`)');
  else at.ok('disk', free);
}

function state(at: ItemsAt, { facts, deployment, acceptLostEnv }: HostSeen, plan: HostPlan): void {
  const traefik = containerNamed(facts, TRAEFIK);
  for (const run of facts.openRuns.app) at.warn('cut-off', `run ${run} was cut off here: the next upgrade first puts back what it left`, '`bactrian upgrade`, or `bactrian status` if it is still open');
  const apps = deployment.rolesOn(facts.host).flatMap((role) => containersOf(facts, deployment, role)).filter(({ running }) => running);
  const age = olderThan19(facts, apps);
  const proxy = plan.roles.some((role) => role.proxied) && traefik ? `, behind ${traefik.image.name}${traefik.running ? '' : ', which is stopped'}` : '';
  const words = { kamal1: `on Kamal 1${proxy}`, kamal2: 'on Kamal 2 already', mixed: 'between Kamal 1 and Kamal 2', empty: 'nothing of this deployment runs' };
  if (plan.generation === 'kamal1' || plan.generation === 'kamal2') at.ok('generation', words[plan.generation]);
  else if (plan.generation === 'empty') at.fail('generation', words.empty, 'deploy it first, or leave the host out with -h');
  else if (traefik && !traefik.running) at.fail('generation', `the app is on Kamal 1${proxy}`, 'start it (`docker start traefik`), or see in its log why it stopped');
  else at.warn('generation', words.mixed, 'an upgrade finishes what was begun');
  if (age !== null) at.warn('kamal-version', `older than Kamal 1.9: ${age}`, 'deploy once with Kamal 1.9 first (`kamal traefik reboot`, `kamal deploy`): the way back leads to 1.9');
  for (const role of plan.roles) {
    if (!at.hasFailed('role')) at.ok('role', `${role.name} runs version ${role.runningVersion}; its image ${role.imageId.replace('sha256:', '').slice(0, 12)} is here`);
    const { differences } = role;
    if (role.there || isEmpty(differences)) continue;
    const lists = { 'env added': differences.envAdded, 'env removed': differences.envRemoved, 'env changed': differences.envChanged, 'env emptied': differences.envEmptied, 'mounts added': differences.mountsAdded, 'mounts removed': differences.mountsRemoved };
    const said = [...Object.entries(lists).flatMap(([what, names]) => (names.length > 0 ? [`${what}: ${names.join(', ')}`] : [])), ...(differences.cmd ? [`cmd: ${differences.cmd.now || '(the image decides)'} → ${differences.cmd.next}`] : [])];
    const what = `${role.name} runs with something else than the configuration says: ${said.join('; ')}`;
    if (losesEnv(differences) && acceptLostEnv) at.ok('differences', `accepted: ${what}`);
    else at.warn('differences', what, losesEnv(differences) ? 'put what is missing into the configuration, or go on with --accept-lost-env' : 'nothing, if that is what you want: the upgrade boots it with the new ones');
  }
}

function lock(at: ItemsAt, { locks }: HostFacts): void {
  if (at.hasFailed('lock')) return;
  if (locks.length === 0) at.ok('lock', 'no deploy lock is held');
  else at.warn('lock', `the deploy lock is held by a run of ours: ${locks.map(({ details, intendedBy }) => details?.split('\n')[0] ?? intendedBy).join(', ')}`, '`bactrian status` tells whether it is open; `bactrian unlock` releases it when it is over');
}

function registries(at: ItemsAt, { facts, deployment }: HostSeen, look: HostLook): void {
  const server = deployment.registry.server ?? 'Docker Hub';
  const user = `the registry ${server}`;
  if (look.login) registry(at, 'registry', look.login, user, 'see `registry:` and its secrets: `docker login` with the same words must work there');
  registry(at, 'proxy-image', look.proxyImage, deployment.effectiveProxyRun(facts.host).image, 'see `proxy/run` (registry, repository, version), and whether the host gets out: `docker pull` it there');
}

function registry(at: ItemsAt, id: string, { outcome, why }: RegistryAnswer, subject: string, fix: string): void {
  if (outcome === 'open') at.ok(id, `${subject}: ${why}`);
  else if (outcome === 'refused') at.fail(id, `${subject}: ${why}`, fix);
  else at.warn(id, `${subject} could not be tried: ${why}`, fix);
}

/** What concerns hosts with a proxy only. */
function proxied(at: ItemsAt, { facts, deployment, now }: HostSeen, plan: HostPlan): void {
  if (!plan.roles.some((role) => role.proxied) || plan.generation === 'kamal2') return;
  const traefik = containerNamed(facts, TRAEFIK);
  const ports = deployment.effectiveProxyRun(facts.host).ports.map(({ hostPort }) => hostPort);
  const old = ports.filter((port) => traefik?.running && traefik.ports.some(({ hostPort }) => hostPort === port));
  const ours = ports.filter((port) => !old.includes(port));
  if (!at.hasFailed('ports') && ports.length > 0) at.ok('ports', [...(old.length > 0 ? [`port ${old.join(', ')}: held by Traefik`] : []), ...(ours.length > 0 ? [`port ${ours.join(', ')}: free`] : [])].join('; '));
  if (!at.hasFailed('neighbours') && !at.hasFailed('traefik') && traefik?.running) at.ok('neighbours', 'nothing but this app is behind its Traefik');
  const others = containerNamed(facts, KAMAL_PROXY) ? facts.containers.filter((container) => container.running && inKamalNetwork(container) && container.labels['service'] !== undefined && container.labels['service'] !== deployment.service && !deployment.accessories.some(({ serviceName }) => serviceName === container.name)) : [];
  if (others.length > 0) at.ok('neighbours', `${others.map(({ name }) => name).join(', ')} in the network kamal stays as it is`);
  const answered = facts.answers.filter(({ before }) => !isSilent(before) && before.from === 'app').length;
  const accepted = at.hasFailed('answers') ? [] : predictedDifferences(facts.answers, deployment, facts.host);
  if (accepted.length > 0) at.ok('answers', `accepted: kamal-proxy will not answer ${accepted.map(({ name }) => `'${name}'`).join(', ')} as Traefik does`);
  else if (!at.hasFailed('answers') && answered > 0) at.ok('answers', `${answered} kinds of request: kamal-proxy will answer what Traefik answers`);
  if (plan.strategy === 'handover') at.ok('strategy', 'handover: new connections are steered past Traefik, none waits');
  else if (plan.reason !== null && !at.hasFailed('strategy')) at.warn('strategy', `swap, with one gap of a stop and a start: no handover, since ${plan.reason}`, 'nothing, if that gap is all right; else let the SSH user be root or `sudo -n`, with iptables there');
  const labels = deployment.rolesOn(facts.host).flatMap((role) => containersOf(facts, deployment, role)).filter(({ running }) => running).map((container) => container.labels);
  for (const { what, fix } of traefik?.running ? featuresLost(labels, traefik.cmd) : []) at.warn('traefik-features', `Traefik does here what kamal-proxy doesn't: ${what}`, fix);
  certificates(at, facts, plan, now);
}

function certificates(at: ItemsAt, facts: HostFacts, plan: HostPlan, now: number): void {
  for (const { names, notAfter } of facts.certificates.traefik) {
    const what = `Traefik holds a certificate for ${names.join(', ')}, which ends ${dateOf(notAfter)}`;
    if (Date.parse(notAfter) - now < SOON_MS) at.warn('certificates', what, 'see in its log why Traefik does not renew it (`kamal traefik logs`, Kamal 1)');
    else at.ok('certificates', what);
  }
  for (const { name, from, remark } of plan.certificates) {
    if (from === 'nobody') continue;
    if (remark === null) at.ok('certificates', `${name} will be served with the certificate that ${from} has`);
    else at.warn('certificates', `${name} will be served with the certificate that ${from} has: ${remark}`, 'plan a `kamal deploy` before that day');
  }
}

function accessories(at: ItemsAt, { facts, deployment }: HostSeen): void {
  for (const accessory of deployment.accessoriesOn(facts.host)) {
    const container = accessoryContainer(facts, accessory);
    if (!container) at.warn('accessory', `accessory ${accessory.name} has no container here`, '`kamal accessory boot`, after the upgrade');
    else if (!container.running) at.warn('accessory', `accessory ${accessory.name} is ${container.status}`, `see in its log why (\`docker logs ${container.name}\`)`);
    else if (!at.hasFailed('accessory')) at.ok('accessory', `accessory ${accessory.name} runs ${container.image.name}`);
  }
}

/** Who it is that listens, where the host tells. */
function holderOf(reason: string, look: HostLook | null): string {
  const holder = look?.holders[Number(/^port (\d+)/.exec(reason)?.[1])];
  return holder === undefined ? '' : ` (${holder})`;
}
