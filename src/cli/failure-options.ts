import { Option, type Command } from 'commander';
import type { OnFailure, ProbeFrom, RunOptions } from '../../workflows/types.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { countFrom0, duration, names } from './values.ts';

/** How careful a run is with a fleet, as the command line says it. */
export interface FailureOptions {
  canary?: string[];
  soak?: number;
  onFailure: OnFailure;
  maxFailures?: number;
  probe: ProbeFrom;
}

/** Adds the options to a command that starts a run. */
export function failureOptions(command: Command): Command {
  return command
    .option('--canary <hosts>', 'these hosts first; they are watched (--soak), then you are asked whether the others may follow', names)
    .option('--soak <time>', 'how long canaries are watched: 90s, 10m, 1h (default: 10m)', duration)
    .addOption(new Option('--on-failure <what>', 'when a host fails: put it back and begin with no other one; ask; or go on with the others').choices(['rollback', 'pause', 'continue']).default('rollback'))
    .option('--max-failures <n>', 'with --on-failure continue: end the run when more hosts than this have failed', countFrom0)
    .addOption(new Option('--probe <from>', 'from where each host is asked five times a second while it changes proxies').choices(['worker', 'host', 'off']).default('worker'));
}

/** A host of the run, as far as it matters for a canary. */
interface Candidate {
  host: string;
  /** It runs the primary role. */
  primary: boolean;
  /** It is there already. */
  done: boolean;
}

const DEFAULT_SOAK_SECONDS = 600;

/**
 * What a run is told of them.
 *
 * @param hosts all hosts of the run
 * @param confirmed whether a person said yes beforehand to whatever would be asked
 * @throws CommandError when the options don't fit each other, or a canary is none of the plan's hosts
 */
export function failureRules(options: FailureOptions, hosts: Candidate[], confirmed: boolean): Pick<RunOptions, 'canary' | 'onFailure' | 'maxFailures' | 'probe'> {
  const { canary, soak, onFailure, maxFailures, probe } = options;
  if (soak !== undefined && !canary) throw new CommandError(EXIT.usage, '--soak needs a --canary to watch', 'name one or more hosts: --canary HOST[,HOST]');
  if (maxFailures !== undefined && onFailure !== 'continue') throw new CommandError(EXIT.usage, '--max-failures counts only where the run goes on', 'add --on-failure continue, or leave it out');
  if (canary) checkCanaries(canary, hosts);
  return {
    canary: canary ? { hosts: canary, soakSeconds: soak ?? DEFAULT_SOAK_SECONDS, ask: !confirmed } : null,
    onFailure,
    maxFailures: maxFailures ?? null,
    probe,
  };
}

/** A canary that does not run the primary role proves little, and would wait for one that does. */
function checkCanaries(canary: string[], hosts: Candidate[]): void {
  const unknown = canary.filter((name) => !hosts.some(({ host }) => host === name));
  if (unknown.length > 0) {
    throw new CommandError(EXIT.usage, `--canary names ${unknown.join(', ')}, which this run does not work on`, `its hosts are ${hosts.map(({ host }) => host).join(', ')}`);
  }
  const chosen = hosts.filter(({ host }) => canary.includes(host));
  if (hosts.some(({ primary }) => primary) && !chosen.some(({ primary }) => primary)) {
    throw new CommandError(EXIT.usage, `none of the canaries (${canary.join(', ')}) runs the primary role`, 'name at least one host of it: the other roles begin only once it is healthy');
  }
  if (chosen.every(({ done }) => done)) throw new CommandError(EXIT.usage, `the canaries (${canary.join(', ')}) are there already: nothing would be tried on them`, 'name hosts that are not, or leave --canary out');
}
