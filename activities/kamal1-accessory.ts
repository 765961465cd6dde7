import { kamal1, line, type Secrets } from '../src/kamal/index.ts';
import type { Kamal1Rendering } from './kamal1.ts';
import { needingSecrets } from './prepare.ts';
import { nextName, type PrepareAccessoryScript, type SwapAccessoryScript } from './script/accessory.ts';
import { inLoginShell } from './script/words.ts';

/** Docker's default network: Kamal 1 starts everything in it. */
const NETWORK = 'bridge';

/** What making an accessory's reboot out of Kamal 2's network ready takes; it keeps the image that it runs. */
export function prepareKamal1Accessory({ deployment, audit }: Kamal1Rendering, accessory: kamal1.Kamal1Accessory, secrets: Secrets, files: PrepareAccessoryScript['files']): PrepareAccessoryScript {
  return {
    container: accessory.serviceName,
    image: accessory.image ?? '',
    network: NETWORK,
    pull: null,
    login: null,
    envFile: { path: accessory.envFilePath, directory: accessory.envDirectory, content: needingSecrets(() => accessory.envFileContent(secrets)) },
    directories: accessory.directories.flatMap((directory) => kamal1.accessory.prepareDirectory(directory).map(line)),
    files,
    create: inLoginShell(line(kamal1.accessory.run(deployment, accessory, { verb: 'create', name: nextName(accessory.serviceName) }))),
    audits: { pulled: audit(`Pull ${accessory.name} accessory image`) },
  };
}

/** What putting it in the old one's place takes. */
export function swapKamal1Accessory({ audit }: Kamal1Rendering, accessory: kamal1.Kamal1Accessory, replacedSuffix: string): SwapAccessoryScript {
  return {
    container: accessory.serviceName,
    replacedName: `${accessory.serviceName}_replaced_${replacedSuffix}`,
    network: NETWORK,
    deploy: null,
    audits: { stopped: audit(`Stopped ${accessory.name} accessory`), booted: audit(`Booted ${accessory.name} accessory`) },
  };
}

/** A file of an accessory with its content, as it is laid on the host. */
export async function kamal1AccessoryFiles(snapshot: kamal1.Kamal1Snapshot, accessory: kamal1.Kamal1Accessory, place: kamal1.Kamal1RenderContext): Promise<PrepareAccessoryScript['files']> {
  return await Promise.all(
    accessory.files.map(async (file) => {
      const upload = await kamal1.kamal1UploadOf(snapshot, accessory, file, place);
      const contents = upload.kind === 'file' ? [{ path: file.hostPath, content: upload.content }] : upload.files.map(({ path, content }) => ({ path: `${file.hostPath}/${path}`, content }));
      const { before, after } = kamal1.accessory.prepareFile(file);
      return { contents, before: before.map(line), after: after.map(line) };
    }),
  );
}
