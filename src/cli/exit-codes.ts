/** What a command's end says to a script. In the README and in `bactrian --help`. */
export const EXIT = {
  ok: 0,
  /** The run ended, and not every host is where it was to go. */
  failed: 1,
  /** The command line or the configuration is wrong. Nothing was touched. */
  usage: 2,
  /** The fleet isn't fit for it, or a person said no. Nothing was touched. */
  refused: 3,
  /** The run was rejected at a gate or cancelled; what was begun is put back. */
  stopped: 4,
  /** Temporal can't be reached, or no worker runs. */
  temporal: 5,
  /** Ctrl-C: we stopped following, the run goes on. */
  detached: 130,
} as const;

/** An end of a command that isn't a bug: the message is shown as it is, without a stack. */
export class CommandError extends Error {
  readonly exitCode: number;
  readonly hint: string | null;

  constructor(exitCode: number, message: string, hint: string | null = null) {
    super(message);
    this.name = 'CommandError';
    this.exitCode = exitCode;
    this.hint = hint;
  }
}
