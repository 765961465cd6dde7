import type { StepArgs, StepNotes } from '../activities/api.ts';
import { failureOf } from './failure.ts';
import type { HostSteps } from './host-steps.ts';
import { holding, lettingThrough } from './policies.ts';

/** Whose requests wait while accessories are rebooted. */
export interface Hold {
  /** Hosts where kamal-proxy serves the app. */
  hosts: string[];
  /** Hosts that kamal-proxy doesn't serve yet: Traefik can't hold a request. */
  notYet: string[];
  /** After so many seconds each host lets requests through by itself. */
  seconds: number;
}

/**
 * Holds requests on all of these hosts, does the work, and lets them through however it ends. A host where requests
 * can't be held stops nothing: that is said, and its requests fare as they would have.
 *
 * @param steps the record in which both steps are shown
 */
export async function whileHeld(hold: Hold | null, base: Omit<StepArgs, 'host' | 'seq'>, steps: HostSteps, work: () => Promise<void>): Promise<void> {
  if (hold === null || hold.hosts.length + hold.notYet.length === 0) return await work();
  const { hosts, notYet, seconds } = hold;
  const unheld = notYet.map((host) => `${host}: not behind kamal-proxy yet, its requests are not held`);

  const begin = () =>
    steps.run('hold requests', (seq, options) => onEach(hosts, unheld, async (host) => await holding.holdRequests.executeWithOptions(options, [{ ...base, host, seq, seconds }])));
  const end = () =>
    steps.run('let requests through', (seq, options) => onEach(hosts, [], async (host) => await lettingThrough.letRequestsThrough.executeWithOptions(options, [{ ...base, host, seq }])));

  try {
    const since = Date.now();
    await begin();
    if (Date.now() - since > (seconds * 1000) / 2) {
      // No worker was there, or one host kept the others waiting: what they hold would end too soon.
      await end();
      await begin();
    }
    await work();
  } finally {
    await end();
  }
}

/** Does something on each host at once; where it fails, its notes say so. */
async function onEach(hosts: string[], notes: string[], act: (host: string) => Promise<StepNotes>): Promise<StepNotes> {
  const all = await Promise.all(
    hosts.map(async (host) => {
      try {
        return (await act(host)).notes.map((note) => `${host}: ${note}`);
      } catch (error) {
        return [`${host}: ${failureOf('', error).message}`];
      }
    }),
  );
  return { notes: [...notes, ...all.flat()], unchanged: false };
}
