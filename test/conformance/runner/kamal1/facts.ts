import * as kamal from '../../../../src/kamal/index.ts';
import { kamal1, type Json, type Secrets } from '../../../../src/kamal/index.ts';
import { TAGS, text } from '../facts.ts';
import { accessoryFacts } from './facts-accessories.ts';
import { hostFacts } from './facts-hosts.ts';
import { roleFacts } from './facts-roles.ts';

/** Kamal's random id of a run. */
export const RUN_ID = 'RANDOM16';

/** What facts are computed from. */
export interface Kamal1Subject {
  readonly d: kamal1.Kamal1Deployment;
  readonly snapshot: kamal1.Kamal1Snapshot;
  readonly secrets: Secrets;
  readonly projectDir: string;
  /** The environment with `.env` in it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Variables that `.env` set or changed. */
  readonly loaded: Readonly<Record<string, string>>;
  readonly version: string;
}

/** All facts of a valid Kamal 1 case but the builder's, in the form of expected.json. */
export async function kamal1FactsOf(subject: Kamal1Subject): Promise<Record<string, Json>> {
  const { d, secrets, version } = subject;
  return {
    ok: true,
    kamal: kamal1.KAMAL1_VERSION,
    destination: d.destination,
    service: d.service,
    version,
    abbreviated_version: kamal.abbreviatedVersion(version),
    image: d.image,
    repository: d.repository,
    absolute_image: d.absoluteImage(version),
    latest_image: d.latestImage,
    latest_tag: d.latestTag,
    env_loaded: { ...subject.loaded },
    hosts: [...d.hosts],
    traefik_hosts: [...d.traefikHosts],
    accessory_hosts: [...d.accessoryHosts],
    all_hosts: [...d.allHosts],
    primary_host: d.primaryHost,
    primary_role: d.primaryRole?.name ?? null,
    config_primary_host: d.configPrimaryHost,
    config_primary_role: d.configPrimaryRole?.name ?? null,
    selected_roles: d.roles.map(({ name }) => name),
    boot: { limit: d.boot.limit, wait: d.boot.wait, strategy: d.boot.limit === null ? {} : { in: 'groups', limit: d.boot.limit, wait: d.boot.wait }, groups: d.bootGroups.map((group) => [...group]) },
    rolling: { downgrade: [...d.rollingOrder], traefik_reboot: [...d.traefikHosts] },
    timeouts: { readiness_delay: d.timeouts.readinessDelay, stop_wait_time: d.timeouts.stopWaitTime, healthcheck_max_attempts: d.healthcheck.maxAttempts },
    retain_containers: d.retainContainers,
    directories: { run: d.runDirectory, run_as_docker_volume: kamal1.onHost(d.runDirectory), env: d.names.envDirectories.root },
    ...sshFacts(d),
    sshkit: { max_concurrent_starts: d.sshkit.maxConcurrentStarts, pool_idle_timeout: d.sshkit.poolIdleTimeout },
    config: kamal1.kamal1ConfigJson(d, { showKeys: true }),
    config_yaml: kamal1.kamal1ConfigText(d, { showKeys: true }),
    registry: registryFacts(d, secrets),
    ensure_run_directory: text(kamal1.lock.ensureRunDirectory(d)),
    tag_latest_image: text(kamal1.app.tagLatestImage(d, version)),
    remove_images: text(kamal1.app.removeImages(d)),
    prune: {
      dangling_images: text(kamal1.prune.danglingImages(d)),
      tagged_images: text(kamal1.prune.taggedImages(d)),
      app_containers: text(kamal1.prune.appContainers(d, d.retainContainers)),
      healthcheck_containers: text(kamal1.prune.healthcheckContainers(d)),
    },
    lock: lockFacts(d, version),
    audit: { record: text(kamal1.auditor.record(d, 'Rebooted traefik', TAGS)), reveal: text(kamal1.auditor.reveal(d)) },
    hooks: hookFacts(d, version),
    traefik: traefikFacts(d),
    traefik_env_content: d.traefikEnvFileContent(secrets),
    roles: d.allRoles.map((role) => roleFacts(subject, role)),
    accessories: await Promise.all(d.accessories.map((accessory) => accessoryFacts(subject, accessory))),
    by_host: Object.fromEntries(d.hosts.map((host) => [host, hostFacts(subject, host)])),
  };
}

