import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Gate, RunOptions, StrategyWish, AccessoryMode } from '../../workflows/types.ts';
import { failureOptions, failureRules, type FailureOptions } from './failure-options.ts';
import { choiceOptions, type Choices } from './judging-options.ts';
import { projectOptions, selectionOptions, type ProjectOptions } from './project.ts';
import { wholeNumber } from './values.ts';

/** What `--accept-lost-env` says in the help. */
export const ACCEPT_LOST_ENV = 'go on though variables disappear or become empty (-y does not say that)';

/** What commands that start a run have in common on the command line. */
export interface StartOptions extends ProjectOptions, FailureOptions {
  rolling?: boolean;
  concurrency: number;
  strategy: StrategyWish;
  accessories: AccessoryMode;
  approve: Gate[];
  approvalTimeout: number;
  hooksIdempotent?: boolean;
  lockWait?: boolean;
  lockWaitTimeout: number;
  lockWaitInterval: number;
  acceptLostEnv?: boolean;
  confirmed?: boolean;
  detach?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

/**
 * Declares the options of a command that starts a run.
 *
 * @param own adds those that only this command has, before the common last ones
 */
export function startOptions(command: Command, choices: Choices, own: (command: Command) => Command): Command {
  failureOptions(selectionOptions(projectOptions(command)))
    .option('--rolling', 'one host after the other, each finished before the next begins')
    .option('--concurrency <n>', 'hosts worked on at once when not rolling', wholeNumber, 10);
  return own(choiceOptions(command, choices))
    .addOption(new Option('--approve <gates>', 'wait for approval before the hooks of these gates: pre, post or pre,post').argParser(gates).default([], 'none'))
    .option('--approval-timeout <seconds>', 'an unanswered gate counts as rejected after this long', wholeNumber, 7 * 24 * 3600)
    .option('--lock-wait', "wait for a deploy lock that somebody else holds, instead of ending")
    .option('--lock-wait-timeout <seconds>', 'at most this long', wholeNumber, 900)
    .option('--lock-wait-interval <seconds>', 'and look this often', wholeNumber, 15)
    .option('--hooks-idempotent', 'hooks may run again when nobody saw how they ended')
    .option('--accept-lost-env', ACCEPT_LOST_ENV)
    .option('-y, --confirmed', "don't ask")
    .option('--detach', 'start the run and leave; `bactrian watch` follows it')
    .option('--dry-run', 'show the plan and stop')
    .option('--json', 'the result as JSON on stdout, everything else on stderr');
}

/** The part of a run's options that only an upgrade has. */
export type UpgradeOnly = Pick<RunOptions, 'pullAccessories' | 'maxPauseSeconds' | 'acceptAnswers' | 'probeUrls' | 'acceptUnreachable'>;

/** A run's options as the command line says them. */
export function runOptions(options: StartOptions, rules: ReturnType<typeof failureRules>, own: UpgradeOnly): RunOptions {
  return {
    ...rules,
    ...own,
    strategy: options.strategy,
    rolling: options.rolling === true,
    concurrency: options.concurrency,
    accessories: options.accessories,
    approve: options.approve,
    approvalTimeoutSeconds: options.approvalTimeout,
    hooksIdempotent: options.hooksIdempotent === true,
    lockWait: options.lockWait ? { timeout: options.lockWaitTimeout, interval: options.lockWaitInterval } : null,
  };
}

function gates(text: string): Gate[] {
  return text.split(',').map((gate) => {
    if (gate !== 'pre' && gate !== 'post') throw new InvalidArgumentError(`'${gate}' is no gate: pre, post or pre,post is expected`);
    return gate;
  });
}
