import * as kamal from '../../../src/kamal/index.ts';
import type { Deployment, Json, Secrets, Snapshot } from '../../../src/kamal/index.ts';
import { hostFacts } from './facts-hosts.ts';
import { accessoryFacts } from './facts-accessories.ts';
import { roleFacts } from './facts-roles.ts';

/** What facts are computed from. */
export interface Subject {
  readonly d: Deployment;
  readonly snapshot: Snapshot;
  readonly secrets: Secrets;
  readonly projectDir: string;
  readonly env: Record<string, string>;
  readonly version: string;
}

export const TAGS = { at: 'TIMESTAMP', performer: 'PERFORMER' };
export const text = kamal.sshkitLine;

/** All facts of a valid case but the builder's, in the form of expected.json. */
export async function factsOf(subject: Subject): Promise<Record<string, Json>> {
  const { d, secrets, version } = subject;
  return {
    ok: true,
    kamal: '2.12.0',
    destination: d.destination,
    service: d.service,
    version,
    abbreviated_version: kamal.abbreviatedVersion(version),
    image: d.image,
    repository: d.repository,
    absolute_image: d.absoluteImage(version),
    latest_image: d.latestImage,
    latest_tag: d.latestTag,
    hosts: [...d.hosts],
    app_hosts: [...d.appHosts],
    proxy_hosts: [...d.proxyHosts],
    accessory_hosts: [...d.accessoryHosts],
    all_hosts: [...d.allHosts],
    primary_host: d.primaryHost,
    primary_role: d.primaryRole?.name ?? null,
    config_primary_host: d.configPrimaryHost,
    config_primary_role: d.configPrimaryRole?.name ?? null,
    selected_roles: d.roles.map(({ name }) => name),
    boot: { limit: d.boot.limit, wait: d.boot.wait, parallel_roles: d.boot.parallelRoles, groups: d.bootGroups.map((group) => [...group]) },
    rolling: { upgrade: [...d.rollingOrder], proxy_reboot: [...d.proxyHosts], accessory_upgrade: [...d.accessoryHosts] },
    timeouts: { readiness_delay: d.timeouts.readinessDelay, deploy_timeout: d.timeouts.deployTimeout, drain_timeout: d.timeouts.drainTimeout, stop_timeout: d.timeouts.stopTimeout },
    retain_containers: d.retainContainers,
    directories: directoryFacts(d),
    ...sshFacts(d, secrets),
    sshkit: { max_concurrent_starts: d.sshkit.maxConcurrentStarts, pool_idle_timeout: d.sshkit.poolIdleTimeout, dns_retries: d.sshkit.dnsRetries },
    aliases: { ...d.aliases },
    output: kamal.jsonScalar(d.raw.get('output') ?? new Map()),
    secrets: { files: [...subject.snapshot.secretsFiles.present], values: secrets.values() },
    config: kamal.configJson(d, secrets),
    config_yaml: kamal.configText(d, secrets),
    registry: registryFacts(d, secrets),
    proxy: proxyFacts(d),
    network_create: text(kamal.docker.createNetwork()),
    ensure_run_directory: text(kamal.lock.ensureRunDirectory(d)),
    pull: { clean: text(kamal.docker.clean(d, version)), pull: text(kamal.docker.pull(d, version)), validate_image: text(kamal.docker.validateImage(d, version)) },
    tag_latest_image: text(kamal.app.tagLatestImage(d, version)),
    remove_images: text(kamal.app.removeImages(d)),
    prune: { dangling_images: text(kamal.prune.danglingImages(d)), tagged_images: text(kamal.prune.taggedImages(d)), app_containers: text(kamal.prune.appContainers(d, d.retainContainers)) },
    lock: lockFacts(d, version),
    audit: {
      record: text(kamal.auditor.record(d, 'Rebooted proxy', TAGS)),
      reveal: text(kamal.auditor.reveal(d)),
      record_special: text(kamal.auditor.record(d, 'Executed cmd \'echo "$HOME" `id` café\' on app', TAGS)),
    },
    hooks: hookFacts(subject),
    ...errorPageFacts(subject),
    roles: d.allRoles.map((role) => roleFacts(subject, role)),
    accessories: await Promise.all(d.accessories.map((accessory) => accessoryFacts(subject, accessory))),
    by_host: Object.fromEntries(d.hosts.map((host) => [host, hostFacts(subject, host)])),
  };
}

function directoryFacts({ directories: of }: Deployment): Json {
  return { run: of.run, apps: of.apps, app: of.app, env: of.env, assets: of.assets, proxy: of.proxy, apps_config: of.appsConfig, proxy_app: of.proxyApp, proxy_app_in_container: of.proxyAppInContainer };
}

