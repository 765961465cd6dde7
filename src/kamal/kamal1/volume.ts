import path from 'node:path';

/** A volume argument (Kamal 1.9: `Configuration::Volume`): relative host paths are below the SSH user's home. */
export function volumeArgs(hostPath: string, containerPath: string): string[] {
  return ['--volume', `${onHost(hostPath)}:${containerPath}`];
}

/** A path of Kamal's as Docker takes it: absolute, or for the host's shell to complete. */
export function onHost(hostPath: string): string {
  return path.posix.isAbsolute(hostPath) ? hostPath : `$(pwd)/${hostPath}`;
}
