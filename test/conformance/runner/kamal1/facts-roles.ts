import { jsonScalar, kamal1, type Json } from '../../../../src/kamal/index.ts';
import { TAGS, text } from '../facts.ts';
import { RUN_ID, type Kamal1Subject } from './facts.ts';

/** Facts of one role. */
export function roleFacts(subject: Kamal1Subject, role: kamal1.Kamal1Role): Json {
  const { d, version } = subject;
  return {
    name: role.name,
    hosts: [...role.hosts],
    primary: role.primary,
    running_traefik: role.runningTraefik,
    container_prefix: role.containerPrefix,
    container_name: role.containerName(version),
    cmd: cmdOf(d, role),
    option_args: [...role.optionArgs],
    logging_args: [...role.loggingArgs],
    labels: jsonScalar(role.labels),
    label_args: [...role.labelArgs],
    healthcheck: {
      ...(jsonScalar(kamal1.healthcheckHash(role.healthcheck) as Map<string, never>) as Record<string, Json>),
      set_port_or_path: role.healthcheck.setsPortOrPath,
      args_with_cord: role.healthCheckArgs(RUN_ID),
      args_without_cord: role.healthCheckArgs(null),
      uses_cord: usesCord(role),
    },
    ...cordFacts(role),
    commands: commandFacts(subject, role),
    ...assetFacts(subject, role),
  };
}

/** As Ruby gives it: nil where a role behind Traefik has its cord taken away. */
function usesCord({ cord, runningTraefik, healthcheck }: kamal1.Kamal1Role): boolean | null {
  return runningTraefik && healthcheck.cord === null ? null : cord !== null;
}

/** The corpus has the value as configured, which may be a number. */
function cmdOf(d: kamal1.Kamal1Deployment, { name, cmd }: kamal1.Kamal1Role): Json {
  const servers = d.raw.get('servers');
  const role = servers instanceof Map ? servers.get(name) : null;
  const raw = role instanceof Map ? role.get('cmd') : null;
  return typeof raw === 'number' && String(raw) === cmd ? raw : cmd;
}

function cordFacts(role: kamal1.Kamal1Role): Record<string, Json> {
  const { cord } = role;
  if (!cord) return {};
  const file = cord.hostFile(RUN_ID);
  return {
    cord: {
      host_file: file,
      container_file: cord.containerFile,
      volume: cord.volumeArgs(RUN_ID),
      tie: text(kamal1.cord.tie(file)),
      find: text(kamal1.cord.find(role, cord, 'OLDVERSION')),
      cut: text(kamal1.cord.cut('CORD')),
    },
  };
}

function commandFacts({ d, version }: Kamal1Subject, role: kamal1.Kamal1Role): Json {
  return {
    start: text(kamal1.app.start(role, version)),
    stop_current: text(kamal1.app.stop(d, role)),
    stop_version: text(kamal1.app.stop(d, role, 'OLDVERSION')),
    status: text(kamal1.app.statusOf(role, 'VERSION')),
    current_running_version: text(kamal1.app.currentRunningVersion(d, role)),
    container_id_for_version: text(kamal1.app.containerIdForVersion(role, 'VERSION')),
    rename_container: text(kamal1.app.renameContainer(role, { version: 'VERSION', newVersion: 'VERSION_replaced_RANDOM' })),
    list_versions: text(kamal1.app.listVersions(d, role)),
    audit_booted: text(kamal1.auditor.record(d, `Booted app version ${version}`, { ...TAGS, role: role.name })),
  };
}

function assetFacts({ d, version }: Kamal1Subject, role: kamal1.Kamal1Role): Record<string, Json> {
  const { assets } = role;
  if (!assets) return {};
  return {
    assets: {
      path: assets.path,
      extracted_directory: assets.extractedDirectory(version),
      volume_directory: assets.volumeDirectory(version),
      volume_args: assets.volumeArgs(version),
      extract: text(kamal1.assets.extract(d, role, assets, version)),
      sync: text(kamal1.assets.syncVolumes(assets, { version, oldVersion: 'OLDVERSION' })),
      sync_without_old: text(kamal1.assets.syncVolumes(assets, { version })),
      clean_up: text(kamal1.assets.cleanUp(role, assets, version)),
    },
  };
}
