import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Lab } from '../../lab/lab.ts';
import { cacheFolder } from '../../lab/paths.ts';
import { writeProject } from '../../lab/project.ts';
import type { Changes, ProjectOptions } from '../../lab/project.ts';
import { eventually, must } from '../../lab/run.ts';
import type { Ended } from '../../lab/run.ts';
import type { FleetResult } from '../../workflows/types.ts';
import { secretsIn } from './leaks.ts';
import { lab } from './the-lab.ts';

/** Projects and state of the tests: kept until the next run, for whoever wants to know what went wrong. */
export const testFolder: string = process.env.BACTRIAN_TEST_DIR ?? join(tmpdir(), `bactrian-fleet-${lab.topology.name}`);

const bactrian = fileURLToPath(new URL('../../bin/bactrian', import.meta.url));

/** Waits are shortened where they aren't what is tested: each such second is spent by every upgrade. */
const quick: Changes = { deploy_timeout: 8, readiness_delay: 2 };

/** A command that runs on; `output` is what it has printed so far. */
export interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<Ended>;
  /** Resolves when it has printed the text. @throws when it ends without it, or after a minute and a half */
  printed(text: string | RegExp): Promise<void>;
}

/** The owner of a project for the lab's fleet, with a shell and a state directory of their own. */
export class Shop {
  readonly dir: string;
  readonly stateDir: string;
  readonly env: NodeJS.ProcessEnv;

  readonly #lab: Lab;

  private constructor(name: string, env: NodeJS.ProcessEnv, on: Lab) {
    this.#lab = on;
    this.dir = join(testFolder, name);
    this.stateDir = join(testFolder, `${name}.state`);
    this.env = { ...cleanEnvironment(), BACTRIAN_STATE_DIR: this.stateDir, ...env };
  }

  /**
   * @param name of the folders that it gets, for finding them afterwards
   * @param on the fleet, when it isn't the tests' common one
   */
  static async open(name: string, options: ProjectOptions = {}, env: NodeJS.ProcessEnv = {}, on: Lab = lab): Promise<Shop> {
    const shop = new Shop(name, env, on);
    await mkdir(shop.dir, { recursive: true });
    await shop.configure(options);
    return shop;
  }

  /** Writes the project anew; files that it has and that aren't named stay. */
  async configure(options: ProjectOptions = {}): Promise<void> {
    await writeProject(this.#lab, this.dir, { ...options, changes: { ...quick, ...options.changes } });
  }

  /** Runs bactrian in the project to its end. */
  async bactrian(...args: string[]): Promise<Ended> {
    return await this.start(...args).ended;
  }

  /** Runs an upgrade to its end. @returns its exit code, what it said, and the run's result where there was one */
  async upgrade(...args: string[]): Promise<Ended & { result: FleetResult | null }> {
    const ended = await this.bactrian('upgrade', '-y', '--json', ...args);
    return { ...ended, result: ended.stdout.trim() === '' ? null : (JSON.parse(ended.stdout) as FleetResult) };
  }

  /** Starts bactrian in the project. */
  start(...args: string[]): Running {
    const child = spawn(bactrian, args, { cwd: this.dir, env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const limit = setTimeout(() => child.kill('SIGKILL'), 300_000);
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => {
        clearTimeout(limit);
        resolve({ code: code ?? -1, stdout, stderr });
      });
    });
    const output = () => stdout + stderr;
    return {
      child,
      ended,
      output,
      printed: async (text) => {
        const there = () => (typeof text === 'string' ? output().includes(text) : text.test(output()));
        await eventually(`bactrian ${args.join(' ')} prints ${text}; it printed:\n${output()}`, 90_000, async () => {
          if (!there() && child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${output()}`);
          return await Promise.resolve(there());
        });
      },
    };
  }

  /** The embedded Temporal server's process. */
  async serverPid(): Promise<number> {
    return pidIn(await readFile(join(this.stateDir, 'server/server.json'), 'utf8'));
  }

  /** The address at which the embedded server answers. */
  async serverAddress(): Promise<string> {
    const record = JSON.parse(await readFile(join(this.stateDir, 'server/server.json'), 'utf8')) as { ports: { grpc: number } };
    return `127.0.0.1:${record.ports.grpc}`;
  }

  /** Temporal's own command line, on the embedded server. @throws when it ends with another code than 0 */
  async temporal(...args: string[]): Promise<string> {
    const program = process.env.BACTRIAN_TEMPORAL_CLI ?? 'temporal';
    return await must(program, [...args, '--address', await this.serverAddress()], { env: this.env });
  }

  /** The workflow id of the project's runs. */
  async workflowId(): Promise<string> {
    const status = await this.bactrian('status', '--json');
    return (JSON.parse(status.stdout) as { workflowId: string }).workflowId;
  }

  /** The background worker's process. */
  async workerPid(): Promise<number> {
    for (const project of await readdir(join(this.stateDir, 'projects'))) {
      for (const file of await readdir(join(this.stateDir, 'projects', project))) {
        if (/^worker-\w+\.json$/.test(file)) return pidIn(await readFile(join(this.stateDir, 'projects', project, file), 'utf8'));
      }
    }
    throw new Error(`no worker's record below ${this.stateDir}`);
  }

  /**
   * Stops the server and the worker.
   * @throws when anything that they wrote holds a secret
   */
  async close(): Promise<void> {
    const ended = await this.bactrian('down', '--force');
    if (ended.code !== 0) throw new Error(`bactrian down ended with ${ended.code}: ${ended.stderr}`);
    const found = await secretsIn(this.stateDir);
    if (found.length > 0) throw new Error(`secrets were written down:\n${found.join('\n')}`);
  }
}

function pidIn(record: string): number {
  return (JSON.parse(record) as { process: { pid: number } }).process.pid;
}

/** Nothing of the shell that runs the tests decides about them: no agent, no Temporal of its own. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(TEMPORAL_|BACTRIAN_STATE|KAMAL_|SSH_|VITEST|NODE_OPTIONS|FORCE_COLOR|VERSION$)/.test(name));
  return { ...Object.fromEntries(kept), NO_COLOR: '1', PATH: `${process.env.PATH}:${join(cacheFolder, 'bin')}` };
}
