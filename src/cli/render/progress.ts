import { createLogUpdate } from 'log-update';
import type { StepRecord } from '../../../workflows/types.ts';
import type { RunView } from '../run-view.ts';
import { bold, cyan, dim, green, red, yellow } from '../terminal.ts';
import { seconds } from './result.ts';

/**
 * Prints a run as it goes: a line for each step that has ended and, on a terminal, what runs just now below them.
 */
export class ProgressView {
  readonly #say: (line: string) => void;
  readonly #live: ReturnType<typeof createLogUpdate> | null;
  readonly #printed = new Set<string>();
  #width = 0;

  constructor(say: (line: string) => void, terminal: NodeJS.WriteStream = process.stdout) {
    this.#say = say;
    this.#live = terminal.isTTY ? createLogUpdate(terminal) : null;
  }

  show(view: RunView): void {
    this.#width = Math.max(...view.record.hosts.map(({ host }) => host.length));
    const phase = () => this.#once(`phase ${view.record.phase}`, () => dim(`— ${view.record.phase}`));
    if (view.record.phase !== 'over') phase();
    for (const host of view.hosts) {
      host.steps.forEach((step, at) => {
        if (step.state === 'running') return;
        // An undone step was printed when it was done.
        this.#once(`${host.host} ${host.round} ${at} ${step.name}`, () => this.#ended(host.host, step));
      });
    }
    for (const { host, attempt, message } of view.retries) {
      this.#once(`${host} ${attempt} ${message}`, () => `${host.padEnd(this.#width)}  ${yellow('↻')} attempt ${attempt}: ${message}`);
    }
    const { gate, question } = view.record;
    if (gate) {
      this.#once(`gate ${gate.gate} ${gate.hosts.join()}`, () =>
        [`${yellow('?')} waits for approval of ${bold(`${gate.gate}-proxy-reboot`)} (${gate.hosts.join(', ')})`, `  ${cyan(`bactrian approve ${gate.gate}`)}   or   ${cyan(`bactrian reject ${gate.gate}`)}`].join('\n'),
      );
    }
    if (question) {
      // The same may be asked again, once it was answered.
      this.#once(`question ${question.where} ${question.failure.type} ${view.record.said.length}`, () =>
        [
          `${yellow('?')} ${bold('needs you')} (${question.where}): ${question.failure.message}`,
          ...(question.failure.hint ? [`  ${question.failure.hint}`] : []),
          `  ${question.choices.map((choice) => cyan(`bactrian resume --${choice}`)).join('   or   ')}`,
        ].join('\n'),
      );
    }
    for (const said of view.record.said) this.#once(`said ${said.at} ${said.what}`, () => dim(`  ${said.by}: ${said.what}${said.why ? ` (${said.why})` : ''}`));
    if (view.record.phase === 'over') phase();
    this.#liveText(running(view, this.#width));
  }

  /** Nobody answers: the run's state is safe with the server, but it can't be shown. */
  silent(forSeconds: number): void {
    const text = `no worker or server answers${forSeconds > 0 ? ` (for ${forSeconds} s)` : ''}; the run goes on when they are back`;
    if (forSeconds >= 5) this.#once(`silent`, () => `${yellow('!')} ${text}`);
    this.#liveText([yellow(text)]);
  }

  end(): void {
    this.#live?.clear();
  }

  #ended(host: string, step: StepRecord): string {
    const mark = step.state === 'failed' ? red('✗') : green('✓');
    const notes = step.notes.length > 0 ? dim(`  ${step.notes.join('; ')}`) : '';
    return `${host.padEnd(this.#width)}  ${mark} ${step.name.padEnd(26)} ${seconds(step.startedAt, step.endedAt).padStart(7)}${notes}`;
  }

  #once(key: string, line: () => string): void {
    if (this.#printed.has(key)) return;
    this.#printed.add(key);
    this.#live?.clear();
    this.#say(line());
  }

  #liveText(lines: string[]): void {
    if (!this.#live) return;
    if (lines.length === 0) this.#live.clear();
    else this.#live(lines.join('\n'));
  }
}

function running(view: RunView, width: number): string[] {
  return view.hosts.flatMap((host) =>
    host.steps
      .filter((step) => step.state === 'running')
      .map((step) => `${host.host.padEnd(width)}  ${cyan('…')} ${step.name.padEnd(26)} ${seconds(step.startedAt, Date.now()).padStart(7)}`),
  );
}
