import { Option, type Command } from 'commander';
import type { AccessoryMode, StrategyWish } from '../../workflows/types.ts';
import type { RefusalOptions } from '../plan/refusals.ts';
import { names, probeUrl } from './values.ts';

/** The options of an upgrade that decide whether something is in its way: a check takes them as well. */
export interface JudgingOptions {
  strategy: StrategyWish;
  accessories: AccessoryMode;
  pullAccessories?: boolean;
  importCertificates: boolean;
  keepTraefik?: boolean;
  allowIssuance?: boolean;
  acceptAnswers: string[];
  acceptUnreachable: string[];
  acceptLostEnv?: boolean;
  probeUrl: string[];
}

/** What a direction has of its own, in what they have in common. */
export interface Choices {
  strategies: StrategyWish[];
  strategyHelp: string;
  accessories: AccessoryMode[];
  accessoriesHelp: string;
}

export const UPGRADE_CHOICES: Choices = {
  strategies: ['auto', 'handover', 'swap', 'kamal'],
  strategyHelp: "how the old proxy makes place for the new one: by handover where a host can do it, else by swap; or Kamal's own order",
  accessories: ['reboot', 'join', 'skip'],
  accessoriesHelp: 'reboot them in the new network, only join them to it, or leave them alone',
};

/** Declares how proxies and accessories change places. */
export function choiceOptions(command: Command, { strategies, strategyHelp, accessories, accessoriesHelp }: Choices): Command {
  return command
    .addOption(new Option('--strategy <name>', strategyHelp).choices(strategies).default('auto'))
    .addOption(new Option('--accessories <mode>', accessoriesHelp).choices(accessories).default('reboot'));
}

/** Declares what a person accepts of an upgrade, but for `--accept-lost-env`, which both directions have. */
export function acceptanceOptions(command: Command): Command {
  return command
    .option('--pull-accessories', 'let accessories start from a newer image of the same name')
    .option('--no-import-certificates', 'with ssl: true, leave the certificates that Traefik holds where they are, instead of carrying them over')
    .option('--keep-traefik', 'where Traefik also serves other projects: keep it, behind kamal-proxy, for them')
    .option('--allow-issuance', 'with ssl: true, let kamal-proxy get its certificates at the first requests')
    .addOption(new Option('--accept-answers <names>', "go on though Traefik answers these requests and kamal-proxy will not; names as a refusal gives them, with commas between; parts left out stand for all of a kind: 'by ip,unknown host'").argParser(more).default([], 'none'))
    .addOption(new Option('--accept-unreachable <variables>', "go on though what these variables name isn't reached from the network kamal").argParser(more).default([], 'none'))
    .addOption(new Option('--probe-url <url>', "a load balancer's own check, asked on each host before and after: it must succeed as before (may be given several times)").argParser(probeUrl).default([], 'none'));
}

/** Whether it is tried on hosts that requests can be steered. */
export function provesHandover({ strategy }: Pick<JudgingOptions, 'strategy'>): boolean {
  return strategy === 'auto' || strategy === 'handover';
}

/** What judges an upgrade, as the command line says it. */
export function refusalOptions(options: JudgingOptions, more: Pick<RefusalOptions, 'version' | 'waitForLock'>): RefusalOptions {
  const { strategy, accessories, importCertificates, acceptAnswers, acceptUnreachable } = options;
  return {
    ...more,
    strategy,
    accessories,
    pullAccessories: options.pullAccessories === true,
    allowIssuance: options.allowIssuance === true,
    importCertificates,
    keepTraefik: options.keepTraefik === true,
    now: Date.now(),
    acceptAnswers,
    acceptUnreachable,
  };
}

function more(text: string, before: string[]): string[] {
  return [...before, ...names(text)];
}
