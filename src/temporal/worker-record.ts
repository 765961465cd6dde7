import { dataConverterFrom } from './codec.ts';
import type { Environment } from './environment.ts';
import { readJson } from './private-files.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { shortHash } from './state.ts';

/** Who works for a task queue; written by the worker itself as soon as it listens. */
export interface WorkerRecord {
  readonly process: ProcessIdentity;
  readonly taskQueue: string;
  readonly version: string;
  readonly projectDir: string;
}

/** The worker that `path` speaks of; undefined when there is no such file or it can't be understood. */
export async function readWorkerRecord(path: string): Promise<WorkerRecord | undefined> {
  const value = await readJson(path);
  return isWorkerRecord(value) ? value : undefined;
}

function isWorkerRecord(value: unknown): value is WorkerRecord {
  if (typeof value !== 'object' || value === null || !('process' in value)) return false;
  const record = value as Partial<Record<keyof WorkerRecord, unknown>>;
  const identity = record.process as Partial<Record<keyof ProcessIdentity, unknown>> | null;
  return (
    typeof identity === 'object' && identity !== null &&
    Number.isInteger(identity.pid) && typeof identity.startTime === 'string' &&
    typeof record.taskQueue === 'string' && typeof record.version === 'string' && typeof record.projectDir === 'string'
  );
}

/**
 * Stands for what a worker can't change while it runs: the server it talks to
 * and the codec key. A worker with another fingerprint than the command line's
 * is of no use to it.
 */
export function fingerprintOf(address: string, env: Environment): string {
  return shortHash(`${address} ${codecKeyId(env)}`, 16);
}

function codecKeyId(env: Environment): string {
  const codec = dataConverterFrom(env)?.payloadCodecs?.[0];
  return codec && 'keyId' in codec && typeof codec.keyId === 'string' ? codec.keyId : 'none';
}
