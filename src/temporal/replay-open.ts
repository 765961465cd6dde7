import type { Client } from '@temporalio/client';

/**
 * Whether new workflow code may take over the runs that are open: it must replay all of their histories. Temporal keeps
 * a run's history, not its code, so code that would have decided otherwise in the past can't go on with it.
 *
 * @param workflowsPath the file that exports the new workflows (absolute)
 * @returns false also when an open history can't be read
 */
export async function replaysOpenRuns(client: Client, taskQueue: string, workflowsPath: string): Promise<boolean> {
  const histories = [];
  try {
    for await (const run of client.workflow.list({ query: `ExecutionStatus = 'Running' AND TaskQueue = '${taskQueue.replaceAll("'", "''")}'` })) {
      histories.push({ workflowId: run.workflowId, history: await client.workflow.getHandle(run.workflowId, run.runId).fetchHistory() });
    }
    if (histories.length === 0) return true;
    // The worker's native part is loaded for this alone: most commands don't need it.
    const { Worker } = await import('@temporalio/worker');
    const { installWorkerRuntime } = await import('./worker.ts');
    installWorkerRuntime();
    for await (const replayed of Worker.runReplayHistories({ workflowsPath }, histories)) {
      if (replayed.error) return false;
    }
    return true;
  } catch {
    return false;
  }
}
