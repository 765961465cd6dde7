/** Everything that bactrian knows about Kamal. */
export { ConfigError, describeProblem, type Problem } from './problems.ts';
export { snapshotDigest, type LocalFile, type Origin, type Snapshot } from './snapshot.ts';
export { deploymentOf, requireVersion, VersionMissing, type Deployment } from './deployment.ts';
export { kamalQuote, line, shellQuote, sshkitLine, type Command } from './shell.ts';
export { SecretMissing, Secrets } from './secrets/secrets.ts';
export type { Accessory, AccessoryDirectory, AccessoryFile } from './configuration/accessory.ts';
export type { Directories } from './configuration/directories.ts';
export { certificateContents, type CustomCertificate, type ProxySettings } from './configuration/proxy.ts';
export { MINIMUM_PROXY_VERSION, type ProxyRun, type PublishedPort } from './configuration/proxy-run.ts';
export type { Registry } from './configuration/registry.ts';
export type { Assets, Role } from './configuration/role.ts';
export { resolveKeyData, type SshProxy, type SshSettings } from './configuration/ssh.ts';
