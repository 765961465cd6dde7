/**
 * Records the histories that `replay.test.ts` replays: runs of every kind, with fake hosts, on a real Temporal server.
 *
 *     npx tsx test/replay/record.ts [NAME…]
 *
 * Histories stand for the runs that are open on users' machines when they upgrade bactrian. Once a version is released
 * they stay as they are: a change that they don't replay needs `patched()`, not a new recording. New kinds of runs are
 * added beside them.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { FailureType } from '../../src/plan/failure-types.ts';
import { approveUpdate, fleetQuery, rejectSignal, resumeUpdate } from '../../workflows/messages.ts';
import { Bench, type Run } from '../workflows/environment.ts';
import { alive, FakeGate, FakeHosts, fails, passes } from '../workflows/fake-hosts.ts';
import { BARE, fleetInput, JOB, order, WEB } from '../workflows/orders.ts';
import { HISTORIES, type RecordedHistory } from './histories.ts';

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));
const fleet = () => [order('web-1'), order('web-2'), order('job-1', [JOB], { accessories: ['redis', 'search'] })];

/** Each run, driven to its end. */
const RUNS: Record<string, (bench: Bench) => Promise<Run>> = {
  async 'parallel-done'(bench) {
    const hosts = new FakeHosts().when('prepareHost', 'web-2', ({ attempt }) => {
      if (attempt === 1) throw passes(FailureType.hostUnreachable, 'the connection was lost');
    });
    return await ended(bench, await bench.startWithAttributes(fleetInput({ hosts: fleet(), bootLimit: 2, bootWaitSeconds: 1 }), hosts));
  },

  async 'rolling-done-with-approvals'(bench) {
    const run = await bench.startWithAttributes(fleetInput({ hosts: fleet(), options: { rolling: true, approve: ['pre', 'post'] } }));
    for (const { host } of run.input.hosts) {
      for (const gate of ['pre', 'post'] as const) {
        await bench.record(run, (record) => record.gate?.gate === gate && record.gate.hosts[0] === host);
        await run.handle.executeUpdate(approveUpdate, { args: [{ gate, by: 'someone@somewhere', why: 'looks well' }] });
      }
    }
    return await ended(bench, run);
  },

  async 'unhealthy-put-back'(bench) {
    const hosts = new FakeHosts().when('proveRole', 'web-2', () => {
      throw fails(FailureType.appUnhealthy, 'shop-web-v1 did not become healthy behind kamal-proxy');
    });
    return await ended(bench, await bench.startWithAttributes(fleetInput({ hosts: fleet() }), hosts));
  },

  async 'cutover-failed-on-one'(bench) {
    const hosts = new FakeHosts().when('cutOver', 'web-1', () => {
      throw fails(FailureType.cutoverFailed, 'kamal-proxy did not start, the old proxy serves again');
    });
    return await ended(bench, await bench.startWithAttributes(fleetInput({ hosts: fleet() }), hosts));
  },

  async 'cancelled-in-cutover'(bench) {
    const gate = new FakeGate();
    const run = await bench.startWithAttributes(fleetInput({ hosts: fleet() }), new FakeHosts().when('cutOver', 'web-1', () => alive(gate.opened)));
    await run.hosts.began('cutOver', 'web-1');
    await run.handle.cancel();
    await bench.record(run, ({ hosts }) => hosts[1]?.phase === 'put back');
    gate.open();
    return await ended(bench, run);
  },

  async 'rejected-after-cutover'(bench) {
    const run = await bench.startWithAttributes(fleetInput({ hosts: fleet(), options: { approve: ['post'] } }));
    await bench.atGate(run);
    await run.handle.signal(rejectSignal, { by: 'someone@somewhere' });
    return await ended(bench, run);
  },

  async 'rejected-by-silence'(bench) {
    return await ended(bench, await bench.startWithAttributes(fleetInput({ hosts: fleet(), options: { approve: ['pre'], approvalTimeoutSeconds: 1 } })));
  },

  async 'barrier-with-questions'(bench) {
    let signedIn = false;
    let hooks = 0;
    const hosts = new FakeHosts()
      .when('prepareHost', null, () => {
        if (!signedIn) throw fails(FailureType.secretsUnresolved, 'op is not signed in');
      })
      .when('runHook', 'post-app-boot', () => {
        hooks += 1;
        if (hooks === 1) throw fails(FailureType.hookOutcomeUnknown, 'the hook ran, but its end was not seen');
      });
    const run = await bench.startWithAttributes(fleetInput({ hosts: [order('core-1', [BARE]), order('job-1', [JOB]), order('web-1', [{ ...WEB, primary: false }])] }), hosts);
    await bench.record(run, ({ question }) => question?.where.split(', ').length === 3);
    signedIn = true;
    await run.handle.executeUpdate(resumeUpdate, { args: [{ decision: 'retry', by: 'someone@somewhere' }] });
    await bench.record(run, ({ question }) => question?.where === 'hook post-app-boot');
    await run.handle.executeUpdate(resumeUpdate, { args: [{ decision: 'skip', by: 'someone@somewhere' }] });
    return await ended(bench, run);
  },

  async 'canary-then-a-second-attempt'(bench) {
    let failures = 1;
    const hosts = new FakeHosts().when('verifyHost', 'web-2', () => {
      failures -= 1;
      if (failures >= 0) throw fails(FailureType.verifyFailed, 'an env file is not 0600');
    });
    const canary = { hosts: ['web-1'], soakSeconds: 2, ask: true };
    const run = await bench.startWithAttributes(fleetInput({ hosts: fleet(), options: { canary, onFailure: 'pause' } }), hosts);
    await bench.record(run, ({ question }) => question?.where === 'canary web-1');
    await run.handle.executeUpdate(resumeUpdate, { args: [{ decision: 'go-on', by: 'someone@somewhere' }] });
    await bench.record(run, ({ question }) => question?.where === 'web-2');
    await run.handle.executeUpdate(resumeUpdate, { args: [{ decision: 'retry', by: 'someone@somewhere' }] });
    return await ended(bench, run);
  },

  async 'rolling-past-a-failure'(bench) {
    const hosts = new FakeHosts().when('cutOver', 'web-1', () => {
      throw fails(FailureType.cutoverFailed, 'kamal-proxy did not start, the old proxy serves again');
    });
    return await ended(bench, await bench.startWithAttributes(fleetInput({ hosts: fleet(), options: { rolling: true, onFailure: 'continue' } }), hosts));
  },

  async 'kamals-own-order'(bench) {
    return await ended(bench, await bench.startWithAttributes(fleetInput({ hosts: fleet().map((each) => ({ ...each, strategy: 'kamal' })), options: { strategy: 'kamal' } })));
  },

  async 'there-already'(bench) {
    return await ended(bench, await bench.startWithAttributes(fleetInput({ hosts: [order('web-1', [WEB], { done: true }), order('job-1', [JOB], { done: true })] })));
  },
};

