import lockfile from 'proper-lockfile';
import { TemporalSetupError, codeOf, messageOf } from './errors.ts';

/** Says, right before something irrevocable, whether the lock is still ours. */
export type AssertHeld = () => void;

/**
 * Runs `work` while nobody else holds the lock at `lockPath`, waiting up to a
 * minute for it. A lock whose holder was killed is taken over after 15 s. A
 * machine that slept may have lost its lock meanwhile: `work` gets a function
 * that throws in that case, to be called before each step that must not happen
 * twice.
 * @param what what is being done, for the message when the lock can't be had
 * @throws TemporalSetupError when the lock isn't free within a minute
 */
export async function exclusively<T>(
  lockPath: string,
  what: string,
  work: (assertHeld: AssertHeld) => Promise<T>,
): Promise<T> {
  let lost: Error | undefined;
  let release: () => Promise<void>;
  try {
    release = await lockfile.lock(lockPath, {
      lockfilePath: lockPath,
      realpath: false,
      stale: 15_000,
      update: 3_000,
      retries: { retries: 120, factor: 1, minTimeout: 500, maxTimeout: 500 },
      onCompromised: (error) => { lost = error; },
    });
  } catch (error) {
    if (codeOf(error) !== 'ELOCKED') throw error;
    throw new TemporalSetupError(
      `Another bactrian has been busy with the same thing (${what}) for a minute. ` +
        `If none is running, remove ${lockPath} and try again.`,
    );
  }
  const assertHeld = (): void => {
    if (lost) throw new TemporalSetupError(`Gave up ${what}: the lock was lost (${messageOf(lost)}). Try again.`);
  };
  try {
    return await work(assertHeld);
  } finally {
    if (!lost) await release();
  }
}
