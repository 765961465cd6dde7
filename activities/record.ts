import { dirname } from 'node:path';
import { cancellationSignal } from '@temporalio/activity';
import type { Secrets } from '../src/kamal/index.ts';
import { sectionsOf } from '../src/plan/read-facts.ts';
import { containerRecord } from '../src/plan/record/from-inspect.ts';
import type { InspectedContainer, InspectedImage } from '../src/plan/record/inspect.ts';
import { masking } from '../src/plan/record/masking.ts';
import { partsOfKamal1 } from '../src/plan/record/parts.ts';
import { fileOf } from '../src/plan/record/read.ts';
import { RECORD_FORMAT, type PartRecord } from '../src/plan/record/shape.ts';
import type { SshConnection } from '../src/ssh/types.ts';
import type { StepArgs } from './api.ts';
import { FailureType } from '../src/plan/failure-types.ts';
import type { Context } from './context.ts';
import { failure } from './failures.ts';
import { lookWhole, MOST_OUTPUT, type WholeLook } from './probe.ts';
import type { Project } from './project.ts';
import { recordKey } from './record-key.ts';
import { sshErrors, whileHeartbeating } from './remote-step.ts';
import { printImages, writeRecord } from './script/record.ts';

/** What a record is made of and for. */
interface Recording extends Project {
  readonly secrets: Secrets;
}

/**
 * Looks at a host, and renders what writes down how Kamal 1 runs there: the beginning of the script of whichever step
 * is the first to change something. Parts that aren't Kamal 1's any more are left out, so what is written down stays:
 * an upgrade that is run again, or goes on after it was cut off, can't replace it.
 *
 * @param seen a look at the host that nothing has changed since; without one it is looked at
 * @returns a part of a host script; `:` where there is nothing to write down
 * @throws ApplicationFailure when the host can't be looked at
 */
export async function writingDown(context: Context, args: StepArgs, recording: Recording, seen?: WholeLook): Promise<string> {
  const { deployment, secrets } = recording;
  return await whileHeartbeating(() =>
    sshErrors(async () => {
      const connection = await context.connection(args.digest, args.host, cancellationSignal());
      const { facts, containers } = seen ?? (await lookWhole(connection, deployment, { signal: cancellationSignal() }));
      const raw = containers === '' ? [] : (JSON.parse(containers) as InspectedContainer[]);
      const parts = partsOfKamal1(facts, deployment);
      if (parts.length === 0) return ':';
      const { home, images } = await lookAtImages(connection, [...new Set(parts.map(({ container }) => container.image.id))]);
      const key = await recordKey(dirname(context.snapshotDirectory)).catch((error: unknown) => {
        throw failure(FailureType.stepFailed, `no key for the record of how Kamal 1 runs: ${error instanceof Error ? error.message : String(error)}`);
      });
      const keeping = { hash: key.hash, mask: masking(secrets.values()) };
      const files = parts.flatMap(({ part, container }) => {
        const inspected = raw.find(({ Id }) => Id === container.id);
        if (!inspected) return [];
        const image = images.get(container.image.id) ?? { Id: container.image.id };
        const record: PartRecord = { format: RECORD_FORMAT, deployment: deployment.name, part, run: args.run, at: new Date(args.runStartedAt).toISOString(), home, key: key.id, container: containerRecord(inspected, image, part, keeping) };
        return [{ file: fileOf(part), content: `${JSON.stringify(record, null, 2)}\n` }];
      });
      return writeRecord(deployment.name, files);
    }),
  );
}

async function lookAtImages(connection: SshConnection, ids: string[]): Promise<{ home: string; images: Map<string, InspectedImage> }> {
  const { stdout } = await connection.exec('sh -s', { stdin: printImages(ids), signal: cancellationSignal(), timeoutMs: 60_000, maxOutputBytes: MOST_OUTPUT });
  const sections = sectionsOf(stdout);
  const text = sections.get('images')?.trim() ?? '';
  const images = text === '' ? [] : (JSON.parse(text) as InspectedImage[]);
  // Docker keeps the order in which it was asked; an image may have an id of another kind than its containers tell (containerd's store).
  const byId = ids.flatMap((id, at) => {
    const image = images.find(({ Id }) => Id === id) ?? (images.length === ids.length ? images[at] : undefined);
    return image ? [[id, image] as const] : [];
  });
  return { home: sections.get('home')?.trim() ?? '/', images: new Map(byId) };
}
