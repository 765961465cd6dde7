import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { rolesOf } from './kamal1.ts';
import type { Lab } from './lab.ts';
import type { StreamSummary } from './load-meter.ts';

/** Requests to one URL at a steady rate. */
export interface LoadStream {
  name: string;
  url: string;
  perSecond: number;
  /** How a good answer's body begins. */
  expect: string;
  /** Connections are kept and used again, as a browser or a load balancer does; default: a new one per request. */
  keepAlive?: boolean;
  /** Connect to this address in place of the URL's name, which is still asked for (SNI and Host). */
  address?: string;
  /** File with the authority, PEM, that certificates must lead to; default: those that Node knows. */
  authority?: string;
}

/** A whole load. It ends by itself after `maxSeconds`. */
export interface LoadPlan {
  streams: LoadStream[];
  maxSeconds: number;
  /** After so long without an answer a request counts as lost. */
  timeoutSeconds: number;
}

/** A load that is running. */
export interface RunningLoad {
  /** Stops sending, waits for the answers to what was sent, and returns what became of each stream, in the plan's order. */
  stop: () => Promise<StreamSummary[]>;
}

/**
 * A load on each web host of a lab: its front page, and apart from it the page that needs the Redis accessory.
 * @param perSecond requests a second and host to the front page; a tenth of that goes to `/redis`
 */
export function loadOn(lab: Lab, perSecond: number, options: { maxSeconds?: number; keepAlive?: boolean } = {}): LoadPlan {
  const { keepAlive } = options;
  return {
    maxSeconds: options.maxSeconds ?? 600,
    timeoutSeconds: 5,
    streams: rolesOf(lab.topology).web.flatMap((host) => [
      { name: `${host.name} /`, url: `http://${host.address}/`, perSecond, expect: 'labapp ', keepAlive },
      { name: `${host.name} /redis`, url: `http://${host.address}/redis`, perSecond: Math.max(1, perSecond / 10), expect: 'redis ok ', keepAlive },
    ]),
  };
}

/**
 * Starts a load in a process of its own; returns once it sends.
 * @param namespace file of the network namespace from which it sends; default: the machine's own
 * @throws if it can't be started; `stop` throws if it died before
 */
export async function startLoad(plan: LoadPlan, namespace?: string): Promise<RunningLoad> {
  const program = fileURLToPath(new URL('load-process.ts', import.meta.url));
  const node = [process.execPath, '--import', import.meta.resolve('tsx'), program, JSON.stringify(plan)];
  const [command = '', ...args] = namespace === undefined ? node : ['nsenter', `--net=${namespace}`, ...node];
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = await lines.next();
    if (line.done === true) throw new Error('the load generator ended early; what it said is above');
    return line.value;
  };
  child.stdin.on('error', () => {
    // It ended by itself; what it printed last tells.
  });
  await next();
  return {
    stop: async () => {
      child.stdin.write('stop\n');
      return JSON.parse(await next()) as StreamSummary[];
    },
  };
}
