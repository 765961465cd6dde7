/**
 * Something about the Temporal set-up that the user can put right: a missing
 * binary, a server that doesn't answer, a worker that won't start. The message
 * says what was found, what was expected and what to do next, so it can be
 * shown as it is, without a stack.
 */
export class TemporalSetupError extends Error {
  override readonly name = 'TemporalSetupError';
}

/** The message of anything thrown, for use inside another message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Node's error code (`ENOENT`, `EADDRINUSE`, …) of anything thrown, if it has one. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
