import type { HealthSeen } from '../check/look.ts';
import type { Generation, HostFacts } from '../facts.ts';
import type { OwningRole } from '../running.ts';

/** Whether a run of the deployment is open, as far as anybody could be asked. */
export type OpenRun =
  /** Its name, or null when none is. */
  | { asked: true; run: string | null }
  /** In words, why nobody could be asked. */
  | { asked: false; why: string };

/** A role of the deployment, of either Kamal. */
export interface SeenRole extends OwningRole {
  /** Behind Traefik or kamal-proxy, whichever it is. */
  readonly proxied: boolean;
}

/** The packet filter rules that a run of ours has on a host. */
export interface RulesSeen {
  run: string;
  count: number;
  /** Its second proxy lets its last connections go, and takes itself and the rules away then. */
  retiring: boolean;
}

/** Everything that a host's standing is judged from. */
export interface Seen {
  facts: HostFacts;
  generation: Generation;
  deployment: { service: string; destination: string | null };
  /** The selected roles of this host. */
  roles: readonly SeenRole[];
  accessories: readonly { readonly name: string; readonly serviceName: string }[];
  /** The app's answers on its health path, of containers that don't check themselves. */
  health: readonly HealthSeen[];
  /** Packet filter rules of this deployment's runs; null where they can't be looked at. */
  rules: readonly RulesSeen[] | null;
  /** When it was last written down how Kamal 1 ran here (milliseconds since the epoch), and whether a way back has used that; null without a record. */
  record: { writtenAt: number; used: boolean } | null;
  open: OpenRun;
  /** Milliseconds since the epoch. */
  now: number;
}
