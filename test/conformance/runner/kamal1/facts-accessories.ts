import path from 'node:path';
import { kamal1, type Json } from '../../../../src/kamal/index.ts';
import { text } from '../facts.ts';
import type { Kamal1Subject } from './facts.ts';

/** Facts of one accessory. */
export async function accessoryFacts(subject: Kamal1Subject, accessory: kamal1.Kamal1Accessory): Promise<Json> {
  const { d, secrets } = subject;
  return {
    name: accessory.name,
    service_name: accessory.serviceName,
    hosts: [...accessory.hosts],
    image: accessory.image,
    port: accessory.port,
    cmd: accessory.cmd,
    label_args: [...accessory.labelArgs],
    env_args: [...accessory.envArgs],
    env_file: accessory.envFilePath,
    env_content: accessory.envFileContent(secrets),
    volume_args: [...accessory.volumeArgs],
    directories: accessory.directories.map((directory) => ({ path: directory.path, container_path: directory.containerPath, commands: kamal1.accessory.prepareDirectory(directory).map(text) })),
    files: await Promise.all(accessory.files.map((file) => fileFacts(subject, accessory, file))),
    commands: {
      run: text(kamal1.accessory.run(d, accessory)),
      start: text(kamal1.accessory.start(accessory)),
      stop: text(kamal1.accessory.stop(accessory)),
      info: text(kamal1.accessory.info(accessory)),
      remove_container: text(kamal1.accessory.removeContainer(accessory)),
      remove_image: text(kamal1.accessory.removeImage(accessory)),
      remove_service_directory: text(kamal1.accessory.removeServiceDirectory(accessory)),
      make_env_directory: text(kamal1.accessory.ensureEnvDirectory(accessory)),
      exec_new: text(kamal1.accessory.execInNew(accessory, ['CMD'])),
      exec_existing: text(kamal1.accessory.execInExisting(accessory, ['CMD'])),
    },
  };
}

async function fileFacts({ snapshot, projectDir, env }: Kamal1Subject, accessory: kamal1.Kamal1Accessory, file: kamal1.Kamal1File): Promise<Json> {
  const upload = await kamal1.kamal1UploadOf(snapshot, accessory, file, { projectDir, env });
  const { before, after } = kamal1.accessory.prepareFile(file);
  return {
    local: file.rendered ? null : path.resolve(projectDir, file.local),
    rendered: file.rendered,
    directory: upload.kind === 'directory',
    content: upload.kind === 'directory' ? null : upload.content.toString('utf8'),
    host_path: file.hostPath,
    container_path: file.containerPath,
    mode: '755',
    commands: [...before.map(text), 'UPLOAD', ...after.map(text)],
  };
}
