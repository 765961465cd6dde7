import type { FleetResult } from '../../workflows/types.ts';
import { EXIT } from './exit-codes.ts';

/** The exit code that says how a run ended. */
export function exitOf(result: FleetResult): number {
  switch (result.outcome) {
    case 'done':
      return EXIT.ok;
    case 'rejected':
    case 'cancelled':
      return EXIT.stopped;
    case 'failed':
      return EXIT.failed;
  }
}
