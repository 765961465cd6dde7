import type { ContainerListing, HostListing } from './listing.ts';

/** A host's listing without what differs from run to run, so that two states can be compared with `toEqual`. */
export interface ComparableHost {
  containers: Omit<ContainerListing, 'id' | 'imageId' | 'createdAt' | 'startedAt'>[];
  /** `mode owner path`, with the size where it says something. */
  files: string[];
  images: string[];
  networks: string[];
  volumes: string[];
  audit: string[];
}

/**
 * @param subnet the lab's, which becomes 10.77.0, the reference states' own
 * @returns the listing with random and time parts replaced by `<…>`, and without Redis's files, which are its own business
 */
export function comparable(listing: HostListing, subnet: string): ComparableHost {
  const text = (value: string): string =>
    value
      .replaceAll(`${subnet}.`, '10.77.0.')
      .replace(/_replaced_[0-9a-f]{16}\b/g, '_replaced_<hex>')
      .replace(/(\/cords\/[\w-]+-)[0-9a-f]{32}\b/g, '$1<hex>')
      .replace(/^(10\.77\.0\.\d+)-[0-9a-f]{12}$/, '$1-<hex>')
      .replace(/^[0-9a-f]{12}$/, '<container id>');
  return {
    containers: listing.containers
      .map(({ id: _id, imageId: _imageId, createdAt: _createdAt, startedAt: _startedAt, ...container }) => ({
        ...container,
        name: text(container.name),
        image: text(container.image),
        hostname: text(container.hostname),
        // The last check before it stopped is a matter of chance.
        health: container.status === 'running' ? container.health : null,
        // Docker keeps no order of them.
        binds: container.binds.map(text).sort(),
        mounts: container.mounts.map((mount) => ({ ...mount, source: text(mount.source) })),
        labels: Object.fromEntries(
          Object.entries(container.labels)
            .filter(([key]) => !key.startsWith('org.opencontainers.image.'))
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        ),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    files: listing.files
      .filter((file) => !file.path.includes('labapp-redis/data/'))
      .map((file) => [file.mode, file.owner, text(file.path), ...(/\.(env|json)$/.test(file.path) ? [file.size] : [])].join(' '))
      .sort(),
    images: listing.images.map((image) => text(image.reference)).sort(),
    networks: listing.networks.map((network) => `${network.name} ${network.driver}`).sort(),
    volumes: listing.volumes.toSorted(),
    audit: listing.audit.map((line) => text(line.replace(/^\[[^\]]*\] \[[^\]]*\]/, '[<when>] [<who>]'))),
  };
}
