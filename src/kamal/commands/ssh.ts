import type { Deployment } from '../deployment.ts';

/** The line with which Kamal runs a command over OpenSSH on a person's terminal (Kamal 2.12: `Commands::Base#run_over_ssh`). */
export function overSsh(d: Deployment, host: string, command: string): string {
  const { ssh } = d;
  return `ssh${configArgs(d)}${proxyArgs(ssh)}${keysArgs(d)} -t ${ssh.user}@${host} -p ${ssh.port} ${quotedCommand(command)}`;
}

/** A command as OpenSSH's last argument. */
export function quotedCommand(command: string): string {
  return `'${command.replaceAll("'", "'\\''")}'`;
}

function configArgs({ ssh: { config } }: Deployment): string {
  if (config === null || config === true) return '';
  if (config === false) return ' -F /dev/null';
  return (typeof config === 'string' ? [config] : config).map((file) => ` -F ${file}`).join('');
}

/** How OpenSSH is told of a jump host or ProxyCommand. */
export function proxyArgs({ proxy }: Deployment['ssh']): string {
  if (proxy === null) return '';
  return proxy.kind === 'jump' ? ` -J ${proxy.value}` : ` -o ProxyCommand='${proxy.value}'`;
}

function keysArgs({ ssh: { keys, keysOnly } }: Deployment): string {
  return (keys ?? []).map((key) => ` -i ${key}`).join('') + (keysOnly ? ' -o IdentitiesOnly=yes' : '');
}
