import { createConnection } from 'node:net';

import { Lab } from '../../lab/lab.ts';
import type { HostListing } from '../../lab/listing.ts';
import { eventually } from '../../lab/run.ts';

/** `NAME/SUBNET`, for whoever runs the tests twice at once on one machine. */
const [name = '', subnet = ''] = (process.env.BACTRIAN_TEST_LAB ?? 'test/10.78.0').split('/');

/** The hosts of the fleet tests: web on h1 and h2, workers and Redis on h3. Brought up by `set-up.ts`. */
export const lab = new Lab({ name, subnet });

export type Fleet = Record<string, HostListing>;

/** All hosts as they are now, by name. */
export async function listFleet(): Promise<Fleet> {
  return Object.fromEntries(await Promise.all(lab.hosts.map(async (host) => [host.name, await lab.inspect(host.name)] as const)));
}

/**
 * A host as its owner sees it, ids and start times included: two of these are equal only if nothing was restarted.
 * Left out: our own folder, Redis's files, and the audit log, to which Kamal's own commands append whatever comes of them.
 */
export function asItWas(listing: HostListing): Omit<HostListing, 'audit'> {
  const { audit: _audit, ...rest } = listing;
  return {
    ...rest,
    // A container that was started a moment ago is being checked for the first time; it was, and will be, well.
    containers: rest.containers.map((container) => (container.health === 'starting' ? { ...container, health: 'healthy' } : container)),
    // Which check of a healthy container ran last says nothing.
    files: rest.files.filter(({ path }) => !path.startsWith('./.kamal/bactrian') && !path.includes('audit.log') && !path.includes('labapp-redis/data/')),
  };
}

export function fleetAsItWas(fleet: Fleet): Record<string, ReturnType<typeof asItWas>> {
  return Object.fromEntries(Object.entries(fleet).map(([name, listing]) => [name, asItWas(listing)]));
}

/** Which of the deploy locks there are: Kamal 2's, and Kamal 1's. Empty when none is held. */
export async function locks(): Promise<string[]> {
  const { stdout } = await lab.exec('h1', 'ls -d .kamal/lock-labapp .kamal/locks/labapp 2>/dev/null || true');
  return stdout.split('\n').filter(Boolean);
}

/**
 * Waits until a run has come to a certain act on a host, as the journal there tells it before it happens.
 * @param line of the journal, as an extended regular expression
 */
export async function until(host: string, line: string, journal: 'app' | 'accessories' | 'lock' = 'app', seconds = 60, on: Lab = lab): Promise<void> {
  const waiting = `n=0; until grep -Eqs '${line}' .kamal/bactrian/*/${journal}.journal; do n=$((n + 1)); [ $n -lt ${seconds * 40} ] || exit 1; sleep 0.025; done`;
  const ended = await on.exec(host, waiting, { timeoutMs: (seconds + 10) * 1000 });
  if (ended.code !== 0) throw new Error(`${host}'s ${journal} journal got no line '${line}' within ${seconds} s`);
}

/** The acts by which a run is known to have come so far on a web host (and, for the last, on the one with Redis). */
export const moment = {
  boot: () => until('h1', '^container labapp-web-'),
  cutover: () => until('h1', '^stopped [0-9a-f]+ always'),
  accessory: () => until('h3', '^stopped ', 'accessories'),
};

/** Asks the fleet's Redis, from outside; connects anew each time. */
export async function redis(command: string): Promise<string> {
  const { address } = lab.host('h3');
  let answer = '';
  await eventually(`Redis answers to ${command}`, 15_000, async () => {
    answer = await new Promise<string>((resolve, reject) => {
      const socket = createConnection({ host: address, port: 6379, timeout: 2000 }, () => socket.write(`${command}\r\n`));
      socket.on('data', (data) => {
        resolve(data.toString().trim());
        socket.destroy();
      });
      socket.on('timeout', () => socket.destroy(new Error('no answer')));
      socket.on('error', reject);
    });
    return true;
  });
  return answer;
}
