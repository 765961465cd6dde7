import { existsSync } from 'node:fs';
import { default as ssh2, type BaseAgent, type ParsedKey, type SignCallback, type SigningRequestOptions } from 'ssh2';
import { SshError } from './error.ts';
import { loadKey, type LoadedKey, loadKeyFile } from './key-file.ts';
import type { Target } from './target.ts';

/** A key to offer, and who signs with it. */
export interface Identity {
  /** For messages: the file's path, `key data #1`, or `agent: <comment>`. Never key material. */
  label: string;
  method: { type: 'publickey'; key: ParsedKey } | { type: 'agent'; agent: BaseAgent };
}

export interface Identities {
  offers: Identity[];
  /** Keys that can't be offered and why, for the message when the others are refused. */
  unused: string[];
  /** The agent's answer in a few words, for the same message. */
  agent: string;
  /** The first key that has a passphrase and isn't in the agent. */
  lockedFile?: string;
}

/**
 * Collects the keys to offer: those of the agent that the configuration names,
 * the agent's other ones (unless only named keys may be used), then files and
 * key data that the agent doesn't hold.
 * @throws SshError `config` when key data can't be read
 */
export async function collectIdentities(target: Target): Promise<Identities> {
  const named = [
    ...target.keyFiles.map((path) => ({ label: path, loaded: loadKeyFile(path) })),
    ...target.keyData.map((text, index) => ({ label: `key data #${index + 1}`, loaded: usableData(target, text, index) })),
  ];
  const { keys: agentKeys, agent, note } = await askAgent(target.agentSocket);
  const rank = (key: ParsedKey): number => {
    const at = named.findIndex(({ loaded }) => publicKeyOf(loaded)?.equals(key.getPublicSSH()));
    return at === -1 ? named.length : at;
  };
  const ranked = agentKeys.map((key) => ({ key, rank: rank(key) })).sort((a, b) => a.rank - b.rank);
  const offers: Identity[] = [];
  for (const { key, rank: at } of ranked) {
    if (agent === undefined || (at === named.length && target.keysOnly)) continue;
    offers.push({ label: `agent: ${key.comment || key.type}`, method: { type: 'agent', agent: new OneKeyAgent(agent, key) } });
  }
  const unused: string[] = [];
  let lockedFile: string | undefined;
  for (const { label, loaded } of named) {
    const publicKey = publicKeyOf(loaded);
    if (publicKey !== undefined && agentKeys.some((key) => key.getPublicSSH().equals(publicKey))) continue;
    if (loaded.kind === 'private') {
      offers.push({ label, method: { type: 'publickey', key: loaded.key } });
    } else if (loaded.kind === 'locked') {
      unused.push(`${label} (${loaded.encrypted ? 'has a passphrase' : 'a public key'}, and the agent doesn't hold it)`);
      if (loaded.encrypted) lockedFile ??= label;
    } else if (loaded.kind === 'unusable') {
      unused.push(`${label} (${loaded.why})`);
    } else {
      unused.push(`${label} (not there)`);
    }
  }
  for (const path of [...target.certificateFiles, ...target.keyFiles.map((file) => `${file}-cert.pub`)]) {
    // ssh2 can't authenticate with one; whoever wonders why a key is refused should know.
    if (existsSync(path)) unused.push(`${path} (certificates aren't supported)`);
  }
  return { offers, unused, agent: note, lockedFile };
}

function usableData(target: Target, text: string, index: number): LoadedKey {
  const loaded = loadKey(text);
  if (loaded.kind !== 'unusable') return loaded;
  throw new SshError(
    'config',
    target.host,
    `key data #${index + 1} for ${target.host} holds ${loaded.why}`,
    'It must be the text of a private key, from -----BEGIN to -----END …-----, line breaks included.',
  );
}

function publicKeyOf(loaded: LoadedKey): Buffer | undefined {
  return loaded.kind === 'private' || loaded.kind === 'locked' ? loaded.publicKey : undefined;
}

async function askAgent(socket: string | undefined): Promise<{ keys: ParsedKey[]; agent?: BaseAgent; note: string }> {
  if (socket === undefined) return { keys: [], note: 'no agent (SSH_AUTH_SOCK is not set)' };
  const agent = new ssh2.OpenSSHAgent(socket);
  return new Promise((resolve) => {
    // An agent that hangs (a forwarded socket whose far end is gone) is as good as none.
    const timer = setTimeout(() => resolve({ keys: [], note: `the agent at ${socket} doesn't answer` }), 5000);
    agent.getIdentities((error, keys) => {
      clearTimeout(timer);
      if (error) {
        resolve({ keys: [], note: `no agent at ${socket} (${error.message})` });
      } else {
        const list = (keys ?? []).filter((key): key is ParsedKey => 'getPublicSSH' in key);
        resolve({ keys: list, agent, note: `the agent holds ${list.length} ${list.length === 1 ? 'key' : 'keys'}` });
      }
    });
  });
}

/** The agent, seen as if it held one key: each is offered, and named in messages, for itself. */
class OneKeyAgent extends ssh2.BaseAgent<ParsedKey> {
  private readonly agent: BaseAgent;
  private readonly key: ParsedKey;

  constructor(agent: BaseAgent, key: ParsedKey) {
    super();
    this.agent = agent;
    this.key = key;
  }

  getIdentities(callback: (error?: Error | null, keys?: ParsedKey[]) => void): void {
    callback(null, [this.key]);
  }

  sign(key: ParsedKey, data: Buffer, options: SigningRequestOptions | SignCallback, callback?: SignCallback): void {
    if (typeof options === 'function') this.agent.sign(key, data, options);
    else this.agent.sign(key, data, options, callback);
  }
}
