import { join } from 'node:path';

import { must } from '../../lab/run.ts';
import { lab } from './the-lab.ts';

/** Who logs in where root may not, as on many servers: in the group docker, so that Kamal works. */
export const LOGIN = 'deploy';

/**
 * Gives a host such a user, with what Kamal 1 left in root's folder in its own. It is gone when the host is restored.
 * @param sudo whether sudo lets it do everything without asking, or it isn't known to sudo at all
 * @throws if the host can't be given one, with what it said
 */
export async function giveLogin(host: string, { sudo }: { sudo: boolean }): Promise<void> {
  // Laid over the machine's own files for this host alone, as all that a host has of its own.
  const ended = await lab.exec(
    host,
    `set -e
     mkdir /tmp/own; cp -a /etc/passwd /etc/group /tmp/own/
     echo '${LOGIN}:x:2000:2000::/home/${LOGIN}:/bin/sh' >> /tmp/own/passwd
     echo '${LOGIN}:x:2000:' >> /tmp/own/group; sed -i 's/^\\(docker:[^:]*:[^:]*:\\).*/\\1${LOGIN}/' /tmp/own/group
     for file in passwd group; do mount --bind /tmp/own/$file /etc/$file; done
     grep -q '^${LOGIN}:' /etc/shadow || echo '${LOGIN}:*:19000:0:99999:7:::' >> /etc/shadow
     mount -t tmpfs -o mode=755 tmpfs /home; mkdir /home/${LOGIN}
     cp -a /root/.kamal /home/${LOGIN}/; chown -R ${LOGIN}:${LOGIN} /home/${LOGIN}
     mount -t tmpfs -o mode=755 tmpfs /etc/sudoers.d
     ${sudo ? `echo '${LOGIN} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/${LOGIN}; chmod 440 /etc/sudoers.d/${LOGIN}` : ''}
     stat -c '%G' /run/docker.sock`,
  );
  if (ended.code !== 0 || ended.stdout.trim() !== 'docker') throw new Error(`no user ${LOGIN} on ${host}: ${ended.stdout}${ended.stderr}`);
  // Each command that comes over SSH is written down there, by whoever has logged in.
  const commands = join(lab.folder, 'hosts', host, 'commands.jsonl');
  await must('touch', [commands]);
  await must('chmod', ['666', commands]);
}
