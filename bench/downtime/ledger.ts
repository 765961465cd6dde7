import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Entry, RowResult } from './figures.ts';
import { rows } from './rows.ts';
import type { Contender } from './rows.ts';
import type { Control, Trial } from './trial.ts';

/** One trial that was made. */
export interface LedgerLine {
  row: string;
  contender: Contender;
  /** From 1 up. */
  repetition: number;
  takenAt: string;
  /** How long it took with all that belongs to it: hosts restored, the control. */
  seconds: number;
  control: Control;
  trial: Trial;
}

/** What has to be the same for trials to stand in one table. */
export interface Circumstances {
  machine: string;
  /** Digest of what is measured and of what measures it. */
  sources: string;
}

/** Trials are put down in a file as they are made, so that a benchmark that is cut off can be taken up again. */
export class Ledger {
  readonly file: string;
  readonly lines: LedgerLine[];

  private constructor(file: string, lines: LedgerLine[]) {
    this.file = file;
    this.lines = lines;
  }

  /** Begins a new one. What an earlier run left in the file is kept beside it, with `.old` at its end. */
  static async begin(file: string, circumstances: Circumstances): Promise<Ledger> {
    await mkdir(dirname(file), { recursive: true });
    await rename(file, `${file}.old`).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await writeFile(file, `${JSON.stringify(circumstances)}\n`);
    return new Ledger(file, []);
  }

  /**
   * Takes up one that was cut off. A last line that was not written to its end is left out.
   * @throws if there is none, or if it was made of other sources or on another machine
   */
  static async resume(file: string, circumstances: Circumstances): Promise<Ledger> {
    const text = await readFile(file, 'utf8').catch(() => '');
    const [head, ...rest] = text.split('\n');
    if (!head) throw new Error(`nothing to take up: there is no ${file}`);
    const then = JSON.parse(head) as Circumstances;
    for (const what of ['machine', 'sources'] as const) {
      if (then[what] !== circumstances[what]) throw new Error(`${file} was begun with other ${what} (${then[what]}, now ${circumstances[what]}): its figures can't stand beside new ones; begin anew without --resume`);
    }
    // After the last newline there is nothing, or half a line.
    const whole = rest.slice(0, -1).filter(Boolean);
    const lines = whole.map((line) => JSON.parse(line) as LedgerLine);
    await writeFile(`${file}.new`, [head, ...whole, ''].join('\n'));
    await rename(`${file}.new`, file);
    return new Ledger(file, lines);
  }

  has(row: string, contender: Contender, repetition: number): boolean {
    return this.lines.some((line) => line.row === row && line.contender === contender && line.repetition === repetition);
  }

  async add(line: LedgerLine): Promise<void> {
    this.lines.push(line);
    await appendFile(this.file, `${JSON.stringify(line)}\n`);
  }

  /** What has been measured, in the order of the rows and of who takes part. */
  results(): RowResult[] {
    return rows.flatMap((row) => {
      const entries = row.by.flatMap((contender): Entry[] => {
        const own = this.lines.filter((line) => line.row === row.name && line.contender === contender).sort((a, b) => a.repetition - b.repetition);
        return own.length > 0 ? [{ contender, trials: own.map(({ trial }) => trial), controls: own.map(({ control }) => control) }] : [];
      });
      return entries.length > 0 ? [{ row, entries }] : [];
    });
  }

  /** Once the results are written elsewhere. */
  async close(): Promise<void> {
    await rm(this.file, { force: true });
  }
}

/** This machine and these sources, as they are now, committed or not. */
export function presentCircumstances(): Circumstances {
  const top = fileURLToPath(new URL('../..', import.meta.url));
  const measures = ['contest', 'measured', 'rows', 'site', 'trial'].map((name) => `bench/downtime/${name}.ts`);
  const measured = ['src', 'workflows', 'activities', 'lab', ...measures, 'package-lock.json'];
  const git = (...args: string[]) => execFileSync('git', ['-C', top, ...args, '--', ...measured], { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const sources = createHash('sha256').update(git('ls-files', '-s')).update(git('diff', 'HEAD')).digest('hex').slice(0, 12);
  return { machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`, sources };
}
