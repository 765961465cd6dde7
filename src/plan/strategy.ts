import type { Deployment } from '../kamal/index.ts';
import type { HostFacts } from './facts.ts';
import { sharedTraefik } from './shared-traefik.ts';

/**
 * How the old proxy makes place for the new one on a host: requests steered past it, so that none is lost; one stopped
 * and the other started, at once; or Kamal's own order. Where the new one serves in front of the old one already, nothing
 * is replaced: it takes the app's hosts to itself.
 */
export type Strategy = 'handover' | 'swap' | 'kamal' | 'move';

/** What a person asked for: `auto` leaves it to what each host can do. */
export type StrategyWish = 'auto' | 'handover' | 'swap' | 'kamal';

export interface StrategyChoice {
  strategy: Strategy;
  /** Why not `handover`, where it was wished for and can't be. */
  reason: string | null;
}

/**
 * What a host's proxy is replaced by: by handover wherever the look at the host has proven that requests can be steered.
 *
 * @param wish `auto` or a strategy by name
 */
export function chooseStrategy(facts: HostFacts, deployment: Deployment, wish: StrategyWish): StrategyChoice {
  if (sharedTraefik(facts, deployment, false)) return { strategy: 'move', reason: null };
  return chooseStrategyFor(facts, wish, {
    name: 'kamal-proxy',
    proxied: deployment.rolesOn(facts.host).some((role) => role.runningProxy),
    publishes: deployment.effectiveProxyRun(facts.host).ports.length > 0,
  });
}

/** The proxy that is to come. */
interface NextProxy {
  name: string;
  /** Something on this host is behind it. */
  proxied: boolean;
  /** It publishes ports, and all are known beforehand. */
  publishes: boolean;
}

/** The same for either way. */
export function chooseStrategyFor(facts: HostFacts, wish: StrategyWish, next: NextProxy): StrategyChoice {
  if (wish === 'kamal' || wish === 'swap' || !next.proxied) return { strategy: wish === 'kamal' ? wish : 'swap', reason: null };
  const reason = whyNoHandover(facts, next);
  return reason === null ? { strategy: 'handover', reason } : { strategy: 'swap', reason };
}

function whyNoHandover(facts: HostFacts, next: NextProxy): string | null {
  if (!next.publishes) return `${next.name} will publish no port here`;
  if (facts.handover === null) return 'nobody has seen whether requests can be steered here';
  return facts.handover.proven ? null : facts.handover.why;
}
