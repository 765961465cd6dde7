import { DefaultLogger, Runtime, Worker, type ReplayResult, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleWorkflows } from '../workflows/environment.ts';
import { recordedRuns, type RecordedHistory } from './histories.ts';

let workflowBundle: WorkflowBundleWithSourceMap;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  workflowBundle = await bundleWorkflows();
});

async function replay(histories: RecordedHistory[]): Promise<ReplayResult[]> {
  const results: ReplayResult[] = [];
  for await (const result of Worker.runReplayHistories({ workflowBundle }, histories)) results.push(result);
  return results;
}

const problems = (results: ReplayResult[]) => results.flatMap(({ workflowId, error }) => (error ? [`${workflowId}: ${error.message}`] : []));

describe('the workflows of today', () => {
  const runs = recordedRuns();

  it.each([...runs.keys()])('go through the recorded run %s as it went', async (name) => {
    const histories = runs.get(name) ?? [];
    const results = await replay(histories);
    expect(problems(results)).toEqual([]);
    expect(results).toHaveLength(histories.length);
  });

  it('would be found out if they went another way', async () => {
    const [first, ...others] = structuredClone(runs.get('parallel-done') ?? []);
    const scheduled = first?.history.events.find((event) => event.activityTaskScheduledEventAttributes)?.activityTaskScheduledEventAttributes;
    if (!first || !scheduled) throw new Error('the recorded run has no activity');
    scheduled.activityType.name = 'anotherOne';
    const found = problems(await replay([first, ...others]));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/nondeterminism|anotherOne/i);
  });

  it('are recorded without the name of the machine or its user', () => {
    for (const [name, histories] of runs) {
      const identities = new Set([...JSON.stringify(histories).matchAll(/"identity":"([^"]*)"/g)].map(([, identity]) => identity));
      expect([...identities].filter((identity) => identity?.includes('@')), name).toEqual([]);
    }
  });
});
