import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from './environment.ts';
import { TemporalSetupError, messageOf } from './errors.ts';
import { exclusively } from './exclusive.ts';
import type { AssertHeld } from './exclusive.ts';
import { openRuns } from './open-runs.ts';
import { choosePorts } from './ports.ts';
import type { ServerPorts } from './ports.ts';
import { endProcess, isAlive } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { findTemporalCli } from './server-binary.ts';
import type { ServerVersions, TemporalCli } from './server-binary.ts';
import {
  EMBEDDED_NAMESPACE, addressOf, answers, configureServer, findServerOn, serverLogExcerpt, spawnServer, uiUrlOf,
  waitUntilAnswering,
} from './server-process.ts';
import { prepareDatabase, readServerRecord, serverFiles, writeServerRecord } from './server-record.ts';
import type { ServerFiles, ServerRecord } from './server-record.ts';

/** The embedded server as it runs now. */
export interface EmbeddedServer {
  readonly pid: number;
  /** host:port of the gRPC service, on the loopback interface. */
  readonly address: string;
  readonly uiUrl: string;
  readonly namespace: string;
  readonly versions: ServerVersions;
  readonly database: string;
  readonly log: string;
  /** Whether it was running already. */
  readonly reused: boolean;
}

export type ServerStatus =
  | { readonly state: 'running'; readonly server: EmbeddedServer }
  /** It runs but doesn't answer: frozen, overloaded, or just starting. */
  | { readonly state: 'silent'; readonly server: EmbeddedServer }
  /** `crashed`: it was not ended by {@link stopServer}. */
  | { readonly state: 'stopped'; readonly crashed: boolean };

/** A frozen or busy server is given this long before we say that it doesn't answer. */
const PATIENCE_MS = 20_000;
const START_MS = 60_000;
const STOP_MS = 15_000;
const UNKNOWN: ServerVersions = { cli: 'unknown', server: 'unknown', ui: 'unknown' };

/** How the embedded server is doing. Changes nothing. */
export async function serverStatus(env: Environment = process.env): Promise<ServerStatus> {
  const files = await serverFiles(env);
  const record = await readServerRecord(files);
  const running = await runningServer(files, record);
  if (!running) return { state: 'stopped', crashed: record !== undefined && !record.stopped };
  const server = describe(files, running, true);
  return { state: (await answers(server.address, 3_000)) ? 'running' : 'silent', server };
}

/**
 * Makes sure that the embedded server runs: the one that is there, or a new one
 * on the same database and, where they are free, the same ports.
 * @throws TemporalSetupError when there is no Temporal CLI, it is older than the database, the server doesn't come up,
 *   or one that runs doesn't answer
 */
export async function startServer(env: Environment = process.env): Promise<EmbeddedServer> {
  const files = await serverFiles(env);
  const record = await readServerRecord(files);
  // The common case needs no lock: what we find is a living process that answers.
  if (record && isAlive(record.process) && (await answers(addressOf(record.ports), 3_000))) {
    return describe(files, record, true);
  }
  return exclusively(files.lock, 'starting the embedded Temporal server', async (assertHeld) => {
    const last = await readServerRecord(files);
    const running = await runningServer(files, last);
    return running ? reuse(files, running) : launch(files, last, env, assertHeld);
  });
}

/** The server on our database: the recorded one, else one found by its arguments (its starter may have been killed). */
async function runningServer(files: ServerFiles, record: ServerRecord | undefined): Promise<ServerRecord | undefined> {
  if (record && isAlive(record.process)) return record;
  const found = findServerOn(files);
  return found && { process: found.identity, ports: found.ports, versions: record?.versions ?? UNKNOWN, stopped: false };
}

async function reuse(files: ServerFiles, running: ServerRecord): Promise<EmbeddedServer> {
  const server = describe(files, running, true);
  const outcome = await waitUntilAnswering(running.process, server.address, PATIENCE_MS);
  if (outcome !== 'answers') {
    throw new TemporalSetupError(
      outcome === 'ended'
        ? `The embedded Temporal server (process ${server.pid}) ended just now. Try again; its log: ${server.log}`
        : `The embedded Temporal server (process ${server.pid}) is running but has not answered at ${server.address} for ` +
          `${PATIENCE_MS / 1000} s. A second one on the same database would damage it, so none was started. ` +
          `See ${server.log}; 'bactrian down --force' ends it, and runs go on with the next one.`,
    );
  }
  await writeServerRecord(files, running);
  await configureServer(server.address);
  return server;
}

async function launch(
  files: ServerFiles,
  last: ServerRecord | undefined,
  env: Environment,
  assertHeld: AssertHeld,
): Promise<EmbeddedServer> {
  const cli = await findTemporalCli(env);
  assertHeld();
  await prepareDatabase(files, cli.versions, cli.path);
  let wanted = last?.ports;
  for (let attempt = 1; ; attempt += 1) {
    const ports = await choosePorts(wanted);
    assertHeld();
    const started = await launchOnce(files, cli, ports, env);
    if (!('trouble' in started)) {
      await configureServer(addressOf(ports));
      return describe(files, started, false);
    }
    // A port can be taken between our look and the server's: others, then.
    if (attempt === 3 || !started.trouble.includes('address already in use')) {
      throw new TemporalSetupError(
        `The embedded Temporal server (${cli.path}, server ${cli.versions.server}) didn't come up:\n` +
          `${started.trouble}\nIts whole log: ${files.log}`,
      );
    }
    wanted = undefined;
  }
}

