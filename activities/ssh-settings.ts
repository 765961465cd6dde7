import { resolveKeyData, type Deployment, type Secrets } from '../src/kamal/index.ts';
import type { SshSettings } from '../src/ssh/types.ts';
import type { Environment } from './project.ts';

/** How the deployment's `ssh:` section says its hosts are reached, in the words of `src/ssh`. */
export function sshSettings(deployment: Pick<Deployment, 'ssh'>, secrets: Secrets | null, env: Environment): SshSettings {
  const { ssh } = deployment;
  return {
    user: ssh.user,
    port: ssh.port,
    keys: ssh.keys === null ? undefined : [...ssh.keys],
    keysOnly: ssh.keysOnly ?? undefined,
    keyData: ssh.keyData === null || secrets === null ? undefined : resolveKeyData(ssh, secrets),
    config: typeof ssh.config === 'string' ? [ssh.config] : ssh.config === null ? undefined : typeof ssh.config === 'boolean' ? ssh.config : [...ssh.config],
    // Net::SSH dials the last of several jump hosts first, OpenSSH (and `src/ssh`) the first.
    proxyJump: ssh.proxy?.kind === 'jump' ? ssh.proxy.value.split(',').reverse().join(',') : undefined,
    proxyCommand: ssh.proxy?.kind === 'command' ? ssh.proxy.value : undefined,
    forwardAgent: ssh.forwardAgent ?? undefined,
    env,
  };
}
