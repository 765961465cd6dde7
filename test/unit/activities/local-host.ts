import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readAnswer, type Answer } from '../../../activities/script/answer.ts';
import { bootstrap, LAST_LINE, prologue, type Token } from '../../../activities/script/bootstrap.ts';
import { VOCABULARY } from '../../../activities/script/vocabulary.ts';

export interface Ran extends Answer {
  code: number | null;
  output: string;
}

export interface StepWish {
  seq?: number;
  attempt?: number;
  run?: string;
  runStartedAt?: number;
  journal?: 'app' | 'accessories' | 'lock';
  /** How long the script waits for the one that holds the host's lock, in seconds. */
  joinSeconds?: number;
}

/**
 * A login user's home on this machine in which host scripts run through a real `sh`, as over SSH. Its `docker` is a
 * FakeDocker: an engine that answers, and has nothing.
 */
export class LocalHost {
  readonly home = mkdtempSync(join(tmpdir(), 'bactrian-host-'));
  readonly #bin: string;
  readonly #children = new Set<ChildProcess>();

  /** @param docker a `docker` of its own, as a shell script */
  constructor(docker = NOTHING) {
    this.#bin = programs(docker);
  }

  path(...parts: string[]): string {
    return join(this.home, ...parts);
  }

  /** Puts another fake in the place of its `docker`. @param script of `sh`, with Docker's arguments */
  docker(script: string): void {
    writeFileSync(join(this.#bin, 'docker'), `#!/bin/sh\n${script}`, { mode: 0o755 });
  }

  read(...parts: string[]): string {
    return readFileSync(this.path(...parts), 'utf8');
  }

  has(...parts: string[]): boolean {
    return existsSync(this.path(...parts));
  }

  mode(...parts: string[]): string {
    return (statSync(this.path(...parts)).mode & 0o7777).toString(8);
  }

  token({ run = 'run-1', runStartedAt = 1000, seq = 1, attempt = 1 }: StepWish = {}): Token {
    return { run, runStartedAt, seq, attempt };
  }

  /** What a worker sends for one attempt of a step. */
  script(body: string, { journal = 'app', joinSeconds = 20 }: StepWish = {}): string {
    return [prologue("'fence-shop'", joinSeconds), `JOURNAL=${journal}`, VOCABULARY, body, LAST_LINE].join('\n');
  }

  /** Runs a step's script to its end. */
  async step(body: string, wish: StepWish = {}): Promise<Ran> {
    const ran = await this.sh(bootstrap(this.token(wish)), this.script(body, wish));
    return { ...readAnswer(ran.output), ...ran };
  }

  /** Runs a command line in the home. */
  async sh(command: string, stdin = ''): Promise<{ code: number | null; output: string }> {
    const child = this.start(command, stdin);
    const chunks: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => void chunks.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => void chunks.push(chunk));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    return { code, output: Buffer.concat(chunks).toString() };
  }

  start(command: string, stdin = ''): ChildProcess {
    const child = spawn('sh', ['-c', command], { cwd: this.home, env: { PATH: `${this.#bin}:${process.env['PATH']}`, HOME: this.home, LC_ALL: 'C.UTF-8' } });
    this.#children.add(child);
    child.on('close', () => this.#children.delete(child));
    // A command that ends without reading closes the pipe: that is its right.
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
    return child;
  }

  async until(test: () => boolean): Promise<void> {
    for (let tries = 0; !test(); tries += 1) {
      if (tries === 400) throw new Error('it did not come to that within 10 s');
      await sleep(25);
    }
  }

  remove(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.#bin, { recursive: true, force: true });
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** A FakeDocker whose engine answers and has nothing: no container, no image, no network. */
const NOTHING = '#!/bin/sh\n[ "$1" = version ]\n';

function programs(docker: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'bactrian-docker-'));
  writeFileSync(join(folder, 'docker'), docker, { mode: 0o755 });
  return folder;
}