async function launchOnce(
  files: ServerFiles,
  cli: TemporalCli,
  ports: ServerPorts,
  env: Environment,
): Promise<ServerRecord | { trouble: string }> {
  const { identity, logStart, failed } = spawnServer(cli, files, ports, env);
  if (!identity) {
    const reason = await Promise.race([failed, sleep(1_000, undefined)]);
    return { trouble: reason ? `  ${messageOf(reason)}` : await serverLogExcerpt(files, logStart) };
  }
  const record: ServerRecord = { process: identity, ports, versions: cli.versions, stopped: false };
  await writeServerRecord(files, record);
  const outcome = await waitUntilAnswering(identity, addressOf(ports), START_MS);
  if (outcome === 'answers') return record;
  if (outcome === 'silent') await endProcess(identity, STOP_MS);
  const said = await serverLogExcerpt(files, logStart);
  return { trouble: outcome === 'silent' ? `  no answer at ${addressOf(ports)} for ${START_MS / 1000} s\n${said}` : said };
}

function describe(files: ServerFiles, record: ServerRecord, reused: boolean): EmbeddedServer {
  return {
    pid: record.process.pid,
    address: addressOf(record.ports),
    uiUrl: uiUrlOf(record.ports),
    namespace: EMBEDDED_NAMESPACE,
    versions: record.versions,
    database: files.database,
    log: files.log,
    reused,
  };
}

export type StopResult =
  | { readonly outcome: 'stopped'; readonly pid: number; readonly openRuns: string[] }
  | { readonly outcome: 'not running' }
  /** Nothing was done, because these runs (workflow ids) are open. */
  | { readonly outcome: 'refused'; readonly pid: number; readonly openRuns: string[] };

/**
 * Stops the embedded server. With runs open it refuses, unless `force`: they
 * would stand still, and go on only when a server is started again.
 * @throws TemporalSetupError when the server doesn't say what is open and `force` isn't given
 */
export async function stopServer(
  { force = false, env = process.env }: { force?: boolean; env?: Environment } = {},
): Promise<StopResult> {
  const files = await serverFiles(env);
  return exclusively(files.lock, 'stopping the embedded Temporal server', async (assertHeld) => {
    const record = await readServerRecord(files);
    const running = await runningServer(files, record);
    if (!running) {
      if (record && !record.stopped) await writeServerRecord(files, { ...record, stopped: true });
      return { outcome: 'not running' };
    }
    const { pid } = running.process;
    const open = await openOn(running, force);
    if (open.length > 0 && !force) return { outcome: 'refused', pid, openRuns: open };
    assertHeld();
    await endProcess(running.process, STOP_MS);
    await writeServerRecord(files, { ...running, stopped: true });
    return { outcome: 'stopped', pid, openRuns: open };
  });
}

/**
 * The workflow ids of the runs that are open on the embedded server; none when it isn't running.
 * @throws TemporalSetupError when it doesn't say and `force` isn't given
 */
export async function embeddedOpenRuns(
  { force = false, env = process.env }: { force?: boolean; env?: Environment } = {},
): Promise<string[]> {
  const files = await serverFiles(env);
  const running = await runningServer(files, await readServerRecord(files));
  return running ? openOn(running, force) : [];
}

async function openOn(running: ServerRecord, force: boolean): Promise<string[]> {
  try {
    return await openRuns(addressOf(running.ports), EMBEDDED_NAMESPACE);
  } catch (error) {
    if (force) return [];
    throw new TemporalSetupError(
      `The embedded Temporal server (process ${running.process.pid}) doesn't say whether runs are open: ` +
        `${messageOf(error)}. 'bactrian down --force' ends it anyway; runs go on when it is started again.`,
    );
  }
}

/**
 * Runs the embedded server until `signal` is aborted, then ends it in order.
 * @param onReady called once it answers
 * @throws TemporalSetupError when it runs in the background already, or when it ends by itself
 */
export async function runServerForeground(
  { signal, onReady, env = process.env }: {
    signal: AbortSignal;
    onReady: (server: EmbeddedServer) => void;
    env?: Environment;
  },
): Promise<void> {
  const server = await startServer(env);
  if (server.reused) {
    throw new TemporalSetupError(
      `The embedded Temporal server is running already (process ${server.pid}, UI at ${server.uiUrl}). ` +
        "Use that one, or stop it with 'bactrian down' first.",
    );
  }
  onReady(server);
  const record = await readServerRecord(await serverFiles(env));
  const identity: ProcessIdentity | undefined = record?.process;
  while (!signal.aborted) {
    if (!identity || !isAlive(identity)) {
      const now = await readServerRecord(await serverFiles(env));
      if (now?.stopped) return;
      throw new TemporalSetupError(`The embedded Temporal server (process ${server.pid}) ended. Its log: ${server.log}`);
    }
    await sleep(250, undefined, { signal }).catch(() => undefined);
  }
  await stopServer({ force: true, env });
}
