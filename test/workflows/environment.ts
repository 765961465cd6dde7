import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { WorkflowFailedError, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TypedSearchAttributes } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import type { Activities } from '../../activities/api.ts';
import { registerSearchAttributes } from '../../src/temporal/register-search-attributes.ts';
import { findTemporalCli } from '../../src/temporal/server-binary.ts';
import type { fleet } from '../../workflows/fleet.ts';
import { fleetQuery } from '../../workflows/messages.ts';
import { searchAttributes } from '../../workflows/search-attributes.ts';
import type { FleetInput, FleetRecord, FleetResult } from '../../workflows/types.ts';
import { FakeHosts } from './fake-hosts.ts';
import { testServer } from './test-server.ts';

const TASK_QUEUE = 'workflows';

/** All workflows, as a worker takes them. */
export async function bundleWorkflows(): Promise<WorkflowBundleWithSourceMap> {
  const workflowsPath = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));
  return await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
}

/** A run under test, and the fake hosts it works on. */
export interface Run {
  handle: WorkflowHandleWithFirstExecutionRunId<typeof fleet>;
  hosts: FakeHosts;
  input: FleetInput;
}

/** How a run ended. */
export interface Ending {
  /** `RunFailed`, `RunRejected` …; null when it ended well. */
  type: string | null;
  message: string;
  result: FleetResult;
}

/**
 * The server under a bench. `time-skipping` lets a week pass in an instant, but doesn't survive a step that ends in the
 * moment in which it is cancelled, and tells no parent that a child was terminated; `dev` is the real server.
 */
export type ServerKind = 'time-skipping' | 'dev';

/** A server with one worker, shared by the tests of a file. */
export class Bench {
  readonly env: TestWorkflowEnvironment;
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  readonly #fleets: Map<string, FakeHosts>;

  private constructor(env: TestWorkflowEnvironment, worker: Worker, fleets: Map<string, FakeHosts>) {
    this.env = env;
    this.#worker = worker;
    this.#fleets = fleets;
    this.#ended = worker.run();
  }

  static async open(kind: ServerKind = 'time-skipping'): Promise<Bench> {
    Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
    const workflowBundle = await bundleWorkflows();
    const env = await server(kind);
    const fleets = new Map<string, FakeHosts>();
    const worker = await Worker.create({
      connection: env.nativeConnection,
      taskQueue: TASK_QUEUE,
      identity: 'worker',
      workflowBundle,
      activities: byRun(fleets),
      maxHeartbeatThrottleInterval: '100ms',
      defaultHeartbeatThrottleInterval: '100ms',
    });
    return new Bench(env, worker, fleets);
  }

  async close(): Promise<void> {
    this.#worker.shutdown();
    await this.#ended;
    await this.env.teardown();
  }

  /** Starts a run. */
  async start(input: FleetInput, hosts: FakeHosts = new FakeHosts(), workflowId = `bactrian/shop/${input.run}`): Promise<Run> {
    this.#fleets.set(input.run, hosts);
    const handle = await this.env.client.workflow.start<typeof fleet>('fleet', { workflowId, taskQueue: TASK_QUEUE, args: [input] });
    return { handle, hosts, input };
  }

  /** Starts a run with search attributes, as `bactrian upgrade` does. */
  async startWithAttributes(input: FleetInput, hosts = new FakeHosts()): Promise<Run> {
    assert(await registerSearchAttributes(this.env.connection, 'default'), 'the server takes no search attributes');
    this.#fleets.set(input.run, hosts);
    const typedSearchAttributes = new TypedSearchAttributes([
      { key: searchAttributes.service, value: input.service },
      { key: searchAttributes.phase, value: 'connecting' },
    ]);
    const handle = await this.env.client.workflow.start<typeof fleet>('fleet', {
      workflowId: `bactrian/shop/${input.run}`,
      taskQueue: TASK_QUEUE,
      args: [input],
      typedSearchAttributes,
    });
    return { handle, hosts, input };
  }

  /** Runs it to its end, with time skipped where nothing happens. */
  async run(input: FleetInput, hosts?: FakeHosts): Promise<Ending & { run: Run }> {
    const run = await this.start(input, hosts);
    return { run, ...(await this.ending(run)) };
  }

