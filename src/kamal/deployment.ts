import { accessoryOf, type Accessory } from './configuration/accessory.ts';
import { bootGroups, bootOf, type Boot } from './configuration/boot.ts';
import { directoriesOf, type Directories } from './configuration/directories.ts';
import { loggingArgs } from './configuration/logging.ts';
import { DEFAULT_PROXY_RUN, type ProxyRun } from './configuration/proxy-run.ts';
import { compactJoin, list, number, or, presence, section, text, unique } from './configuration/raw.ts';
import { registryOf, type Registry } from './configuration/registry.ts';
import { roleNames, roleOf, type Role } from './configuration/role.ts';
import { selectionOf, type Selection } from './configuration/selection.ts';
import { sshOf, sshkitOf, type SshSettings, type SshkitSettings } from './configuration/ssh.ts';
import { argumentize } from './ruby/args.ts';
import { isHash, toS, type Hash, type Value } from './ruby/value.ts';
import { configOf, type Snapshot } from './snapshot.ts';

/** What one `deploy.yml` (and destination) describes, as Kamal 2.12 understands it. Pure: no files, no network. */
export interface Deployment extends Selection {
  readonly service: string;
  readonly destination: string | null;
  /** Service and destination, as Kamal joins them in names and paths. */
  readonly name: string;
  /** The configured app version, null when there is none; {@link requireVersion} explains why. */
  readonly version: string | null;
  readonly versionProblem: string | null;
  readonly image: string;
  /** With the registry's server. */
  readonly repository: string;
  readonly latestTag: string;
  readonly latestImage: string;
  absoluteImage(version: string): string;

  /** All roles, by name, whatever the selection; the selected ones are in `roles`. */
  readonly allRoles: readonly Role[];
  readonly accessories: readonly Accessory[];
  readonly allHosts: readonly string[];
  readonly configPrimaryHost: string | null;
  readonly configPrimaryRole: Role | null;
  /** The selected roles of a host, the primary role first. */
  rolesOn(host: string): Role[];
  /** The accessories of a host, in the order of the configuration. */
  accessoriesOn(host: string): Accessory[];

  readonly boot: Boot;
  /** `appHosts` in groups that boot one after the other. */
  readonly bootGroups: readonly (readonly string[])[];
  /** Hosts in the order of `upgrade --rolling`. */
  readonly rollingOrder: readonly string[];
  /** Seconds. */
  readonly timeouts: { readonly readinessDelay: number; readonly deployTimeout: number; readonly drainTimeout: number; readonly stopTimeout: number | null };
  readonly retainContainers: number;
  readonly directories: Directories;
  readonly ssh: SshSettings;
  readonly sshkit: SshkitSettings;
  readonly registry: Registry;
  readonly hooks: { readonly path: string; readonly present: readonly string[]; readonly output: string | Readonly<Record<string, string>> | null };
  readonly errorPagesPath: string | null;
  readonly volumeArgs: readonly string[];
  readonly loggingArgs: readonly string[];
  readonly aliases: Readonly<Record<string, string>>;
  /** How kamal-proxy is configured to run on a host; null: Kamal's defaults, or what `proxy boot_config` left there. */
  proxyRun(host: string): ProxyRun | null;
  /** The same with Kamal's defaults in place of null. */
  effectiveProxyRun(host: string): ProxyRun;
  /** The merged configuration itself. */
  readonly raw: Hash;
}

/** The deployment's version is needed and there is none. The message is Kamal's. */
export class VersionMissing extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'VersionMissing';
  }
}

/** The configured app version. @throws VersionMissing */
export function requireVersion(d: Deployment): string {
  if (d.version === null) throw new VersionMissing(d.versionProblem ?? 'no version given');
  return d.version;
}

/** Makes the deployment of a loaded project. */
export function deploymentOf(snapshot: Snapshot): Deployment {
  return deploymentFrom(configOf(snapshot), snapshot);
}

