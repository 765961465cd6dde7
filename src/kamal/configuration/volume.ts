import path from 'node:path';

/** A volume argument (Kamal 2.12: `Configuration::Volume`): relative host paths are below the SSH user's home. */
export function volumeArgs(hostPath: string, containerPath: string, options: string | null = null): string[] {
  const host = path.posix.isAbsolute(hostPath) ? hostPath : `$PWD/${hostPath}`;
  return ['--volume', options === null || options.trim() === '' ? `${host}:${containerPath}` : `${host}:${containerPath}:${options}`];
}
