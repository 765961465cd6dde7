import { ApplicationFailure, cancelled, heartbeat } from '@temporalio/activity';

/** What tests let fake hosts do instead of going on. */

/** A failure as activities throw it: typed, not retried. */
export function fails(type: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: true });
}

/** A failure that may pass: the step is tried again. */
export function passes(type: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: false });
}

/** Something that a test lets happen: `await gate.opened` in a behaviour, `gate.open()` in the test. */
export class FakeGate {
  readonly opened: Promise<void>;
  open: () => void = () => undefined;

  constructor() {
    this.opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }
}

/** Hangs, alive, until the step is cancelled; then ends as cancelled, as a step does whose script was ended. */
export async function untilCancelled(): Promise<void> {
  const timer = setInterval(() => heartbeat(), 100);
  try {
    await cancelled();
  } finally {
    clearInterval(timer);
  }
}

/** Stays alive while it waits, and takes no notice of being cancelled, as a cutover does. */
export async function alive(work: Promise<void>): Promise<void> {
  const timer = setInterval(() => heartbeat(), 100);
  try {
    await work;
  } finally {
    clearInterval(timer);
  }
}
