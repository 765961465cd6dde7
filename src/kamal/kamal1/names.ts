import { compactJoin } from '../configuration/raw.ts';

/** Names that Kamal 1.9 left on the hosts, relative to the SSH user's home: what an upgrade has to find. */
export interface Kamal1Names {
  readonly locksDirectory: string;
  /** Directory of Kamal 1's deploy lock on the primary host; Kamal 2 doesn't look at it. */
  readonly lockDirectory: string;
  readonly lockDetailsFile: string;
  /** Directories of the env files: that of all, traefik's, the roles', the accessories'. */
  readonly envDirectories: { readonly root: string; readonly traefik: string; readonly roles: string; readonly accessories: string };
  readonly cordsDirectory: string;
  readonly assetsDirectory: string;
  readonly auditLogFile: string;
  readonly traefikContainer: string;
  /** Env file of a role. */
  roleEnvFile(role: string): string;
  accessoryEnvFile(accessory: string): string;
}

/** Kamal 1.9: `Commands::Lock`, `Configuration#host_env_directory`. `run_directory` was configurable in Kamal 1. */
export function kamal1NamesOf({ service, destination, runDirectory = '.kamal' }: { service: string; destination: string | null; runDirectory?: string }): Kamal1Names {
  // As Ruby's File.join: no second slash after one that is there.
  const below = (name: string) => `${runDirectory.replace(/\/$/, '')}/${name}`;
  const env = below('env');
  const locksDirectory = below('locks');
  const lockDirectory = `${locksDirectory}/${compactJoin([service, destination], '-')}`;
  return {
    locksDirectory,
    lockDirectory,
    lockDetailsFile: `${lockDirectory}/details`,
    envDirectories: { root: env, traefik: `${env}/traefik`, roles: `${env}/roles`, accessories: `${env}/accessories` },
    cordsDirectory: below('cords'),
    assetsDirectory: below('assets'),
    auditLogFile: below(compactJoin([service, destination, 'audit.log'], '-')),
    traefikContainer: 'traefik',
    roleEnvFile: (role) => `${env}/roles/${compactJoin([service, role, destination], '-')}.env`,
    accessoryEnvFile: (accessory) => `${env}/accessories/${service}-${accessory}.env`,
  };
}
