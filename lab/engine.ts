import { constants, existsSync } from 'node:fs';
import { copyFile, cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { buildBinary } from './build.ts';
import type { Say } from './build.ts';

/** Which Docker Engine a lab's hosts have, and how it publishes ports. */
export interface EngineSpec {
  /** Debian's (20.10, the default), or the current one, built from its modules on first use (versions.env). */
  engine?: 'debian' | 'current';
  /** By which rules: iptables (Debian's, on nftables; the default), the older iptables-legacy, or the current engine's own for nftables. */
  firewall?: 'iptables' | 'iptables-legacy' | 'nftables';
  /** Whether a process of Docker's passes on what doesn't come from outside; default true. */
  userlandProxy?: boolean;
}

/** An engine, ready to be laid over a host's own. */
export interface Engine {
  /** Programs by name, and where on the machine they are. Empty: those that the machine has. */
  programs: Record<string, string>;
  /** The daemon's configuration file. */
  configuration: Record<string, boolean | string>;
  /** Further arguments of the daemon. */
  options: string[];
  legacyFirewall: boolean;
}

const currentPrograms = ['dockerd', 'docker-proxy', 'containerd', 'containerd-shim-runc-v2', 'runc', 'docker'] as const;

/**
 * Builds the engine's programs, unless the cache has them: 6 minutes on 2 idle cores for the current one.
 * @throws if there is no such engine, if a program can't be built, or if what the engine needs isn't installed, with what to do
 */
export async function ensureEngine({ engine = 'debian', firewall = 'iptables', userlandProxy = true }: EngineSpec, say: Say): Promise<Engine> {
  if (!['debian', 'current'].includes(engine)) throw new Error(`engine '${engine}': expected debian or current`);
  if (!['iptables', 'iptables-legacy', 'nftables'].includes(firewall)) throw new Error(`firewall '${firewall}': expected iptables, iptables-legacy or nftables`);
  if (firewall === 'nftables') {
    if (engine !== 'current') throw new Error("firewall 'nftables' with Debian's engine, which has no such backend: expected engine 'current'");
    if (!existsSync('/usr/sbin/nft')) throw new Error("the engine's nftables backend runs 'nft', which isn't installed here: run lab/install --engine");
  }
  const programs: Record<string, string> = {};
  if (engine === 'current') {
    for (const program of currentPrograms) programs[program] = await buildBinary(program, say);
  }
  return {
    programs,
    configuration: { ...(userlandProxy ? {} : { 'userland-proxy': false }), ...(firewall === 'nftables' ? { 'firewall-backend': 'nftables' } : {}) },
    // The current engine is left to its own choice, which is containerd's store of images.
    options: engine === 'current' ? [] : ['--storage-driver', 'overlay2'],
    legacyFirewall: firewall === 'iptables-legacy',
  };
}

/**
 * Writes down in a host's `etc` folder what `host-init` lays over the machine's own files: lines `SOURCE TARGET`.
 * @param etc absolute
 */
export async function layOutEngine(etc: string, { programs, configuration, options, legacyFirewall }: Engine): Promise<void> {
  const overlays: string[] = [];
  if (Object.keys(programs).length > 0) {
    // A folder that comes first in PATH; runc looks for itself by its path, and would find Debian's below a file laid over it.
    const folder = join(etc, 'programs');
    await mkdir(folder, { recursive: true });
    for (const [name, file] of Object.entries(programs)) {
      await rm(join(folder, name), { force: true });
      await copyFile(file, join(folder, name), constants.COPYFILE_FICLONE);
    }
    overlays.push(`${folder} /usr/local/sbin`);
  }
  if (legacyFirewall) {
    // What `update-alternatives --set iptables` would do, for this host alone.
    const alternatives = join(etc, 'alternatives');
    await rm(alternatives, { recursive: true, force: true });
    await cp('/etc/alternatives', alternatives, { recursive: true, verbatimSymlinks: true });
    for (const tool of ['iptables', 'ip6tables']) {
      for (const action of ['', '-save', '-restore']) {
        await rm(join(alternatives, `${tool}${action}`), { force: true });
        await symlink(`/usr/sbin/${tool}-legacy${action}`, join(alternatives, `${tool}${action}`));
      }
    }
    overlays.push(`${alternatives} /etc/alternatives`);
  }
  await writeFile(join(etc, 'overlays'), overlays.map((line) => `${line}\n`).join(''));
  await writeFile(join(etc, 'dockerd-options'), `${options.join(' ')}\n`);
  await writeFile(join(etc, 'docker.json'), `${JSON.stringify(configuration)}\n`);
}
