import { afterAll, beforeAll, expect, it } from 'vitest';
import { Bench } from './environment.ts';
import { FakeHosts } from './fake-hosts.ts';
import { fleetInput, JOB, order, WEB } from './orders.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open('dev');
});
afterAll(async () => {
  await bench.close();
});

const WORK = ['prepareHost', 'proveRole', 'cutOver', 'stopOldRole', 'replaceRole', 'verifyHost', 'pruneHost'] as const;

it('takes a large fleet through, never at work on more hosts than asked for', async () => {
  const fleet = Array.from({ length: 120 }, (_, at) => order(`host-${String(at).padStart(3, '0')}`, [at % 3 === 0 ? WEB : JOB]));
  const hosts = new FakeHosts();
  const { type, result, run } = await bench.run(fleetInput({ hosts: fleet, options: { concurrency: 30 } }), hosts);
  expect(type).toBeNull();
  expect(result.hosts.filter(({ outcome }) => outcome === 'done')).toHaveLength(120);
  expect(hosts.mostAtOnce(...WORK)).toBeLessThanOrEqual(30);
  expect(hosts.of('runHook', 'pre-app-boot').map(({ what }) => what.split(',').length)).toEqual([30, 30, 30, 30]);

  const events = (await run.handle.fetchHistory()).events ?? [];
  // Room for 500 hosts in the 51,200 events that Temporal takes.
  expect((events.length / 120) * 500).toBeLessThan(25_000);
}, 120_000);
