import { expect } from 'vitest';

import { comparable } from '../../lab/comparable.ts';
import type { ComparableHost } from '../../lab/comparable.ts';
import type { HostListing } from '../../lab/listing.ts';
import { reference } from './reference.ts';
import { lab, listFleet } from './the-lab.ts';

type States = Record<string, ComparableHost>;

/**
 * The state in which real Kamal 2.12 leaves the fleet (`kamal upgrade --version v1`), changed where bactrian differs on
 * purpose. These are all the differences there are; the README lists them for users.
 */
export async function upgradedState(hosts: readonly string[] = ['h1', 'h2', 'h3']): Promise<States> {
  return asKamalsBut(await reference('upgraded-by-kamal-2.12.0'), hosts);
}

/** What real Kamal's upgrade left, as bactrian leaves it. */
export function asKamalsBut(kamals: States, hosts: readonly string[]): States {
  const states: States = {};
  for (const name of hosts) {
    const state = kamals[name];
    if (state === undefined) throw new Error(`nothing is known of a host ${name}`);
    // An accessory keeps the image it runs; its old container is there until the new one has come up.
    const audit = state.audit.filter((line) => !line.endsWith('Pull redis accessory image'));
    const removed = audit.findIndex((line) => line.endsWith('Remove redis accessory container'));
    if (removed >= 0) audit.push(...audit.splice(removed, 1));
    states[name] = { ...state, audit };
  }
  return states;
}

/** The fleet as it is now, to be compared with {@link upgradedState}: without our own folder, whose modes are checked here. */
export async function presentState(hosts: readonly string[] = ['h1', 'h2', 'h3']): Promise<States> {
  const fleet = await listFleet();
  return Object.fromEntries(hosts.map((name) => [name, withoutOurs(fleet[name] ?? missing(name))]));
}

/** @throws when somebody else than its owner could look into our folder */
function withoutOurs(listing: HostListing): ComparableHost {
  const state = comparable(listing, lab.topology.subnet);
  const open = listing.files.find(({ path, mode }) => path === './.kamal/bactrian' && mode !== 'drwx------');
  if (open) throw new Error(`${open.path} has mode ${open.mode}`);
  return { ...state, files: state.files.filter((line) => !line.includes(' ./.kamal/bactrian')) };
}

function missing(name: string): never {
  throw new Error(`the lab has no host ${name}`);
}

/**
 * For runs that something came in the way of: the same end, but that a step which ran twice may have written its line of
 * the audit log twice.
 * @param moreEnv variables that the test's own configuration adds
 * @param hosts those that the run took; default all
 * @param killed containers may have been ended by a fault, and not by being told to: what code they ended with says nothing
 */
export async function expectUpgraded({ moreEnv = [], hosts, killed = false }: { moreEnv?: string[]; hosts?: readonly string[]; killed?: boolean } = {}): Promise<void> {
  const present = await presentState(hosts);
  const wanted = await upgradedState();
  const once = (lines: string[]) => [...new Set(lines)].sort();
  for (const [name, host] of Object.entries(present)) {
    const containers = host.containers.map((container) => ({ ...container, env: container.env.filter((variable) => !moreEnv.includes(variable)), ...(killed && { exitCode: 0 }) }));
    expect({ ...host, containers, audit: once(host.audit) }, name).toEqual({ ...wanted[name], audit: once(wanted[name]?.audit ?? []) });
  }
}
