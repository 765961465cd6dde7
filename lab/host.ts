import { spawn } from 'node:child_process';
import { copyFile, mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { removeControlGroups } from './control-groups.ts';
import { layOutEngine } from './engine.ts';
import type { Engine } from './engine.ts';
import type { LabKeys } from './keys.ts';
import { labSources } from './paths.ts';
import { initPidIn, killAllIn, signal } from './processes.ts';
import { eventually, run } from './run.ts';
import type { Ended, RunOptions } from './run.ts';
import type { HostPlace, Topology } from './topology.ts';

/** Names that a host must resolve at once, to the lab's registry: asking nobody for them costs ten seconds a pull. */
const dockerHubNames = 'docker.io index.docker.io registry-1.docker.io';

/**
 * Lays out a host's folder: `docker/` and `root/` are its disk (what a snapshot takes), `etc/` its configuration,
 * `log/` what its daemons said, `commands.jsonl` what was run on it over SSH.
 */
export async function layOutHost(lab: Topology, host: HostPlace, folder: string, keys: LabKeys, commandLog: string, engine: Engine): Promise<void> {
  for (const part of ['docker', 'root', 'etc', 'log']) await mkdir(join(folder, part), { recursive: true, mode: 0o755 });
  const etc = join(folder, 'etc');
  const hostKey = keys.hosts.get(host.name);
  if (hostKey === undefined) throw new Error(`no SSH host key for ${host.name}`);
  await copyFile(hostKey, join(etc, 'host_key'));
  await copyFile(`${keys.user}.pub`, join(etc, 'authorized_keys'));
  // Renamed into place: one that is being run can't be written to.
  await copyFile(commandLog, join(etc, 'command-log.new'));
  await rename(join(etc, 'command-log.new'), join(etc, 'command-log'));
  await write(etc, 'hosts', `127.0.0.1 localhost\n::1 localhost\n${host.address} ${host.name}\n${lab.gateway} ${dockerHubNames}\n`);
  // Nothing listens there, and it says so at once.
  await write(etc, 'resolv.conf', `nameserver ${lab.gateway}\n`);
  await write(etc, 'shadow', 'root:*:19000:0:99999:7:::\nsshd:!:19000::::::\n', 0o600);
  await layOutEngine(etc, engine);
  await write(
    etc,
    'sshd_config',
    [
      'Port 22',
      `HostKey ${join(etc, 'host_key')}`,
      `AuthorizedKeysFile ${join(etc, 'authorized_keys')}`,
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'UsePAM no',
      'UseDNS no',
      'PidFile none',
      'PrintMotd no',
      'MaxStartups 200',
      'MaxSessions 100',
      'Subsystem sftp /usr/lib/openssh/sftp-server',
      `ForceCommand ${join(etc, 'command-log')} ${join(folder, 'commands.jsonl')}`,
      '',
    ].join('\n'),
  );
}

/** Starts the host, unless it is on. It is up when `awaitHost` says so. */
export async function startHost(lab: Topology, host: HostPlace, folder: string): Promise<void> {
  if ((await initPidIn(host.namespace)) !== undefined) return;
  await removeControlGroups([host.namespace]);
  const log = await open(join(folder, 'log/init.log'), 'a');
  const namespaces = ['--mount', '--propagation', 'private', '--uts', '--ipc', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const init = [join(labSources, 'host-init'), folder, host.name, lab.gateway, host.namespace];
  // Not `ip netns exec`, which mounts a new /sys and so hides the control groups from dockerd.
  spawn('nsenter', [`--net=/run/netns/${host.namespace}`, 'unshare', ...namespaces, ...init], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    cwd: '/',
    env: hostEnvironment,
  }).unref();
  await log.close();
}

/**
 * Waits until Docker and sshd answer.
 * @throws if they don't within a minute, with what they said last
 */
export async function awaitHost(host: HostPlace, folder: string): Promise<void> {
  try {
    await eventually(`${host.name} is up`, 60_000, async () => {
      const ended = await runOnHost(host, 'docker version >/dev/null && bash -c "</dev/tcp/127.0.0.1/22"');
      if (ended.code !== 0) throw new Error(ended.stderr.trim());
      return true;
    });
  } catch (error) {
    const said = await Promise.all(
      ['init', 'dockerd', 'sshd'].map(async (name) => {
        const lines = (await readFile(join(folder, `log/${name}.log`), 'utf8').catch(() => '')).trim().split('\n');
        return `${name}: ${lines.slice(-3).join('\n')}`;
      }),
    );
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${said.join('\n')}`);
  }
}

/** Shuts the host down as `shutdown` does: containers are stopped and Docker remembers that they ran. */
export async function stopHost(host: HostPlace): Promise<void> {
  const pid = await initPidIn(host.namespace);
  if (pid !== undefined) {
    signal(pid, 'SIGTERM');
    try {
      await eventually(`${host.name} shut down`, 30_000, async () => (await initPidIn(host.namespace)) === undefined);
    } catch {
      // Pulled, as one does with a machine that hangs while shutting down.
    }
  }
  await killAllIn([host.namespace]);
}

/** Cuts the host's power: everything on it is gone at once, its disk stays. */
export async function cutPower(host: HostPlace): Promise<void> {
  await killAllIn([host.namespace]);
  await removeControlGroups([host.namespace]);
}

/**
 * Runs a shell script on the host as root in /root, not over SSH: it needs no link and leaves no trace in the log of
 * commands.
 * @throws if the host is off
 */
export async function runOnHost(host: HostPlace, script: string, options: RunOptions = {}): Promise<Ended> {
  const pid = await initPidIn(host.namespace);
  if (pid === undefined) throw new Error(`${host.name} is off`);
  const enter = ['--target', String(pid), '--mount', '--uts', '--ipc', '--net', '--pid', '--root'];
  return await run('nsenter', [...enter, 'sh', '-c', `cd /root && ${script}`], { ...options, cwd: '/', env: hostEnvironment });
}


const hostEnvironment: NodeJS.ProcessEnv = {
  HOME: '/root',
  USER: 'root',
  LANG: 'C.UTF-8',
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
};

async function write(folder: string, name: string, text: string, mode = 0o644): Promise<void> {
  await writeFile(join(folder, name), text, { mode });
}
