import { Client, Connection } from '@temporalio/client';

/**
 * The workflow ids of the runs that are open in a namespace: those at the top,
 * not the workflows of their hosts.
 * @throws whatever the server or the connection to it answers
 */
export async function openRuns(address: string, namespace: string): Promise<string[]> {
  const connection = await Connection.connect({ address, connectTimeout: 5_000 });
  try {
    const client = new Client({ connection, namespace });
    const open: string[] = [];
    await connection.withDeadline(Date.now() + 10_000, async () => {
      for await (const run of client.workflow.list({ query: "ExecutionStatus = 'Running'" })) {
        if (!run.parentExecution) open.push(run.workflowId);
      }
    });
    return open;
  } finally {
    await connection.close();
  }
}
