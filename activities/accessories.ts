import { accessory as commands, line, type Accessory, type Secrets, type Snapshot } from '../src/kamal/index.ts';
import { FailureType, type AccessoryArgs, type StepNotes } from './api.ts';
import { fenceOf, rendering, type Context, type Rendering } from './context.ts';
import { failure } from './failures.ts';
import { envFile, HEALTHY_AGAIN_SECONDS, loginOf } from './prepare.ts';
import { runStep } from './remote-step.ts';
import { joinAccessoryScript, pruneAccessoryScript, swapAccessoryScript, type SwapAccessoryScript } from './script/accessory.ts';
import { login } from './script/prepare.ts';
import { putBackOtherRuns } from './script/put-back.ts';

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
      const body = `${putBackOtherRuns(HEALTHY_AGAIN_SECONDS)}\n${swapAccessoryScript(reboot(rendered, accessory, secrets, args))}`;
      return await step(args, rendered, `reboot ${accessory.name}`, body);
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

function reboot(rendered: Rendering, accessory: Accessory, secrets: Secrets, args: AccessoryArgs): SwapAccessoryScript {
  const { deployment, snapshot, audit } = rendered;
  const registryLogin = args.pull ? loginOf(deployment, secrets) : null;
  return {
    name: accessory.name,
    container: accessory.serviceName,
    replacedName: `${accessory.serviceName}_replaced_${args.replacedSuffix}`,
    image: accessory.image,
    network: networkOf(accessory),
    pull: args.pull ? line(commands.pullImage(accessory)) : null,
    login: registryLogin && login(registryLogin),
    envFile: { path: accessory.envFilePath, directory: accessory.envDirectory, content: envFile(() => accessory.envFileContent(secrets)) },
    directories: accessory.directories.flatMap((directory) => commands.prepareDirectory(directory).map(line)),
    files: accessory.files.map((file) => {
      const { before, after } = commands.prepareFile(file);
      return { path: file.hostPath, content: contentOf(snapshot, file.local, file.rendered), before: before.map(line), after: after.map(line) };
    }),
    create: line(commands.run(deployment, accessory, args.host, { verb: 'create' })),
    audits: {
      pulled: audit(`Pull ${accessory.name} accessory image`),
      stopped: audit(`Stopped ${accessory.name} accessory`),
      removed: audit(`Remove ${accessory.name} accessory container`),
      booted: audit(`Booted ${accessory.name} accessory`),
    },
  };
}

/** A file as it was when the run was started. */
function contentOf(snapshot: Snapshot, local: string, rendered: boolean): string {
  const file = snapshot.files[local];
  if (file?.kind !== 'file' || rendered) {
    throw failure(FailureType.configurationMissing, `the accessory's file ${local} is ${rendered ? 'an ERB template' : 'a folder or missing'}: that is not uploaded by this version`);
  }
  return file.base64;
}
