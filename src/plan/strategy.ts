import type { Deployment } from '../kamal/index.ts';
import type { HostFacts } from './facts.ts';

/**
 * How the old proxy makes place for the new one on a host: requests steered past it, so that none is lost; one stopped
 * and the other started, at once; or Kamal's own order.
 */
export type Strategy = 'handover' | 'swap' | 'kamal';

/** What a person asked for: `auto` leaves it to what each host can do. */
export type StrategyWish = 'auto' | Strategy;

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
  const proxied = deployment.rolesOn(facts.host).some((role) => role.runningProxy);
  if (wish === 'kamal' || wish === 'swap' || !proxied) return { strategy: wish === 'kamal' ? wish : 'swap', reason: null };
  const reason = whyNoHandover(facts, deployment);
  return reason === null ? { strategy: 'handover', reason } : { strategy: 'swap', reason };
}

function whyNoHandover(facts: HostFacts, deployment: Deployment): string | null {
  if (deployment.effectiveProxyRun(facts.host).ports.length === 0) return 'kamal-proxy will publish no port here';
  if (facts.handover === null) return 'nobody has seen whether requests can be steered here';
  return facts.handover.proven ? null : facts.handover.why;
}
