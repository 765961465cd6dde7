import path from 'node:path';
import * as kamal from '../../../src/kamal/index.ts';
import type { Accessory, AccessoryFile, Json } from '../../../src/kamal/index.ts';
import { loginFacts, TAGS, text, type Subject } from './facts.ts';

/** Facts of one accessory. */
export async function accessoryFacts(subject: Subject, accessory: Accessory): Promise<Json> {
  const { d, secrets } = subject;
  const { registry } = accessory;
  return {
    name: accessory.name,
    service_name: accessory.serviceName,
    hosts: [...accessory.hosts],
    selected_hosts: d.accessoryHosts.filter((host) => accessory.hosts.includes(host)),
    image: accessory.image,
    port: accessory.port,
    cmd: accessory.cmd,
    restart_policy: accessory.restartPolicy,
    network_args: [...accessory.networkArgs],
    publish_args: accessory.port === null ? null : [...accessory.publishArgs],
    label_args: [...accessory.labelArgs],
    option_args: [...accessory.optionArgs],
    env_args: [...accessory.envArgs],
    env_file: accessory.envFilePath,
    env_content: accessory.envFileContent(secrets),
    ...(registry ? { registry: { server: registry.server, login: loginFacts(registry, secrets) } } : {}),
    volume_args: [...accessory.volumeArgs],
    directories: accessory.directories.map((directory) => ({
      path: directory.path,
      host_path: directory.hostPath,
      container_path: directory.containerPath,
      options: directory.options,
      mode: directory.mode,
      owner: directory.owner,
      commands: kamal.accessory.prepareDirectory(directory).map(text),
    })),
    files: await Promise.all(accessory.files.map((file) => fileFacts(subject, accessory, file))),
    commands: commandFacts(subject, accessory),
    running_proxy: accessory.runningProxy,
  };
}

async function fileFacts({ snapshot, secrets, projectDir, env }: Subject, accessory: Accessory, file: AccessoryFile): Promise<Json> {
  const upload = await kamal.uploadOf(snapshot, accessory, file, secrets, { projectDir, env });
  const { before, after } = kamal.accessory.prepareFile(file);
  return {
    local: file.rendered ? null : path.resolve(projectDir, file.local),
    rendered: file.rendered,
    directory: upload.kind === 'directory',
    content: upload.kind === 'directory' ? null : upload.content.toString('utf8'),
    host_path: file.hostPath,
    container_path: file.containerPath,
    options: file.options,
    mode: file.mode,
    owner: file.owner,
    commands: [...before.map(text), 'UPLOAD', ...after.map(text)],
  };
}

function commandFacts({ d, version }: Subject, accessory: Accessory): Json {
  return {
    start: text(kamal.accessory.start(accessory)),
    stop: text(kamal.accessory.stop(accessory)),
    info: text(kamal.accessory.info(accessory)),
    info_all_quiet: text(kamal.accessory.info(accessory, { all: true, quiet: true })),
    remove_container: text(kamal.accessory.removeContainer(accessory)),
    remove_image: text(kamal.accessory.removeImage(accessory)),
    remove_service_directory: text(kamal.accessory.removeServiceDirectory(accessory)),
    pull_image: text(kamal.accessory.pullImage(accessory)),
    ensure_env_directory: text(kamal.accessory.ensureEnvDirectory(accessory)),
    logs: text(kamal.accessory.logs(accessory, 100)),
    exec_new: text(kamal.accessory.execInNew(accessory, ['CMD'])),
    exec_existing: text(kamal.accessory.execInExisting(accessory, ['CMD'])),
    audit_booted: text(kamal.auditor.record(d, `Booted ${accessory.name} accessory`, TAGS)),
    ...(accessory.runningProxy
      ? {
          container_id: text(kamal.accessory.containerId(accessory)),
          proxy_deploy: text(kamal.accessory.deploy(accessory, { target: 'CONTAINER', version })),
          proxy_remove: text(kamal.accessory.removeFromProxy(accessory)),
        }
      : {}),
  };
}
