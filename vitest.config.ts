import { defineConfig } from 'vitest/config';

/**
 * One project a kind of test, so that `vitest run --project unit` needs neither a Temporal server nor hosts.
 * `fleet` runs on real Docker hosts (see lab/README.md): one file at a time, since they share a machine.
 */
const full = process.env['BACTRIAN_TEST_FULL'] === '1';

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 30_000 } },
      { test: { name: 'workflows', include: ['test/workflows/**/*.test.ts', 'test/replay/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 } },
      {
        test: {
          name: 'fleet',
          include: ['test/fleet/**/*.test.ts'],
          // Minutes each: `bin/test --full` runs them.
          exclude: full ? [] : ['test/fleet/**/*.full.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 900_000,
          fileParallelism: false,
          globalSetup: 'test/fleet/set-up.ts',
        },
      },
    ],
  },
});
