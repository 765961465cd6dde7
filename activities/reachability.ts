import { line, type Deployment, type Secrets } from '../src/kamal/index.ts';
import { containerNamed, TRAEFIK, type HostFacts } from '../src/plan/facts.ts';
import { beforeJoining, hintFor, namingArgs, NOT_LOOKED, placeInWords, placeKey, wantedAddresses, type Reach, type Reachability, type Unreachable } from '../src/plan/reachability.ts';
import type { EnvAddress } from '../src/plan/addresses.ts';
import { accessoryContainer, runningContainer } from '../src/plan/running.ts';
import type { SshConnection } from '../src/ssh/types.ts';
import { reachabilityScript } from './script/reachability.ts';

/** The look's own time and that of a busy Docker, in milliseconds. */
const TIMEOUT_MS = 90_000;
const REACHES: readonly string[] = ['open', 'refused', 'unresolved', 'silent'] satisfies Reach[];

export interface ReachabilityWish {
  deployment: Deployment;
  secrets: Secrets;
  facts: HostFacts;
  /** Accessories that the run brings into the new network. */
  moved: readonly string[];
}

/**
 * Opens each place in the app's environment from where its containers will be: what the app reaches now and would not
 * reach then is how most upgrades break. Nothing stays on the host.
 *
 * @throws SshError, SecretMissing
 */
export async function lookAround(connection: SshConnection, { deployment, secrets, facts, moved }: ReachabilityWish): Promise<Reachability> {
  const current = deployment.rolesOn(facts.host).flatMap((role) => runningContainer(facts, deployment, role) ?? []);
  const addresses = wantedAddresses(deployment, facts.host, secrets);
  const { tried, joined, cut } = beforeJoining(addresses, deployment, facts, moved);
  const notes = joined.map((address) => `${placeInWords(address)}: the accessory joins the network kamal before the app boots`);
  const unreachable: Unreachable[] = cut.map((address) => ({
    ...address,
    now: 'unresolved',
    hint: `the accessory is in another network, and joining it to kamal while it runs cuts its connections: do it at a quiet hour with \`docker network connect kamal ${address.host}\` (the network: \`docker network create kamal\`), then upgrade`,
  }));
  if (tried.length === 0 || current.length === 0) return { ...NOT_LOOKED, unreachable, notes };

  const look = async (places: EnvAddress[], within: string | null) => {
    const { stdout } = await connection.exec('sh -s', { stdin: lookScript(deployment, facts, places, within), timeoutMs: TIMEOUT_MS });
    return readLook(stdout);
  };
  const then = await look(tried, null);
  if (then.blind !== null) return { ...NOT_LOOKED, unreachable, notes: [...notes, `whether the app reaches ${tried.map(placeInWords).join(', ')} from its new network could not be seen: ${then.blind}`] };

  const closed = tried.filter((address) => then.places.get(placeKey(address)) !== 'open');
  const open = new Set<string>();
  for (const { id } of closed.length > 0 ? current : []) {
    const now = await look(closed, id);
    for (const [place, reach] of now.places) if (reach === 'open') open.add(place);
  }
  const lost = closed.filter((address) => open.has(placeKey(address)));
  const never = closed.filter((address) => !open.has(placeKey(address)));
  return {
    looked: true,
    unreachable: [
      ...unreachable,
      ...lost.map((address) => {
        const reach = then.places.get(placeKey(address)) ?? 'silent';
        const accessory = deployment.accessoriesOn(facts.host).find((each) => moved.includes(each.name) && address.host === facts.host && accessoryContainer(facts, each)?.ports.some(({ hostPort }) => hostPort === address.port));
        return { ...address, now: reach, hint: hintFor(address, reach, { subnet: then.subnet, accessory: accessory?.name ?? null }) };
      }),
    ],
    notes: [...notes, ...(never.length > 0 ? [`not reached by the app now either: ${never.map(placeInWords).join(', ')}`] : [])],
  };
}

/**
 * The first look alone, as a part of a script that is sent anyway, on a host where nothing has to join the network any more.
 *
 * @returns the script, and whether what it printed leaves nothing to look at any closer; null where there is nothing to open
 * @throws SecretMissing
 */
export function lookBeside(deployment: Deployment, secrets: Secrets, facts: HostFacts): { script: string; allOpen(output: string): boolean } | null {
  const addresses = wantedAddresses(deployment, facts.host, secrets);
  const runs = deployment.rolesOn(facts.host).some((role) => runningContainer(facts, deployment, role));
  if (addresses.length === 0 || !runs) return null;
  const allOpen = (output: string): boolean => {
    const { places } = readLook(output);
    return addresses.every((address) => places.get(placeKey(address)) === 'open');
  };
  return { script: lookScript(deployment, facts, addresses, null), allOpen };
}

/** @param within id of the container whose network to look from; null: from Kamal 2's */
function lookScript(deployment: Deployment, facts: HostFacts, places: EnvAddress[], within: string | null): string {
  const current = deployment.rolesOn(facts.host).map((role) => runningContainer(facts, deployment, role));
  const others = [containerNamed(facts, TRAEFIK), ...deployment.accessoriesOn(facts.host).map((accessory) => accessoryContainer(facts, accessory))];
  const images = [...new Set([...current, ...others].flatMap((container) => container?.image.id ?? []))];
  return reachabilityScript({ name: `bactrian-look-${deployment.name}`, places, images, naming: line(namingArgs(deployment, facts.host)), within });
}

function readLook(output: string): { places: Map<string, Reach>; subnet: string; blind: string | null } {
  const places = new Map<string, Reach>();
  let subnet = '';
  let blind: string | null = null;
  for (const line of output.split('\n')) {
    const [word, ...rest] = line.trim().split(' ');
    if (word === '@place' && isReach(rest[2])) places.set(`${rest[0] ?? ''} ${rest[1] ?? ''}`, rest[2]);
    else if (word === '@subnet') subnet = rest.join(', ');
    else if (word === '@blind') blind = rest.join(' ');
  }
  return { places, subnet, blind: places.size === 0 ? (blind ?? 'the look gave no answer') : null };
}

function isReach(word: string | undefined): word is Reach {
  return word !== undefined && REACHES.includes(word);
}
