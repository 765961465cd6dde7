import { kamal1 } from '../src/kamal/index.ts';
import type { AccessoryArgs, Activities, StepArgs, StepNotes, SwapAccessoryArgs } from './api.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import { refuseWhenLate } from './accessories.ts';
import { fenceOf, kamal1Rendering, type Context, type Kamal1StepRendering } from './context.ts';
import { failure } from './failures.ts';
import { kamal1AccessoryFiles, prepareKamal1Accessory, swapKamal1Accessory } from './kamal1-accessory.ts';
import { runStep } from './remote-step.ts';
import { prepareAccessoryScript, pruneAccessoryScript, settleAccessoryScript, swapAccessoryScript } from './script/accessory.ts';

/** Accessories on the way back: rebooted out of Kamal 2's network, with their data and the image they run. */
export function wayBackAccessoryActivities(context: Context): Pick<Activities, 'prepareAccessory' | 'swapAccessory' | 'settleAccessory' | 'joinAccessory' | 'pruneAccessory'> {
  const step = (args: StepArgs, { deployment }: Kamal1StepRendering, name: string, body: string, uninterruptible = true) =>
    runStep(context, args, { name, body, journal: 'accessories', fence: fenceOf(deployment), uninterruptible });

  return {
    async prepareAccessory(args: AccessoryArgs): Promise<StepNotes> {
      const rendered = await kamal1Rendering(context, args);
      const accessory = named(rendered, args.accessory);
      const secrets = await context.store.secrets(rendered);
      const files = await kamal1AccessoryFiles(rendered.snapshot, accessory, { projectDir: context.projectDir, env: context.env() });
      return await step(args, rendered, `prepare ${accessory.name}`, prepareAccessoryScript(prepareKamal1Accessory(rendered, accessory, secrets, files)), false);
    },

    async swapAccessory(args: SwapAccessoryArgs): Promise<StepNotes> {
      refuseWhenLate(args);
      const rendered = await kamal1Rendering(context, args);
      const accessory = named(rendered, args.accessory);
      return await step(args, rendered, `reboot ${accessory.name}`, swapAccessoryScript(swapKamal1Accessory(rendered, accessory, args.replacedSuffix)));
    },

    async settleAccessory(args: AccessoryArgs): Promise<StepNotes> {
      const rendered = await kamal1Rendering(context, args);
      const accessory = named(rendered, args.accessory);
      return await step(args, rendered, `settle ${accessory.name}`, settleAccessoryScript({ container: accessory.serviceName }) + pruned(rendered, accessory));
    },

    // Docker's own network is nothing that a running container could be joined to without losing its connections.
    async joinAccessory(args: AccessoryArgs): Promise<StepNotes> {
      throw failure(FailureType.stepFailed, `accessory ${args.accessory} can only be rebooted out of the network kamal`);
    },

    async pruneAccessory(args: AccessoryArgs): Promise<StepNotes> {
      const rendered = await kamal1Rendering(context, args);
      const accessory = named(rendered, args.accessory);
      return await step(args, rendered, `prune ${accessory.name}`, pruned(rendered, accessory));
    },
  };
}

function pruned({ audit }: Kamal1StepRendering, { name, serviceName }: kamal1.Kamal1Accessory): string {
  return pruneAccessoryScript({ container: serviceName, audit: audit(`Remove ${name} accessory container`) });
}

function named({ deployment }: Kamal1StepRendering, name: string): kamal1.Kamal1Accessory {
  const accessory = deployment.accessories.find((each) => each.name === name);
  if (!accessory) throw failure(FailureType.configurationMissing, `the Kamal 1 configuration has no accessory ${name}`);
  return accessory;
}