/** The same from a raw configuration; `facts` is what the files around it say. */
export function deploymentFrom(raw: Hash, facts: Pick<Snapshot, 'destination' | 'version' | 'selection' | 'hooks'>): Deployment {
  const service = text(raw, 'service') ?? '';
  const { destination } = facts;
  const directories = directoriesOf(service, destination);
  const registry = registryOf(section(raw, 'registry'));
  const image = presence(raw.get('image')) ?? (registry.local ? service : '');
  const repository = compactJoin([registry.server, image], '/');
  const latestTag = compactJoin(['latest', destination], '-');
  const deployTimeout = or(raw.get('deploy_timeout'), 30);
  const drainTimeout = or(raw.get('drain_timeout'), 30);
  const primaryRoleName = or(raw.get('primary_role'), 'web');
  const proxyFacts = { directories, deployTimeout, drainTimeout, errorPages: isSet(raw.get('error_pages_path')) };

  const allRoles = roleNames(raw).map((name) => roleOf(name, { ...proxyFacts, root: raw, service, destination, primaryRole: primaryRoleName }));
  const accessories = [...section(raw, 'accessories').keys()].map((name) => accessoryOf(toS(name), { ...proxyFacts, root: raw, service, roles: allRoles }));
  const allHosts = unique([...allRoles, ...accessories].flatMap(({ hosts }) => hosts));
  const configPrimaryRole = allRoles.find(({ name }) => name === toS(primaryRoleName)) ?? null;
  const configPrimaryHost = configPrimaryRole?.hosts[0] ?? null;
  const selection = selectionOf(
    {
      roles: allRoles,
      accessories,
      allHosts,
      appHosts: unique(allRoles.flatMap(({ hosts }) => hosts)),
      proxyHosts: unique([...allRoles, ...accessories].filter(({ runningProxy }) => runningProxy).flatMap(({ hosts }) => hosts)),
      primaryRole: configPrimaryRole,
      primaryHost: configPrimaryHost,
    },
    facts.selection,
  );
  const boot = bootOf(raw, allHosts.length);
  const proxyRun = (host: string) => [...allRoles, ...accessories].find((owner) => owner.proxy?.run && owner.hosts.includes(host))?.proxy?.run ?? null;
  return {
    ...selection,
    service,
    destination,
    name: compactJoin([service, destination], '-'),
    version: facts.version.value,
    versionProblem: facts.version.problem,
    image,
    repository,
    latestTag,
    latestImage: `${repository}:${latestTag}`,
    absoluteImage: (version) => `${repository}:${version}`,
    allRoles,
    accessories,
    allHosts,
    configPrimaryHost,
    configPrimaryRole,
    rolesOn: (host) => selection.roles.filter((role) => role.hosts.includes(host)),
    accessoriesOn: (host) => accessories.filter((accessory) => accessory.hosts.includes(host)),
    boot,
    bootGroups: bootGroups(selection.appHosts, boot.limit),
    rollingOrder: selection.hosts,
    timeouts: {
      readinessDelay: Number(toS(or(raw.get('readiness_delay'), 7))),
      deployTimeout: Number(toS(deployTimeout)),
      drainTimeout: Number(toS(drainTimeout)),
      stopTimeout: number(raw, 'stop_timeout'),
    },
    retainContainers: Number(toS(or(raw.get('retain_containers'), 5))),
    directories,
    ssh: sshOf(raw),
    sshkit: sshkitOf(raw),
    registry,
    hooks: { path: facts.hooks.path, present: facts.hooks.present, output: hooksOutput(raw.get('hooks_output')) },
    errorPagesPath: isSet(raw.get('error_pages_path')) ? text(raw, 'error_pages_path') : null,
    volumeArgs: argumentize('--volume', list(raw, 'volumes')),
    loggingArgs: loggingArgs(section(raw, 'logging')),
    aliases: Object.fromEntries([...section(raw, 'aliases')].map(([name, command]) => [toS(name), toS(command)])),
    proxyRun,
    effectiveProxyRun: (host) => proxyRun(host) ?? DEFAULT_PROXY_RUN,
    raw,
  };
}

function isSet(value: Value | undefined): boolean {
  return value !== undefined && value !== null && value !== false;
}

function hooksOutput(value: Value | undefined): string | Record<string, string> | null {
  if (value === undefined || value === null) return null;
  return isHash(value) ? Object.fromEntries([...value].map(([hook, level]) => [toS(hook), toS(level)])) : toS(value);
}
