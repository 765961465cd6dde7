import { proxyArgs, quotedCommand } from '../../commands/ssh.ts';
import type { Kamal1Deployment } from '../deployment.ts';

/** The line with which Kamal 1 runs a command over OpenSSH on a person's terminal (Kamal 1.9: `Commands::Base#run_over_ssh`). */
export function overSsh({ ssh }: Kamal1Deployment, host: string, command: string): string {
  return `ssh${proxyArgs(ssh)} -t ${ssh.user}@${host} -p ${ssh.port} ${quotedCommand(command)}`;
}
