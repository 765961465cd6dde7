/**
 * What went wrong, by what can be done about it:
 * `unreachable`, `refused`, `timeout`, `lost` may pass by themselves;
 * `auth`, `host-key-unknown`, `host-key-changed`, `config` need a person;
 * `aborted` is the caller's own doing.
 */
export type SshErrorKind =
  'unreachable' | 'refused' | 'timeout' | 'auth' | 'host-key-unknown' | 'host-key-changed' | 'lost' | 'config' | 'aborted';

/** A failure of the connection, never of a command that ran. Holds no key material. */
export class SshError extends Error {
  readonly kind: SshErrorKind;
  /** The host as the caller named it (of a jump host: as the jump was written). */
  readonly host: string;
  /** What to do next, in one or two sentences or commands. */
  readonly hint: string;

  constructor(kind: SshErrorKind, host: string, message: string, hint: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'SshError';
    this.kind = kind;
    this.host = host;
    this.hint = hint;
  }
}

/** The error of an operation that its caller's signal ended. */
export function aborted(host: string, what: string): SshError {
  return new SshError('aborted', host, `${host}: ${what} was cancelled`, 'Nothing to do: it was asked for.');
}

/** Prohibited, or unknown as a kind of channel (RFC 4254, 5.1): OpenSSH and Dropbear give these reasons, and no words. */
const NOT_LET = [1, 3];

/** True when sshd forwards no connection there (AllowTcpForwarding, PermitOpen), so that it tells nothing of who listens. */
export function isNotForwarded(error: unknown): boolean {
  if (!(error instanceof SshError) || error.kind !== 'refused' || !(error.cause instanceof Error)) return false;
  return 'reason' in error.cause && NOT_LET.some((reason) => (error.cause as { reason?: unknown }).reason === reason);
}
