import type { AnyAuthMethod, AuthenticationType, AuthHandlerMiddleware } from 'ssh2';
import { SshError } from './error.ts';
import type { Identities } from './identities.ts';
import type { Target } from './target.ts';

/** Offers a target its keys one by one, and can say afterwards what came of it. */
export class Authentication {
  private readonly target: Target;
  private readonly identities: Identities;
  private readonly offered: string[] = [];
  private accepted: readonly string[] = [];
  private partial = false;
  private next = -1;
  /** What the agent said when it wouldn't sign. */
  agentError?: string;

  constructor(target: Target, identities: Identities) {
    this.target = target;
    this.identities = identities;
  }

  /**
   * ssh2's question for the next method. `none` first, as Net::SSH does: it
   * tells what the server takes, and some (Tailscale SSH) need no more.
   */
  readonly handler: AuthHandlerMiddleware = (methodsLeft: AuthenticationType[] | null, partialSuccess, answer) => {
    const next = answer as (method: AnyAuthMethod | false) => void;
    const username = this.target.user;
    if (methodsLeft) this.accepted = methodsLeft;
    if (partialSuccess) this.partial = true;
    if (this.next++ < 0) return next({ type: 'none', username });
    const identity = this.identities.offers[this.next - 1];
    if (identity === undefined || (methodsLeft && !methodsLeft.includes('publickey'))) return next(false);
    this.offered.push(identity.label);
    next({ ...identity.method, username });
  };

  /** The error after the last key was refused, or the server had enough of them. */
  refused(tooMany: boolean): SshError {
    const { host, user, hostName, port } = this.target;
    const { unused, agent, lockedFile } = this.identities;
    const parts = [
      this.offered.length > 0 ? `offered ${this.offered.join(', ')}` : 'there was no key to offer',
      agent,
      ...(unused.length > 0 ? [`not offered: ${unused.join(', ')}`] : []),
      ...(this.agentError === undefined ? [] : [`the agent: ${this.agentError}`]),
      ...(this.accepted.length > 0 ? [`the server takes ${this.accepted.join(', ')}`] : []),
    ];
    let hint = `Put one of these public keys into ~${user}/.ssh/authorized_keys on the host, or name the right key; then this must work: ssh -p ${port} ${user}@${hostName} true`;
    if (lockedFile !== undefined) hint = `Load the key into the agent: ssh-add ${lockedFile}`;
    if (this.partial)
      hint =
        'The server wants a second factor after the key, which only a person can give: let this account in with a key alone.';
    else if (this.accepted.length > 0 && !this.accepted.includes('publickey'))
      hint = `Allow public keys on the host (PubkeyAuthentication yes) for ${user}.`;
    if (tooMany)
      hint = 'The agent holds more keys than the server lets one try: name the right one and offer only that (IdentitiesOnly).';
    const what = this.partial
      ? 'took a key but wants more'
      : tooMany
        ? 'closed the connection after too many keys'
        : "didn't accept us";
    return new SshError('auth', host, `${user}@${hostName} ${what}: ${parts.join('; ')}`, hint);
  }
}