  /**
   * Waits for a run's end and looks at what must hold in every end: no host was mistreated, nobody is kept out by our
   * lock any more, and the report was written.
   */
  async ending(run: Run): Promise<Ending> {
    const ending = await this.#ending(run);
    assert.deepEqual(run.hosts.violations, []);
    assert.equal(run.hosts.lockedBy, null, 'the deploy lock is still held');
    assert.deepEqual(run.hosts.reports, [ending.result], 'the report says something else than the result');
    return ending;
  }

  /** The run's record, once it is as wanted. */
  async record(run: Run, wanted: (record: FleetRecord) => boolean): Promise<FleetRecord> {
    for (let tries = 0; ; tries += 1) {
      const record = await run.handle.query(fleetQuery);
      if (wanted(record)) return record;
      if (tries === 200) throw new Error(`the run's record never was as wanted: ${JSON.stringify(record)}`);
      await sleep(25);
    }
  }

  /** Resolves when the run stands at a gate. */
  async atGate(run: Run): Promise<FleetRecord> {
    return await this.record(run, (record) => record.gate !== null);
  }

  /** Resolves when the run asks a person. */
  async asks(run: Run): Promise<FleetRecord> {
    return await this.record(run, (record) => record.question !== null);
  }

  async #ending({ handle }: Run): Promise<Ending> {
    try {
      return { type: null, message: '', result: await handle.result() };
    } catch (error) {
      if (!(error instanceof WorkflowFailedError)) throw error;
      const { cause } = error;
      if (cause instanceof ApplicationFailure) return { type: cause.type ?? null, message: cause.message, result: cause.details?.[0] as FleetResult };
      if (!(cause instanceof CancelledFailure)) throw error;
      // A workflow that ends as cancelled has no details; its record has.
      const { result } = await handle.query(fleetQuery);
      if (!result) throw new Error('the cancelled run has no result in its record', { cause: error });
      return { type: 'Cancelled', message: cause.message, result };
    }
  }
}

async function server(kind: ServerKind): Promise<TestWorkflowEnvironment> {
  if (kind === 'time-skipping') return await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path: testServer() } } });
  const { path } = await findTemporalCli();
  return await TestWorkflowEnvironment.createLocal({ server: { executable: { type: 'existing-path', path } }, client: { identity: 'client' } });
}

/** Passes each activity on to the hosts of its run. */
function byRun(fleets: Map<string, FakeHosts>): Activities {
  const of = (run: string): FakeHosts => {
    const hosts = fleets.get(run);
    if (!hosts) throw new Error(`no fake hosts for the run ${run}`);
    return hosts;
  };
  return {
    probeHost: (args) => of(args.run).probeHost(args),
    runHook: (args) => of(args.run).runHook(args),
    acquireLock: (args) => of(args.run).acquireLock(args),
    releaseLock: (args) => of(args.run).releaseLock(args),
    prepareHost: (args) => of(args.run).prepareHost(args),
    proveRole: (args) => of(args.run).proveRole(args),
    compareAnswers: (args) => of(args.run).compareAnswers(args),
    cutOver: (args) => of(args.run).cutOver(args),
    stopOldRole: (args) => of(args.run).stopOldRole(args),
    replaceRole: (args) => of(args.run).replaceRole(args),
    verifyHost: (args) => of(args.run).verifyHost(args),
    pruneHost: (args) => of(args.run).pruneHost(args),
    meterHost: (args) => of(args.run).meterHost(args),
    putBack: (args) => of(args.run).putBack(args),
    prepareAccessory: (args) => of(args.run).prepareAccessory(args),
    swapAccessory: (args) => of(args.run).swapAccessory(args),
    settleAccessory: (args) => of(args.run).settleAccessory(args),
    joinAccessory: (args) => of(args.run).joinAccessory(args),
    holdRequests: (args) => of(args.run).holdRequests(args),
    letRequestsThrough: (args) => of(args.run).letRequestsThrough(args),
    pruneAccessory: (args) => of(args.run).pruneAccessory(args),
    writeReport: (args) => of(args.result.run).writeReport(args),
  };
}
