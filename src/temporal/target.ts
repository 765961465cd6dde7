import { existsSync } from 'node:fs';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { definedOnly } from './environment.ts';
import type { Environment } from './environment.ts';
import { TemporalSetupError, messageOf } from './errors.ts';
import { startServer } from './server.ts';

/** How to reach a Temporal server; good for the client's connection and for the worker's. */
export interface TemporalTarget {
  readonly connectionOptions: ReturnType<typeof loadClientConnectConfig>['connectionOptions'] & { address: string };
  readonly namespace: string;
  /** Where Temporal's web UI is, without a slash at the end; undefined when nobody told us. */
  readonly uiUrl: string | undefined;
  /** Whether it is the server that bactrian starts itself. */
  readonly embedded: boolean;
  /** What named the server, for messages. */
  readonly source: string;
}

/** Whether `env` (or `temporal.toml`) names a Temporal server, so that no embedded one is used. Starts nothing. */
export function usesOwnServer(env: Environment = process.env): boolean {
  return configured(env) !== undefined;
}

/**
 * Which Temporal server to use: the one that Temporal's environment
 * configuration names (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY,
 * TEMPORAL_TLS_…, TEMPORAL_PROFILE, `temporal.toml`), its UI at
 * BACTRIAN_TEMPORAL_UI; with nothing configured the embedded one, which is
 * started when it isn't running.
 * @throws TemporalSetupError when the configuration is wrong or incomplete, or the embedded server can't be started
 */
export async function temporalTarget(env: Environment = process.env): Promise<TemporalTarget> {
  const own = configured(env);
  if (own) return own;
  const server = await startServer(env);
  return {
    connectionOptions: { address: server.address },
    namespace: server.namespace,
    uiUrl: server.uiUrl,
    embedded: true,
    source: `the embedded server, process ${server.pid}, log ${server.log}`,
  };
}

function configured(env: Environment): TemporalTarget | undefined {
  let config: ReturnType<typeof loadClientConnectConfig>;
  try {
    config = loadClientConnectConfig({ overrideEnvVars: definedOnly(env) });
  } catch (error) {
    throw new TemporalSetupError(
      `Temporal's configuration can't be used: ${messageOf(error)}. ` +
        'It comes from TEMPORAL_… variables and from temporal.toml (TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE).',
    );
  }
  const { connectionOptions, namespace } = config;
  const { address } = connectionOptions;
  if (!address) {
    refuseHalfConfigured({ ...connectionOptions, namespace });
    return undefined;
  }
  return {
    connectionOptions: { ...connectionOptions, address },
    namespace: namespace ?? 'default',
    uiUrl: env.BACTRIAN_TEMPORAL_UI?.replace(/\/+$/, '') || undefined,
    embedded: false,
    source: env.TEMPORAL_ADDRESS
      ? 'TEMPORAL_ADDRESS'
      : `profile '${env.TEMPORAL_PROFILE ?? 'default'}' of ${configFile(env)}`,
  };
}

function configFile(env: Environment): string {
  const file = env.TEMPORAL_CONFIG_FILE;
  return file && existsSync(file) ? file : 'temporal.toml';
}

/** Somebody who names a namespace or a key means a server of their own; quietly using another one would surprise. */
function refuseHalfConfigured(config: { namespace?: string; apiKey?: unknown; tls?: unknown }): void {
  const given = Object.entries({
    'a namespace (TEMPORAL_NAMESPACE)': config.namespace,
    'an API key (TEMPORAL_API_KEY)': config.apiKey,
    'TLS (TEMPORAL_TLS_…)': config.tls,
  }).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (given.length === 0) return;
  throw new TemporalSetupError(
    `Temporal's configuration names ${given.join(' and ')}, but no server. ` +
      'Set TEMPORAL_ADDRESS (host:port), or unset these to use the server that bactrian starts itself.',
  );
}