function sshFacts(d: kamal1.Kamal1Deployment): Record<string, Json> {
  const { ssh } = d;
  const raw = d.raw.get('ssh');
  const present: [string, boolean][] = [
    ['user', true], ['port', true], ['proxy', ssh.proxy !== null], ['logger', true], ['keepalive', true], ['keepalive_interval', true],
    ['keys_only', ssh.keysOnly !== null], ['keys', ssh.keys !== null], ['key_data', ssh.keyData !== null],
  ];
  return {
    ssh: {
      user: ssh.user,
      port: raw instanceof Map && raw.has('port') ? kamal.jsonScalar(raw.get('port') ?? null) : ssh.port,
      proxy: ssh.proxy && { $proxy: ssh.proxy.kind, value: ssh.proxy.value },
      keys: ssh.keys && [...ssh.keys],
      keys_only: ssh.keysOnly,
      key_data_count: ssh.keyData?.length ?? null,
      log_level: ssh.logLevel,
      option_names: present.filter(([, is]) => is).map(([name]) => name),
    },
    ssh_command_line: d.primaryHost === null ? null : kamal1.ssh.overSsh(d, d.primaryHost, "CMD 'x'"),
  };
}

/** Kamal's own login, `docker login -u … -p …`; ours puts the password on stdin. */
function registryFacts({ registry }: kamal1.Kamal1Deployment, secrets: Secrets): Json {
  const command = kamal1.registry.kamalLogin(registry, secrets);
  const redacted = command.map((word, index) => (['-u', '-p'].includes(command[index - 1] ?? '') ? '[REDACTED]' : word));
  return { server: registry.server, login: { command: text(command), redacted: text(redacted), argv: [...command] }, logout: text(kamal1.registry.logout(registry)) };
}

function lockFacts(d: kamal1.Kamal1Deployment, version: string): Json {
  const details = kamal.lock.lockDetails({ by: 'LOCKER', at: 'TIMESTAMP', version, message: 'Automatic deploy lock' });
  return {
    ensure_locks_directory: text(kamal1.lock.ensureLocksDirectory(d)),
    acquire: text(kamal1.lock.acquire(d, details)).replace(kamal.lock.base64Lines(details), 'BASE64'),
    details,
    release: text(kamal1.lock.release(d)),
    status: text(kamal1.lock.status(d)),
  };
}

function hookFacts(d: kamal1.Kamal1Deployment, version: string): Json {
  const facts = { ...TAGS, version };
  return {
    path: d.hooks.path,
    present: [...d.hooks.present],
    run: text([kamal1.hook.hookFile(d, 'pre-traefik-reboot')]),
    env: {
      'traefik reboot pre-traefik-reboot': kamal1.hook.hookEnv(d, { ...facts, hosts: d.traefikHosts, command: 'traefik' }),
      'downgrade pre-connect': kamal1.hook.hookEnv(d, { ...facts, hosts: d.hosts, command: 'downgrade' }),
    },
  };
}

function traefikFacts(d: kamal1.Kamal1Deployment): Json {
  const { traefik } = d;
  return {
    image: traefik.image,
    publish: traefik.publish,
    host_port: kamal.jsonScalar(traefik.hostPort),
    port: traefik.port,
    labels: kamal.jsonScalar(traefik.labels),
    args: kamal.jsonScalar(traefik.args),
    options: kamal.jsonScalar(traefik.options),
    run: text(kamal1.traefik.run(d)),
    start: text(kamal1.traefik.start()),
    stop: text(kamal1.traefik.stop()),
    info: text(kamal1.traefik.info()),
    remove_container: text(kamal1.traefik.removeContainer()),
    remove_image: text(kamal1.traefik.removeImage()),
    cleanup_kamal_proxy: text(kamal1.traefik.cleanUpKamalProxy()),
    make_env_directory: text(kamal1.traefik.ensureEnvDirectory(d)),
    env_file: kamal1.traefik.envFile(d),
  };
}
