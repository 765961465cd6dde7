import type { kamal1, Secrets } from '../../kamal/index.ts';
import { wantedEnv } from '../reachability.ts';
import type { HostRecord } from './read.ts';
import { partInWords, type PartRecord } from './shape.ts';

/** What a way back from records is planned with. */
export interface Records {
  readonly byHost: ReadonlyMap<string, HostRecord>;
  /** The key of this machine: hashes of another one say nothing here. */
  readonly key: { readonly id: string; readonly hash: (name: string, value: string) => string };
}

/** Variables of a part on a host that are not what they were under Kamal 1. Names only. */
export interface ChangedVariables {
  readonly host: string;
  /** In words: `role web`. */
  readonly part: string;
  /** It had them, and nothing gives them a value now. */
  readonly missing: readonly string[];
  /** They have another value than then; empty also where it can't be known. */
  readonly changed: readonly string[];
}

/**
 * Compares the environment that each part will get with what is written down of it. Roles and accessories take theirs
 * from the Kamal 2 configuration; Traefik, which that one knows nothing of, keeps the env file that Kamal 1 left.
 */
export function changedVariables(deployment: kamal1.Kamal1Deployment, secrets: Secrets, { byHost, key }: Records): ChangedVariables[] {
  return [...byHost.values()].flatMap((record) => {
    const { host } = record;
    /** `wanted`: values by name; null where only the name is known. */
    const compare = (part: PartRecord | null | undefined, wanted: () => ReadonlyMap<string, string | null>): ChangedVariables[] => {
      const then = Object.entries(part?.container.env ?? {});
      if (!part || then.length === 0) return [];
      const now = wanted();
      const missing = then.flatMap(([name]) => (now.has(name) ? [] : [name]));
      const changed = then.flatMap(([name, hash]) => {
        const value = now.get(name) ?? null;
        return part.key === key.id && value !== null && key.hash(name, value) !== hash ? [name] : [];
      });
      return missing.length + changed.length === 0 ? [] : [{ host, part: partInWords(part.part), missing, changed }];
    };
    const kept = new Map((record.traefikEnv ?? []).map((name) => [name, null]));
    return [
      ...compare(record.traefik, () => kept),
      ...deployment.rolesOn(host).flatMap((role) => compare(record.roles.get(role.name), () => wantedEnv(role, host, secrets))),
      ...deployment.accessoriesOn(host).flatMap((accessory) => compare(record.accessories.get(accessory.name), () => wantedEnv({ env: () => accessory.env }, host, secrets))),
    ];
  });
}
