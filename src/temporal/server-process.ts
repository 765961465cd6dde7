import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { minimalEnvironment } from './environment.ts';
import type { Environment } from './environment.ts';
import { TemporalSetupError } from './errors.ts';
import type { ServerPorts } from './ports.ts';
import { openPrivateLog, sizeOf, excerptOf } from './private-files.ts';
import { identityOf, isAlive, runningCommands } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { registerSearchAttributes } from './register-search-attributes.ts';
import { searchAttributes } from '../../workflows/search-attributes.ts';
import type { TemporalCli } from './server-binary.ts';
import type { ServerFiles } from './server-record.ts';

/** The only namespace that the development server makes by itself. */
export const EMBEDDED_NAMESPACE = 'default';

const LOOPBACK = '127.0.0.1';
const RETENTION_SECONDS = 90 * 24 * 60 * 60;

export function addressOf(ports: ServerPorts): string {
  return `${LOOPBACK}:${ports.grpc}`;
}

export function uiUrlOf(ports: ServerPorts): string {
  return `http://${LOOPBACK}:${ports.ui}`;
}

/** The arguments of `temporal server start-dev` for our database. */
export function serverArguments(files: ServerFiles, ports: ServerPorts): string[] {
  return [
    'server', 'start-dev',
    '--db-filename', files.database,
    '--ip', LOOPBACK, '--port', String(ports.grpc),
    '--ui-ip', LOOPBACK, '--ui-port', String(ports.ui),
    // SQLite's own defaults make the server four times slower; with WAL a kill -9 loses nothing either.
    '--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL',
    '--log-level', 'warn',
    ...Object.values(searchAttributes).flatMap(({ name }) => ['--search-attribute', `${name}=Keyword`]),
  ];
}

/** Starts the server as a process of its own, which outlives us. Its log gets what it writes. */
export function spawnServer(
  cli: TemporalCli,
  files: ServerFiles,
  ports: ServerPorts,
  env: Environment,
): { identity: ProcessIdentity | undefined; logStart: number; failed: Promise<Error> } {
  const log = openPrivateLog(files.log);
  const logStart = sizeOf(files.log);
  try {
    const child = spawn(cli.path, serverArguments(files, ports), {
      cwd: files.dir,
      env: minimalEnvironment(env),
      detached: true,
      stdio: ['ignore', log, log],
    });
    child.unref();
    const failed = new Promise<Error>((resolve) => child.once('error', resolve));
    return { identity: child.pid === undefined ? undefined : identityOf(child.pid), logStart, failed };
  } finally {
    closeSync(log);
  }
}

/**
 * A server that runs on our database, by its arguments. It finds the one whose
 * starter was killed before it could write down what it had started.
 */
export function findServerOn(files: ServerFiles): { identity: ProcessIdentity; ports: ServerPorts } | undefined {
  for (const { pid, argv } of runningCommands()) {
    const after = (flag: string): string | undefined => argv[argv.indexOf(flag, 1) + 1];
    if (!argv.includes('start-dev') || !argv.includes('--db-filename')) continue;
    if (after('--db-filename') !== files.database) continue;
    const identity = identityOf(pid);
    const ports = { grpc: Number(after('--port')), ui: Number(after('--ui-port')) };
    if (identity && Number.isInteger(ports.grpc) && Number.isInteger(ports.ui)) return { identity, ports };
  }
  return undefined;
}

/** Whether a Temporal server answers at `address` and has the embedded namespace, within `timeoutMs`. */
export async function answers(address: string, timeoutMs: number): Promise<boolean> {
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({ address, connectTimeout: timeoutMs });
    const { workflowService } = connection;
    await connection.withDeadline(Date.now() + timeoutMs, () =>
      workflowService.describeNamespace({ namespace: EMBEDDED_NAMESPACE }));
    return true;
  } catch {
    return false;
  } finally {
    await connection?.close();
  }
}

/** Asks until the server answers, it ends, or `withinMs` are over. */
export async function waitUntilAnswering(
  identity: ProcessIdentity,
  address: string,
  withinMs: number,
): Promise<'answers' | 'ended' | 'silent'> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    if (await answers(address, Math.max(500, Math.min(3_000, deadline - Date.now())))) return 'answers';
    if (!isAlive(identity)) return 'ended';
    if (Date.now() >= deadline) return 'silent';
    await sleep(100);
  }
}

/** What the server needs at every start: closed runs kept for 90 days (its own default is one), our search attributes. */
export async function configureServer(address: string): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    await connection.workflowService.updateNamespace({
      namespace: EMBEDDED_NAMESPACE,
      config: { workflowExecutionRetentionTtl: proto.google.protobuf.Duration.fromObject({ seconds: RETENTION_SECONDS }) },
    });
    if (!(await registerSearchAttributes(connection, EMBEDDED_NAMESPACE))) {
      throw new TemporalSetupError(
        `The embedded Temporal server at ${address} refused bactrian's search attributes. ` +
          'Its database may hold attributes of the same names with other types.',
      );
    }
  } finally {
    await connection.close();
  }
}

/** What the server wrote since `logStart`, indented for a message. */
export async function serverLogExcerpt(files: ServerFiles, logStart: number): Promise<string> {
  const said = await excerptOf(files.log, logStart, 8);
  return said ? said.replaceAll(/^/gm, '  ') : '  (it wrote nothing)';
}
