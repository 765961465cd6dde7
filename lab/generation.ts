import type { HostListing } from './listing.ts';

/**
 * How a host runs the lab's app, judged by its containers alone and so independently of what bactrian thinks.
 * @returns `kamal1`, `kamal2`, `mixed` or `empty`
 */
export function generationOf(listing: HostListing): 'kamal1' | 'kamal2' | 'mixed' | 'empty' {
  const generations = new Set<'kamal1' | 'kamal2'>();
  for (const { name, status, networks } of listing.containers) {
    if (name === 'traefik') generations.add('kamal1');
    else if (name === 'kamal-proxy') generations.add('kamal2');
    else if (status === 'running') generations.add(networks.includes('kamal') ? 'kamal2' : 'kamal1');
  }
  const [first] = generations;
  return generations.size > 1 ? 'mixed' : (first ?? 'empty');
}
