import * as kamal from '../../../src/kamal/index.ts';
import type { Json, Role } from '../../../src/kamal/index.ts';
import { TAGS, text, type Subject } from './facts.ts';

/** Facts of one role. */
export function roleFacts(subject: Subject, role: Role): Json {
  const { d, version } = subject;
  return {
    name: role.name,
    hosts: [...role.hosts],
    primary: role.primary,
    running_proxy: role.runningProxy,
    ssl: role.ssl,
    container_prefix: role.containerPrefix,
    container_name: role.containerName(version),
    cmd: cmdOf(subject, role),
    restart_policy: role.restartPolicy,
    option_args: [...role.optionArgs],
    logging_args: [...role.loggingArgs],
    labels: kamal.jsonScalar(role.labels),
    label_args: [...role.labelArgs],
    stop_args: [...role.stopArgs],
    env_file: role.envFilePath,
    env_directory: text(kamal.app.ensureEnvDirectory(role)),
    commands: commandFacts(subject, role),
    ...proxyFacts(subject, role),
    readiness: role.runningProxy
      ? { by: 'proxy', deploy_timeout: d.timeouts.deployTimeout }
      : { by: 'poller', deploy_timeout: d.timeouts.deployTimeout, readiness_delay: d.timeouts.readinessDelay, accepts: ['running', 'healthy'] },
    ...assetFacts(subject, role),
  };
}

/** The corpus has the value as configured, which may be a number. */
function cmdOf({ d }: Subject, { name, cmd }: Role): Json {
  const servers = d.raw.get('servers');
  const role = servers instanceof Map ? servers.get(name) : null;
  const raw = role instanceof Map ? role.get('cmd') : null;
  return typeof raw === 'number' && String(raw) === cmd ? raw : cmd;
}

function commandFacts({ d, version }: Subject, role: Role): Json {
  const env = new Map([['A', 'b c']]);
  return {
    start: text(kamal.app.start(role, version)),
    stop_current: text(kamal.app.stop(d, role)),
    stop_version: text(kamal.app.stop(d, role, 'OLDVERSION')),
    status: text(kamal.app.statusOf(role, 'VERSION')),
    current_running_version: text(kamal.app.currentRunningVersion(d, role)),
    container_id_for_version: text(kamal.app.containerIdForVersion(role, 'VERSION')),
    rename_container: text(kamal.app.renameContainer(role, { version: 'VERSION', newVersion: 'VERSION_replaced_RANDOM' })),
    list_versions: text(kamal.app.listVersions(d, role)),
    exec_existing: text(kamal.app.execInExisting(role, { version, command: ['CMD'], env })),
    audit_booted: text(kamal.auditor.record(d, `Booted app version ${version}`, { ...TAGS, role: role.name })),
    ...(role.runningProxy
      ? {
          deploy: text(kamal.app.deploy(d, { role, target: 'CONTAINER', version })),
          proxy_remove: text(kamal.app.removeFromProxy(role)),
          live: text(kamal.app.live(role)),
          maintenance: text(kamal.app.maintenance(role, { drainTimeout: d.timeouts.drainTimeout })),
        }
      : {}),
  };
}

function proxyFacts({ d, secrets, version }: Subject, role: Role): Record<string, Json> {
  const { proxy } = role;
  if (!proxy) return {};
  const certificate = proxy.customCertificate;
  const contents = certificate && kamal.certificateContents(certificate, secrets);
  return {
    proxy: {
      app_port: kamal.jsonScalar(proxy.appPort),
      hosts: [...proxy.hosts],
      ssl: kamal.jsonScalar(proxy.ssl),
      custom_ssl_certificate: certificate !== null,
      path_prefixes: [...proxy.pathPrefixes],
      merged: kamal.jsonScalar(proxy.raw),
      deploy_options: kamal.jsonScalar(new Map(Object.entries(proxy.deployOptions(version)))),
    },
    ...(certificate && contents
      ? {
          ssl_certificate: {
            create_directory: text(kamal.app.createSslDirectory(d, role)),
            mode: '0644',
            certificate: { host_path: certificate.hostCertificate, container_path: certificate.containerCertificate, content: contents.certificate },
            private_key: { host_path: certificate.hostKey, container_path: certificate.containerKey, content: contents.key },
          },
        }
      : {}),
  };
}

function assetFacts({ d, version }: Subject, role: Role): Record<string, Json> {
  const { assets } = role;
  if (!assets) return {};
  return {
    assets: {
      path: assets.path,
      options: assets.options,
      extracted_directory: assets.extractedDirectory(version),
      volume_directory: assets.volumeDirectory(version),
      volume_args: assets.volumeArgs(version),
      extract: text(kamal.app.extractAssets(d, role, version) ?? []),
      sync: text(kamal.app.syncAssetVolumes(role, { version, oldVersion: 'OLDVERSION' }) ?? []),
      sync_without_old: text(kamal.app.syncAssetVolumes(role, { version }) ?? []),
      clean_up: text(kamal.app.cleanUpAssets(role, version) ?? []),
    },
  };
}
