import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FleetResult } from '../workflows/types.ts';
import type { Context } from './context.ts';

/** The end of a run as a file: what happened can be read when Temporal has long forgotten it. */
export function reportActivities(context: Context) {
  return {
    async writeReport(args: { service: string; destination: string | null; result: FleetResult }): Promise<{ file: string }> {
      await mkdir(context.reportDirectory, { recursive: true, mode: 0o700 });
      const file = join(context.reportDirectory, `${args.result.run}.json`);
      await writeFile(file, `${context.scrub(JSON.stringify(args, null, 2))}\n`, { mode: 0o600 });
      return { file };
    },
  };
}
