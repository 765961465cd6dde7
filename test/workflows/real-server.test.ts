import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { searchAttributes } from '../../workflows/search-attributes.ts';
import { Bench } from './environment.ts';
import { FakeHosts, untilCancelled, type Call } from './fake-hosts.ts';
import { fleetInput, JOB, order, WEB } from './orders.ts';

/* What the time-skipping server can't do: steps that end in the moment they are cancelled, terminated children, lists. */

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open('dev');
});
afterAll(async () => {
  await bench.close();
});

/** The last accessory's reboot, once begun, comes to its end. */
const TOO_LATE: readonly string[] = ['swapAccessory', 'settleAccessory', 'holdRequests', 'letRequestsThrough'];

describe('a cancelled run', () => {
  const input = () => fleetInput({ hosts: [order('a', [WEB, JOB], { accessories: ['redis'] }), order('b')] });

  /** Cancels a run within one step, and compares what it says about its hosts with what they went through. */
  async function cancelledIn(step: Call): Promise<void> {
    const hosts = new FakeHosts();
    const run = await bench.start(input(), hosts.when(step.activity, step.where, async (call) => {
      if (call.what === step.what) await run.handle.cancel();
    }));
    const { type, result } = await bench.ending(run);
    const at = `cancelled in ${step.activity} ${step.where} ${step.what}`;
    const all = result.hosts.every(({ outcome }) => outcome === 'done');
    // What comes too late to stop anything changes nothing. What is said beside the steps, and while accessories get ready
    // (the word goes to them from the run), may come at any time.
    const atAnyTime = all && (step.activity === 'meterHost' || step.activity === 'prepareAccessory');
    if (!atAnyTime) expect(type, at).toBe(all && TOO_LATE.includes(step.activity) ? null : 'Cancelled');
    for (const { host, outcome } of result.hosts) {
      const untouched = hosts.of('putBack', host).length > 0 ? 'put back' : 'unchanged';
      expect(`${host} ${outcome}`, at).toBe(`${host} ${hosts.isUpgraded(host) ? 'done' : hosts.isUntouched(host) ? untouched : 'stuck'}`);
    }
  }

  it('comes to its end from wherever it is cancelled', async () => {
    const { run } = await bench.run(input());
    const steps = run.hosts.calls.filter(({ activity }) => activity !== 'releaseLock' && activity !== 'writeReport');
    expect(steps.length).toBeGreaterThan(20);
    await Promise.all(steps.map(cancelledIn));
  }, 180_000);
});

describe('a host whose workflow is terminated', () => {
  it('counts as stuck: nobody knows how far it got', async () => {
    const run = await bench.start(fleetInput({ hosts: [order('a'), order('b')] }), new FakeHosts().when('proveRole', 'b', untilCancelled));
    await run.hosts.began('proveRole', 'b');
    const { hosts } = await bench.record(run, (record) => record.hosts[0]?.phase === 'proven');
    await bench.env.client.workflow.getHandle(hosts[1]?.workflowId ?? '').terminate();
    const { type, result } = await bench.ending(run);
    expect(type).toBe('RunFailed');
    expect(result.hosts.map(({ outcome }) => outcome)).toEqual(['put back', 'stuck']);
  });
});

describe('a run', () => {
  it('shows its phase in lists, where it may', async () => {
    const run = await bench.startWithAttributes(fleetInput({ hosts: [order('a')] }));
    await bench.ending(run);
    expect((await run.handle.describe()).typedSearchAttributes.get(searchAttributes.phase)).toBe('over');
    const host = bench.env.client.workflow.getHandle(`${run.handle.workflowId}/${run.input.run}/a`);
    const described = await host.describe();
    expect(described.typedSearchAttributes.get(searchAttributes.phase)).toBe('done');
    expect(described.typedSearchAttributes.get(searchAttributes.host)).toBe('a');
  });
});
