import type { kamal1 } from '../kamal/index.ts';
import { inKamalNetwork, type Generation, type HostFacts } from './facts.ts';
import { whatRuns } from './generation.ts';
import { traefikBehind } from './shared-traefik.ts';

/**
 * How a host runs the deployment's selected roles now, as its Kamal 1 configuration sees it. `kamal1` only when all of
 * it is there: each role under its own name, no role in Kamal 2's network, Traefik up where a role is behind it, and kamal-proxy gone.
 */
export function kamal1Generation(facts: HostFacts, deployment: kamal1.Kamal1Deployment): Generation {
  const { roles, inPlace, running, traefik, proxy, nothing } = whatRuns(facts, deployment);
  if (nothing) return 'empty';

  const routed = roles.some((role) => role.runningTraefik);
  const behind = traefikBehind(facts) !== undefined;
  const allOld = inPlace && !running.some(inKamalNetwork) && (!routed || traefik?.running === true);
  if (allOld && (!routed || !proxy || behind) && facts.openRuns.app.length === 0) return 'kamal1';
  const anyOld = running.some((container) => !inKamalNetwork(container)) || (routed && traefik !== undefined && !behind);
  return anyOld || facts.openRuns.app.length > 0 ? 'mixed' : 'kamal2';
}
