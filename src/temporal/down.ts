import type { Environment } from './environment.ts';
import { embeddedOpenRuns, stopServer } from './server.ts';
import { stopAllWorkers } from './worker-process.ts';

export type DownResult =
  | { readonly outcome: 'down'; readonly server: 'stopped' | 'not running'; readonly workers: string[]; readonly openRuns: string[] }
  /** Nothing was stopped, because these runs (workflow ids) are open. */
  | { readonly outcome: 'refused'; readonly openRuns: string[] };

/**
 * Stops all background workers and the embedded server, in this order, so that
 * the workers can still report what they finished. With runs open it refuses,
 * unless `force`.
 * @throws TemporalSetupError when the server doesn't say what is open and `force` isn't given
 */
export async function down({ force = false, env = process.env }: { force?: boolean; env?: Environment } = {}): Promise<DownResult> {
  const openRuns = await embeddedOpenRuns({ force, env });
  if (openRuns.length > 0 && !force) return { outcome: 'refused', openRuns };
  const workers = await stopAllWorkers(env);
  const stopped = await stopServer({ force, env });
  // A run may have been started since.
  if (stopped.outcome === 'refused') return { outcome: 'refused', openRuns: stopped.openRuns };
  return { outcome: 'down', server: stopped.outcome, workers, openRuns };
}
