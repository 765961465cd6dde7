import { Client, Connection } from '@temporalio/client';
import { dataConverterFrom } from './codec.ts';
import type { Environment } from './environment.ts';
import { TemporalSetupError, messageOf } from './errors.ts';
import { temporalTarget } from './target.ts';
import type { TemporalTarget } from './target.ts';

export interface TemporalConnection {
  readonly connection: Connection;
  readonly client: Client;
  readonly namespace: string;
  readonly address: string;
  /** Temporal's web UI, without a slash at the end; undefined when it isn't known. */
  readonly uiUrl?: string;
  /** Whether it is the server that bactrian starts itself. */
  readonly embedded: boolean;
}

const CONNECT_MS = 10_000;
const NOT_FOUND = 5;
const DEADLINE_EXCEEDED = 4;
const PERMISSION_DENIED = 7;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

/**
 * Connects to the Temporal server that {@link temporalTarget} finds, starting
 * the embedded one when none is configured. Payloads are encrypted when a codec
 * key is set. Close `connection` when done.
 * @throws TemporalSetupError when the server doesn't answer, refuses us, or has no such namespace
 */
export async function connectTemporal(env: Environment = process.env): Promise<TemporalConnection> {
  const target = await temporalTarget(env);
  const connection = await connect(target);
  const { namespace, uiUrl, embedded } = target;
  const client = new Client({ connection, namespace, dataConverter: dataConverterFrom(env) });
  return { connection, client, namespace, address: target.connectionOptions.address, uiUrl, embedded };
}

async function connect(target: TemporalTarget): Promise<Connection> {
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({ ...target.connectionOptions, connectTimeout: CONNECT_MS });
    await checkNamespace(connection, target.namespace);
    return connection;
  } catch (error) {
    await connection?.close();
    throw explain(error, target);
  }
}

/** A missing namespace would show itself only at the first call, as a bare NOT_FOUND. */
async function checkNamespace(connection: Connection, namespace: string): Promise<void> {
  try {
    await connection.withDeadline(Date.now() + CONNECT_MS, () =>
      connection.workflowService.describeNamespace({ namespace }));
  } catch (error) {
    // Those who may run workflows may not always look at the namespace itself.
    if (grpcStatusOf(error) !== PERMISSION_DENIED) throw error;
  }
}

/** Turns what a connection attempt threw into a message that says what to do. */
export function explain(error: unknown, target: TemporalTarget): TemporalSetupError {
  if (error instanceof TemporalSetupError) return error;
  const { connectionOptions: { address }, namespace, source } = target;
  switch (grpcStatusOf(error)) {
    case NOT_FOUND:
      return new TemporalSetupError(
        `The Temporal server at ${address} has no namespace '${namespace}'. ` +
          'Set TEMPORAL_NAMESPACE to one that it has, or make it: ' +
          `temporal operator namespace create --namespace ${namespace} --retention 90d`,
      );
    case UNAUTHENTICATED:
    case PERMISSION_DENIED:
      return new TemporalSetupError(
        `The Temporal server at ${address} (from ${source}) refuses us: ${messageOf(error)}. ` +
          `Check the API key or client certificate, and that it may use the namespace '${namespace}'.`,
      );
    case UNAVAILABLE:
    case DEADLINE_EXCEEDED:
    default:
      return new TemporalSetupError(
        `No Temporal server answers at ${address} (from ${source}): ${messageOf(error)}. ` +
          (target.embedded
            ? "See its log; 'bactrian down --force' ends it, the next command starts a new one on the same data."
            : 'Check the address, that the server is up, and whether it wants TLS (TEMPORAL_TLS=true). ' +
              'With TEMPORAL_ADDRESS unset and no profile chosen, bactrian starts a server itself.'),
      );
  }
}

function grpcStatusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if ('code' in error && typeof error.code === 'number') return error.code;
  return 'cause' in error ? grpcStatusOf(error.cause) : undefined;
}

/** The page of a run in Temporal's UI; undefined when the UI's address isn't known. */
export function runUrl(
  { uiUrl, namespace }: Pick<TemporalConnection, 'uiUrl' | 'namespace'>,
  { workflowId, runId }: { workflowId: string; runId?: string },
): string | undefined {
  if (!uiUrl) return undefined;
  const run = `${uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}`;
  return runId ? `${run}/${encodeURIComponent(runId)}/timeline` : run;
}