function sshFacts(d: Deployment, secrets: Secrets): Record<string, Json> {
  const { ssh } = d;
  const present: [string, boolean][] = [
    ['user', true], ['port', true], ['proxy', ssh.proxy !== null], ['logger', true], ['keepalive', true], ['keepalive_interval', true], ['keys_only', ssh.keysOnly !== null],
    ['keys', ssh.keys !== null], ['key_data', ssh.keyData !== null], ['config', ssh.config !== null], ['forward_agent', ssh.forwardAgent !== null],
  ];
  const raw = d.raw.get('ssh');
  return {
    ssh: {
      user: ssh.user,
      port: raw instanceof Map && raw.has('port') ? kamal.jsonScalar(raw.get('port') ?? null) : ssh.port,
      proxy: ssh.proxy && { $proxy: ssh.proxy.kind, value: ssh.proxy.value },
      keys: ssh.keys && [...ssh.keys],
      keys_only: ssh.keysOnly,
      config: typeof ssh.config === 'object' && ssh.config !== null ? [...ssh.config] : ssh.config,
      forward_agent: ssh.forwardAgent,
      key_data_count: ssh.keyData?.length ?? null,
      log_level: ssh.logLevel,
      option_names: present.filter(([, is]) => is).map(([name]) => name),
    },
    ...(ssh.keyData === null ? {} : { ssh_key_data: kamal.resolveKeyData(ssh, secrets) }),
    ssh_command_line: d.primaryHost === null ? null : kamal.ssh.overSsh(d, d.primaryHost, "CMD 'x'"),
  };
}

function registryFacts({ registry }: Deployment, secrets: Secrets): Json {
  return {
    server: registry.server,
    local: registry.local,
    login: loginFacts(registry, secrets),
    logout: text(kamal.registry.logout(registry)),
    ...(registry.local ? { setup: text(kamal.registry.setup(registry)), remove: text(kamal.registry.remove()) } : {}),
  };
}

/** Kamal's own login, `docker login -u … -p …`; ours puts the password on stdin. */
export function loginFacts(registry: Deployment['registry'], secrets: Secrets): Json {
  const command = kamal.registry.kamalLogin(registry, secrets);
  if (command === null) return { command: '/usr/bin/env ', redacted: '/usr/bin/env ', argv: null };
  const redacted = command.map((word, index) => (['-u', '-p'].includes(command[index - 1] ?? '') ? '[REDACTED]' : word));
  return { command: text(command), redacted: text(redacted), argv: [...command] };
}

function proxyFacts(d: Deployment): Json {
  return {
    start: text(kamal.proxy.start()),
    stop: text(kamal.proxy.stop()),
    version: text(kamal.proxy.version()),
    info: text(kamal.proxy.info()),
    remove_container: text(kamal.proxy.removeContainer()),
    remove_image: text(kamal.proxy.removeImage()),
    ensure_apps_config_directory: text(kamal.proxy.ensureAppsConfigDirectory(d)),
    ensure_proxy_directory: text(kamal.proxy.ensureProxyDirectory(d)),
    remove_proxy_directory: text(kamal.proxy.removeProxyDirectory(d)),
    cleanup_traefik: text(kamal.proxy.cleanupTraefik()),
  };
}

function lockFacts(d: Deployment, version: string): Json {
  const details = kamal.lock.lockDetails({ by: 'LOCKER', at: 'TIMESTAMP', version, message: 'Automatic deploy lock' });
  return {
    acquire: text(kamal.lock.acquire(d, details)).replace(kamal.lock.base64Lines(details), 'BASE64'),
    details,
    release: text(kamal.lock.release(d)),
    status: text(kamal.lock.status(d)),
  };
}

function hookFacts({ d, secrets, version, snapshot }: Subject): Json {
  const facts = { ...TAGS, version, hosts: d.hosts, roles: snapshot.selection.roles, command: 'upgrade' };
  const output = d.hooks.output;
  return {
    path: d.hooks.path,
    present: [...d.hooks.present],
    run: text([kamal.hook.hookFile(d, 'pre-proxy-reboot')]),
    output: Object.fromEntries(hookNames(d).flatMap((hook) => { const level = kamal.hook.hookOutput(d, hook); return level === null || output === null ? [] : [[hook, level]]; })),
    env: {
      'upgrade pre-connect': kamal.hook.hookEnv(d, { ...facts, locked: false }, secrets),
      'upgrade pre-proxy-reboot': kamal.hook.hookEnv(d, { ...facts, locked: true }),
    },
  };
}

const HOOKS = ['docker-setup', 'pre-connect', 'pre-build', 'pre-deploy', 'post-deploy', 'pre-app-boot', 'post-app-boot', 'pre-proxy-reboot', 'post-proxy-reboot'];

function hookNames(d: Deployment): string[] {
  return [...new Set([...HOOKS, ...d.hooks.present])];
}

function errorPageFacts({ d, snapshot, version }: Subject): Record<string, Json> {
  if (snapshot.errorPages === null) return {};
  const files = Object.keys(snapshot.errorPages).sort();
  return {
    error_pages: {
      files,
      uploads: files.length > 0,
      directory: d.directories.errorPages,
      container_directory: d.directories.errorPagesInContainer,
      upload_to: files.length > 0 ? `${d.directories.errorPages}/${version}` : null,
      upload_mode: '0700',
      create: text(kamal.app.createErrorPagesDirectory(d)),
      clean_up: text(kamal.app.cleanUpErrorPages(d, version)),
    },
  };
}