async function ended(bench: Bench, run: Run): Promise<Run> {
  await bench.ending(run);
  return run;
}

async function historiesOf(bench: Bench, run: Run): Promise<RecordedHistory[]> {
  const own = run.handle.workflowId;
  const hosts = run.input.hosts.map(({ host }) => `${own}/${run.input.run}/${host}`);
  const recorded: RecordedHistory[] = [];
  const { accessories } = await run.handle.query(fleetQuery);
  for (const workflowId of [own, ...hosts, ...hosts.map((id) => `${id}/2`), ...accessories]) {
    const history = await bench.env.client.workflow.getHandle(workflowId).fetchHistory().catch(() => null);
    if (history) recorded.push({ workflowId, history: JSON.parse(historyToJSON(history)) as RecordedHistory['history'] });
  }
  return recorded;
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(RUNS);
const bench = await Bench.open('dev');
try {
  for (const name of names) {
    const record = RUNS[name];
    if (!record) throw new Error(`there is no run '${name}' to record; there are ${Object.keys(RUNS).join(', ')}`);
    const histories = await historiesOf(bench, await record(bench));
    // Stack traces name files; where the checkout lies is nobody's business.
    const lines = histories.map((each) => JSON.stringify(each).replaceAll(CHECKOUT, './'));
    await writeFile(join(HISTORIES, `${name}.json`), `[\n${lines.join(',\n')}\n]\n`);
    console.log(`${name}: ${histories.length} workflows, ${histories.reduce((sum, { history }) => sum + history.events.length, 0)} events`);
  }
} finally {
  await bench.close();
}
