import { accessory as commands, line, uploadOf, type Accessory, type Secrets } from '../src/kamal/index.ts';
import { FailureType, type AccessoryArgs, type StepNotes } from './api.ts';
import { fenceOf, rendering, type Context, type Rendering } from './context.ts';
import { failure } from './failures.ts';
import { loginOf, needingSecrets } from './prepare.ts';
import { secretsFailure } from './project.ts';
import { runStep } from './remote-step.ts';
import { joinAccessoryScript, pruneAccessoryScript, swapAccessoryScript, type SwapAccessoryScript } from './script/accessory.ts';
import { login } from './script/prepare.ts';
import { inLoginShell } from './script/words.ts';

/** Accessories: rebooted in the new network with their data, or only joined to it. */
export function accessoryActivities(context: Context) {
  const step = (args: AccessoryArgs, rendered: Rendering, name: string, body: string) =>
    // A database half way between two containers is no place to stop at.
    runStep(context, args, { name, body, journal: 'accessories', fence: fenceOf(rendered.deployment), uninterruptible: true });

  return {
    async swapAccessory(args: AccessoryArgs): Promise<StepNotes> {
      const rendered = await rendering(context, args);
      const accessory = named(rendered, args.accessory);
      const network = networkOf(accessory);
      if (args.mode === 'join') return await step(args, rendered, `join ${accessory.name}`, joinAccessoryScript({ container: accessory.serviceName, network }));
      const secrets = await context.store.secrets(rendered);
      const files = await uploads(rendered, accessory, secrets, context);
      return await step(args, rendered, `reboot ${accessory.name}`, swapAccessoryScript(reboot(rendered, accessory, secrets, files, args)));
    },

    async pruneAccessory(args: AccessoryArgs): Promise<StepNotes> {
      const rendered = await rendering(context, args);
      const accessory = named(rendered, args.accessory);
      const audit = rendered.audit(`Remove ${accessory.name} accessory container`);
      return await step(args, rendered, `prune ${accessory.name}`, pruneAccessoryScript({ container: accessory.serviceName, audit }));
    },
  };
}

function named({ deployment }: Rendering, name: string): Accessory {
  const accessory = deployment.accessories.find((each) => each.name === name);
  if (!accessory) throw failure(FailureType.configurationMissing, `the configuration has no accessory ${name}`);
  return accessory;
}

/** Kamal's network unless the accessory names one of its own. */
function networkOf(accessory: Accessory): string {
  return accessory.networkArgs.at(-1)?.replaceAll('"', '') ?? 'kamal';
}

function reboot(rendered: Rendering, accessory: Accessory, secrets: Secrets, files: SwapAccessoryScript['files'], args: AccessoryArgs): SwapAccessoryScript {
  const { deployment, audit } = rendered;
  const registryLogin = args.pull ? loginOf(deployment, secrets) : null;
  return {
    container: accessory.serviceName,
    replacedName: `${accessory.serviceName}_replaced_${args.replacedSuffix}`,
    image: accessory.image,
    network: networkOf(accessory),
    pull: args.pull ? line(commands.pullImage(accessory)) : null,
    login: registryLogin && login(registryLogin),
    envFile: { path: accessory.envFilePath, directory: accessory.envDirectory, content: needingSecrets(() => accessory.envFileContent(secrets)) },
    directories: accessory.directories.flatMap((directory) => commands.prepareDirectory(directory).map(line)),
    files,
    deploy: accessory.runningProxy ? line(commands.deploy(accessory, { target: '${short}', version: deployment.version })) : null,
    create: inLoginShell(line(commands.run(deployment, accessory, args.host, { verb: 'create' }))),
    audits: {
      pulled: audit(`Pull ${accessory.name} accessory image`),
      stopped: audit(`Stopped ${accessory.name} accessory`),
      booted: audit(`Booted ${accessory.name} accessory`),
    },
  };
}

/** Files and folders as they were when the run was started, templates rendered with what the shell knows now. */
async function uploads({ snapshot }: Rendering, accessory: Accessory, secrets: Secrets, context: Context): Promise<SwapAccessoryScript['files']> {
  const place = { projectDir: context.projectDir, env: context.env() };
  return await Promise.all(
    accessory.files.map(async (file) => {
      const upload = await uploadOf(snapshot, accessory, file, secrets, place).catch((error: unknown) => {
        throw secretsFailure(error);
      });
      const contents = upload.kind === 'file' ? [{ path: file.hostPath, content: upload.content }] : upload.files.map(({ path, content }) => ({ path: `${file.hostPath}/${path}`, content }));
      const { before, after } = commands.prepareFile(file);
      return { contents, before: before.map(line), after: after.map(line) };
    }),
  );
}
