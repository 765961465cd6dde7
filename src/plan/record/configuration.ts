import type { Deployment, Hash, Value } from '../../kamal/index.ts';
import { list, section } from '../../kamal/configuration/raw.ts';
import { roleConfig } from '../../kamal/configuration/role.ts';
import { encode } from '../../kamal/ruby/json.ts';
import { isHash, toS } from '../../kamal/ruby/value.ts';
import type { HostRecord } from './read.ts';
import { accessorySection, loggingSection, roleSection, traefikSection, type Making } from './sections.ts';
import { partInWords, type PartRecord } from './shape.ts';

/** A Kamal 1 configuration made of what is written down on the hosts, and of the Kamal 2 configuration. */
export interface Rebuilt {
  readonly raw: Hash;
  /** Variables of Kamal 2's environment that take their value from a secret of another name, which Kamal 1 can't say. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Why it can't be used; empty: it can. */
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

/** What both generations say in the same way. */
const SHARED = ['service', 'image', 'registry', 'ssh', 'sshkit', 'boot', 'primary_role', 'hooks_path', 'retain_containers', 'readiness_delay', 'env', 'allow_empty_roles'];

/**
 * Makes the Kamal 1 configuration of a fleet. From the records: how Traefik, roles and accessories were started. From
 * the Kamal 2 configuration: hosts, environment, registry, SSH, and which image an accessory runs.
 *
 * @param secret gives a secret's value, or throws SecretMissing: texts in which one stood name it
 */
export function rebuild(deployment: Deployment, records: readonly HostRecord[], secret: (name: string) => string): Rebuilt {
  const problems: string[] = [];
  const notes: string[] = [];
  const prefix = (role: string) => deployment.allRoles.find(({ name }) => name === role)?.containerPrefix ?? role;
  const makingOn = (host: string): Making => ({ prefix, secret, problem: (reason) => void problems.push(`${host}: ${reason}`) });
  /** What all hosts say of a part; they have to agree, since a configuration says it once. */
  const agreed = <T>(parts: readonly { host: string; record: PartRecord }[], make: (record: PartRecord, making: Making) => T, seen: (made: T) => Value): T | null => {
    const made = parts.map(({ host, record }) => ({ host, record, result: make(record, makingOn(host)) }));
    const [first] = made;
    for (const other of made.slice(1)) {
      const key = first && differing(seen(first.result), seen(other.result));
      if (first && key !== null) problems.push(`${first.host} and ${other.host} had ${partInWords(other.record.part)} differently${key === '' ? '' : ` (${key})`}: one configuration can't say both`);
    }
    return first?.result ?? null;
  };
  const partsOf = (of: (record: HostRecord) => PartRecord | null | undefined) => records.flatMap((each) => {
    const record = of(each);
    for (const unknown of record?.container.unknown ?? []) problems.push(`${each.host}: ${record ? partInWords(record.part) : ''} ran with ${unknown}, which can't be given to \`docker run\` from the record`);
    return record ? [{ host: each.host, record }] : [];
  });

  const raw: Hash = new Map(SHARED.flatMap((key): [string, Value][] => (deployment.raw.has(key) ? [[key, deployment.raw.get(key) ?? null]] : [])));
  raw.set('image', deployment.image);
  if (deployment.registry.local) problems.push(`the registry ${deployment.registry.server} is one on the deploying machine, which Kamal 1 does not know`);
  if (deployment.timeouts.stopTimeout !== null) raw.set('stop_wait_time', deployment.timeouts.stopTimeout);

  const servers: Hash = new Map();
  const selected = new Set(deployment.roles.map(({ name }) => name));
  for (const role of deployment.allRoles) {
    const configured = roleConfig(deployment.raw, role.name);
    const special: Hash = isHash(configured) ? configured : new Map<string, Value>([['hosts', configured]]);
    const found = agreed(partsOf((record) => record.roles.get(role.name)), (record, making) => roleSection(record, role.name, making), (made) => made.section);
    if (found === null && selected.has(role.name)) problems.push(`nothing is written down of role ${role.name}: no host ran it under Kamal 1 when it was upgraded`);
    if (found?.runDirectory && found.runDirectory !== '.kamal') raw.set('run_directory', found.runDirectory);
    servers.set(role.name, new Map<string, Value>([['hosts', special.get('hosts') ?? null], ...(special.has('env') ? [['env', special.get('env') ?? null] as [string, Value]] : []), ...((found?.section ?? new Map()) as Map<string, Value>)]));
  }
  raw.set('servers', servers);
  putHealthcheck(raw, servers, deployment);

  const traefik = agreed(partsOf((record) => record.traefik), traefikSection, (made) => made);
  if (traefik) raw.set('traefik', traefik);
  const routed = [...servers].some(([name, each]) => isHash(each) && each.get('traefik') === true && selected.has(toS(name)));
  if (traefik === null && routed) problems.push('nothing is written down of Traefik');

  const accessories: Hash = new Map();
  for (const accessory of deployment.accessories) {
    const own = section(section(deployment.raw, 'accessories'), accessory.name);
    const found = agreed(partsOf((record) => record.accessories.get(accessory.name)), accessorySection, (made) => made);
    if (found === null) {
      if (accessory.hosts.some((host) => records.some((record) => record.host === host))) notes.push(`nothing is written down of accessory ${accessory.name}: it is left alone`);
      continue;
    }
    accessories.set(accessory.name, new Map<string, Value>([...(found as Map<string, Value>), ['image', accessory.image], ['hosts', [...accessory.hosts]], ...(own.has('env') ? [['env', own.get('env') ?? null] as [string, Value]] : [])]));
  }
  if (accessories.size > 0) raw.set('accessories', accessories);
  putLogging(raw, partsOf, problems);
  return { raw, aliases: plainSecrets(raw, problems), problems: [...new Set(problems)], notes };
}

/** Kamal 1 asks 1 + 2 + … seconds for a container's health: at least as long as Kamal 2 waits for it. */
function putHealthcheck(raw: Hash, servers: Hash, deployment: Deployment): void {
  const { deployTimeout } = deployment.timeouts;
  let attempts = 7;
  while ((attempts * (attempts + 1)) / 2 < deployTimeout) attempts += 1;
  raw.set('healthcheck', new Map<string, Value>([['max_attempts', attempts]]));
  for (const [name, role] of servers) {
    const path = deployment.allRoles.find((each) => each.name === name)?.proxy?.healthcheckPath;
    const check = isHash(role) ? section(role, 'healthcheck') : new Map<string, Value>();
    if (path !== undefined && path !== null && check.size > 0 && !check.has('path')) check.set('path', path);
  }
}

/** One log setting for all, and what roles have in its place (Kamal 1.9: `logging`). */
function putLogging(raw: Hash, partsOf: (of: (record: HostRecord) => PartRecord | null | undefined) => { host: string; record: PartRecord }[], problems: string[]): void {
  const shared = partsOf((record) => record.traefik ?? [...record.accessories.values()][0]);
  const common = shared[0] ? loggingSection(shared[0].record) : new Map();
  const accessories = [...section(raw, 'accessories').keys()].flatMap((name) => partsOf((record) => record.accessories.get(toS(name))));
  for (const { host, record } of [...shared, ...accessories]) if (differing(loggingSection(record), common) !== null) problems.push(`${host}: ${partInWords(record.part)} logs in another way than the rest, which Kamal 1 can't say`);
  if (common.size > 0) raw.set('logging', common);
  for (const [name, role] of section(raw, 'servers')) {
    const [found] = partsOf((record) => record.roles.get(toS(name)));
    const own = found ? loggingSection(found.record) : common;
    if (!isHash(role) || differing(own, common) === null) continue;
    if (own.size === 0) problems.push(`role ${toS(name)} logs in another way than Traefik, which Kamal 1 can't say`);
    else role.set('logging', own);
  }
}

/** Kamal 1 names each secret as its variable: names in place of `VARIABLE:SECRET`, and what they stand for. */
function plainSecrets(raw: Hash, problems: string[]): Record<string, string> {
  const aliases: Record<string, string> = {};
  const meant = new Map<string, string>();
  const plain = (env: Value | undefined): Value => {
    if (!isHash(env)) return env ?? null;
    const copy: Hash = new Map(env);
    if (env.has('secret')) copy.set('secret', list(env, 'secret').map((entry) => {
      const [variable = '', secret = variable] = toS(entry).split(/:(.*)/s);
      if (secret !== (meant.get(variable) ?? secret)) problems.push(`${variable} is another secret in one place than in another (${secret}, ${meant.get(variable)}), which Kamal 1 can't say`);
      meant.set(variable, secret);
      if (secret !== variable) aliases[variable] = secret;
      return variable;
    }));
    if (isHash(env.get('tags'))) copy.set('tags', new Map([...section(env, 'tags')].map(([tag, own]) => [tag, plain(own)])));
    return copy;
  };
  const within = (owner: Hash) => void (owner.has('env') && owner.set('env', plain(owner.get('env'))));
  within(raw);
  for (const key of ['servers', 'accessories']) for (const each of section(raw, key).values()) if (isHash(each)) within(each);
  return aliases;
}

/** The path of the first key in which two values differ, '' when it is the whole; null: they are the same. */
function differing(a: Value, b: Value): string | null {
  if (isHash(a) && isHash(b)) {
    for (const key of new Set([...a.keys(), ...b.keys()])) {
      const inner = differing(a.get(key) ?? null, b.get(key) ?? null);
      if (inner !== null) return inner === '' ? toS(key) : `${toS(key)}/${inner}`;
    }
    return null;
  }
  return JSON.stringify(encode(a)) === JSON.stringify(encode(b)) ? null : '';
}
