import { bootGroups, bootOf, type Boot } from '../configuration/boot.ts';
import { loggingArgs } from '../configuration/logging.ts';
import { compactJoin, list, number, or, section, text, unique } from '../configuration/raw.ts';
import { registryOf, type Registry } from '../configuration/registry.ts';
import { roleNames } from '../configuration/role.ts';
import { sshOf, sshkitOf, type SshSettings, type SshkitSettings } from '../configuration/ssh.ts';
import { argumentize } from '../ruby/args.ts';
import { toS, type Hash } from '../ruby/value.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { kamal1AccessoryOf, type Kamal1Accessory } from './accessory.ts';
import { envFileContent } from './env.ts';
import { healthcheckOf, type Healthcheck } from './healthcheck.ts';
import { kamal1NamesOf, type Kamal1Names } from './names.ts';
import { KAMAL1 } from './quoting.ts';
import { kamal1RoleOf, type Kamal1Role } from './role.ts';
import { kamal1SelectionOf, type Kamal1Selection } from './selection.ts';
import { kamal1ConfigOf, type Kamal1Snapshot } from './snapshot.ts';
import { traefikOf, type Traefik } from './traefik.ts';

/** What one `deploy.yml` (and destination) describes, as Kamal 1.9 understands it. Pure: no files, no network. */
export interface Kamal1Deployment extends Kamal1Selection {
  readonly service: string;
  readonly destination: string | null;
  /** Service and destination, as Kamal joins them in names and paths. */
  readonly name: string;
  /** The configured app version, null when there is none, and why. */
  readonly version: string | null;
  readonly versionProblem: string | null;
  readonly image: string;
  /** With the registry's server. */
  readonly repository: string;
  readonly latestTag: string;
  readonly latestImage: string;
  absoluteImage(version: string): string;

  /** All roles, by name, whatever the selection; the selected ones are in `roles`. */
  readonly allRoles: readonly Kamal1Role[];
  readonly accessories: readonly Kamal1Accessory[];
  readonly allHosts: readonly string[];
  readonly configPrimaryHost: string | null;
  readonly configPrimaryRole: Kamal1Role | null;
  /** The selected roles of a host, the primary role first. */
  rolesOn(host: string): Kamal1Role[];
  /** The accessories of a host, in the order of the configuration. */
  accessoriesOn(host: string): Kamal1Accessory[];

  readonly boot: Boot;
  /** `hosts` in groups that boot one after the other. */
  readonly bootGroups: readonly (readonly string[])[];
  /** Hosts in the order of `downgrade --rolling`. */
  readonly rollingOrder: readonly string[];
  /** Seconds. */
  readonly timeouts: { readonly readinessDelay: number; readonly stopWaitTime: number | null };
  readonly retainContainers: number;
  /** Where Kamal 1 keeps its files on a host: absolute, or relative to the SSH user's home. */
  readonly runDirectory: string;
  readonly names: Kamal1Names;
  readonly traefik: Traefik;
  /** Text of Traefik's env file. @throws SecretMissing */
  traefikEnvFileContent(secrets: Secrets): string;
  /** The root's; each role has its own. */
  readonly healthcheck: Healthcheck;
  readonly ssh: SshSettings;
  readonly sshkit: SshkitSettings;
  readonly registry: Registry;
  readonly hooks: { readonly path: string; readonly present: readonly string[] };
  readonly volumeArgs: readonly string[];
  readonly loggingArgs: readonly string[];
  /** The merged configuration itself. */
  readonly raw: Hash;
}

/** Makes the deployment of a loaded Kamal 1 project. */
export function kamal1DeploymentOf(snapshot: Kamal1Snapshot): Kamal1Deployment {
  return kamal1DeploymentFrom(kamal1ConfigOf(snapshot), snapshot);
}

/** What the files around a configuration say. */
export type Kamal1Facts = Pick<Kamal1Snapshot, 'destination' | 'version' | 'selection' | 'hooks'>;

/** The same from a raw configuration. */
export function kamal1DeploymentFrom(raw: Hash, facts: Kamal1Facts): Kamal1Deployment {
  const service = text(raw, 'service') ?? '';
  const { destination } = facts;
  const runDirectory = toS(or(raw.get('run_directory'), '.kamal'));
  const names = kamal1NamesOf({ service, destination, runDirectory });
  // Kamal 1 logs in to each registry, one on the deploying machine too.
  const registry = { ...registryOf(section(raw, 'registry')), local: false, localPort: null };
  const image = text(raw, 'image') ?? '';
  const repository = compactJoin([registry.server, image], '/');
  const latestTag = compactJoin(['latest', destination], '-');
  const primaryRole = toS(or(raw.get('primary_role'), 'web'));

  const allRoles = roleNames(raw).map((name) => kamal1RoleOf(name, { root: raw, service, destination, names, primaryRole }));
  const accessories = [...section(raw, 'accessories').keys()].map((name) => kamal1AccessoryOf(toS(name), { root: raw, service, names, roles: allRoles }));
  const allHosts = unique([...allRoles, ...accessories].flatMap(({ hosts }) => hosts));
  const configPrimaryRole = allRoles.find(({ primary }) => primary) ?? null;
  const selection = kamal1SelectionOf({ roles: allRoles, accessories, allHosts, primaryRole: configPrimaryRole }, facts.selection);
  const boot = bootOf(raw, allHosts.length);
  const traefik = traefikOf(section(raw, 'traefik'));
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
    configPrimaryHost: configPrimaryRole?.hosts[0] ?? null,
    configPrimaryRole,
    rolesOn: (host) => selection.roles.filter((role) => role.hosts.includes(host)),
    accessoriesOn: (host) => accessories.filter((accessory) => accessory.hosts.includes(host)),
    boot,
    bootGroups: bootGroups(selection.hosts, boot.limit),
    rollingOrder: unique([...selection.hosts, ...selection.accessoryHosts]),
    timeouts: { readinessDelay: Number(toS(or(raw.get('readiness_delay'), 7))), stopWaitTime: number(raw, 'stop_wait_time') },
    retainContainers: Number(toS(or(raw.get('retain_containers'), 5))),
    runDirectory,
    names,
    traefik,
    traefikEnvFileContent: (secrets) => envFileContent(traefik.env, secrets),
    healthcheck: healthcheckOf(section(raw, 'healthcheck')),
    ssh: sshOf(raw),
    sshkit: sshkitOf(raw),
    registry,
    hooks: facts.hooks,
    volumeArgs: argumentize('--volume', list(raw, 'volumes'), KAMAL1),
    loggingArgs: loggingArgs(section(raw, 'logging'), KAMAL1),
    raw,
  };
}
