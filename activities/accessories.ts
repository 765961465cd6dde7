import { activityInfo } from '@temporalio/activity';
import { accessory as commands, line, uploadOf, type Accessory, type Secrets } from '../src/kamal/index.ts';
import { networkOfAccessory } from '../src/plan/reachability.ts';
import type { AccessoryArgs, StepArgs, StepNotes, SwapAccessoryArgs } from './api.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import { fenceOf, rendering, type Context, type Rendering } from './context.ts';
import { failure } from './failures.ts';
import { loginOf, needingSecrets } from './prepare.ts';
import { secretsFailure } from './project.ts';
import { writingDown } from './record.ts';
import { runStep } from './remote-step.ts';
import {
  joinAccessoryScript,
  nextName,
  prepareAccessoryScript,
  pruneAccessoryScript,
  settleAccessoryScript,
  swapAccessoryScript,
  type PrepareAccessoryScript,
  type SwapAccessoryScript,
} from './script/accessory.ts';
import { login } from './script/prepare.ts';
import { inLoginShell } from './script/words.ts';

/** Accessories: rebooted in the new network with their data, or only joined to it. */
export function accessoryActivities(context: Context) {
  const step = (args: StepArgs, rendered: Rendering, name: string, body: string, uninterruptible = true) =>
    runStep(context, args, { name, body, journal: 'accessories', fence: fenceOf(rendered.deployment), uninterruptible });

  return {
    async prepareAccessory(args: AccessoryArgs): Promise<StepNotes> {
      const rendered = await rendering(context, args);
      const accessory = named(rendered, args.accessory);
      const secrets = await context.store.secrets(rendered);
      const files = await uploads(rendered, accessory, secrets, context);
      const record = await writingDown(context, args, { ...rendered, secrets });
      return await step(args, rendered, `prepare ${accessory.name}`, `${record}\n${prepareAccessoryScript(preparation(rendered, accessory, secrets, files, args))}`, false);
    },

    async swapAccessory(args: SwapAccessoryArgs): Promise<StepNotes> {
      refuseWhenLate(args);
      const rendered = await rendering(context, args);
      const accessory = named(rendered, args.accessory);
      // A database half way between two containers is no place to stop at.
      return await step(args, rendered, `reboot ${accessory.name}`, swapAccessoryScript(swap(rendered, accessory, args)));
    },

    async settleAccessory(args: AccessoryArgs): Promise<StepNotes> {
      const rendered = await rendering(context, args);
      const accessory = named(rendered, args.accessory);
      return await step(args, rendered, `settle ${accessory.name}`, settleAccessoryScript({ container: accessory.serviceName }) + pruned(rendered, accessory));
    },

    async joinAccessory(args: AccessoryArgs): Promise<StepNotes> {
      const rendered = await rendering(context, args);
      const accessory = named(rendered, args.accessory);
      const record = await writingDown(context, args, { ...rendered, secrets: await context.store.secrets(rendered) });
      return await step(args, rendered, `join ${accessory.name}`, `${record}\n${joinAccessoryScript({ container: accessory.serviceName, network: networkOfAccessory(accessory) })}`);
    },

    async pruneAccessory(args: AccessoryArgs): Promise<StepNotes> {
      const rendered = await rendering(context, args);
      const accessory = named(rendered, args.accessory);
      return await step(args, rendered, `prune ${accessory.name}`, pruned(rendered, accessory));
    },
  };
}

function pruned({ audit }: Rendering, { name, serviceName }: Accessory): string {
  return pruneAccessoryScript({ container: serviceName, audit: audit(`Remove ${name} accessory container`) });
}

/**
 * Requests are held for this step, and not for long: one that comes late (no worker was there) must not begin when they
 * go through again. Only the first attempt can be sure that nothing was touched yet.
 */
export function refuseWhenLate({ heldSeconds }: SwapAccessoryArgs): void {
  const { attempt, scheduledTimestampMs } = activityInfo();
  if (heldSeconds === null || attempt > 1 || Date.now() - scheduledTimestampMs < (heldSeconds * 1000) / 3) return;
  throw failure(FailureType.holdExpired, 'this step began too late: requests are not held any more');
}

function named({ deployment }: Rendering, name: string): Accessory {
  const accessory = deployment.accessories.find((each) => each.name === name);
  if (!accessory) throw failure(FailureType.configurationMissing, `the configuration has no accessory ${name}`);
  return accessory;
}

function preparation(rendered: Rendering, accessory: Accessory, secrets: Secrets, files: PrepareAccessoryScript['files'], args: AccessoryArgs): PrepareAccessoryScript {
  const { deployment, audit } = rendered;
  const registryLogin = args.pull ? loginOf(deployment, secrets) : null;
  return {
    container: accessory.serviceName,
    image: accessory.image,
    network: networkOfAccessory(accessory),
    pull: args.pull ? line(commands.pullImage(accessory)) : null,
    login: registryLogin && login(registryLogin),
    envFile: { path: accessory.envFilePath, directory: accessory.envDirectory, content: needingSecrets(() => accessory.envFileContent(secrets)) },
    directories: accessory.directories.flatMap((directory) => commands.prepareDirectory(directory).map(line)),
    files,
    create: inLoginShell(line(commands.run(deployment, accessory, args.host, { verb: 'create', name: nextName(accessory.serviceName) }))),
    audits: { pulled: audit(`Pull ${accessory.name} accessory image`) },
  };
}

function swap({ deployment, audit }: Rendering, accessory: Accessory, args: SwapAccessoryArgs): SwapAccessoryScript {
  return {
    container: accessory.serviceName,
    replacedName: `${accessory.serviceName}_replaced_${args.replacedSuffix}`,
    network: networkOfAccessory(accessory),
    deploy: accessory.runningProxy ? line(commands.deploy(accessory, { target: '${short}', version: deployment.version })) : null,
    audits: { stopped: audit(`Stopped ${accessory.name} accessory`), booted: audit(`Booted ${accessory.name} accessory`) },
  };
}

/** Files and folders as they were when the run was started, templates rendered with what the shell knows now. */
async function uploads({ snapshot }: Rendering, accessory: Accessory, secrets: Secrets, context: Context): Promise<PrepareAccessoryScript['files']> {
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
