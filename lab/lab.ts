import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { forgetCommands, readCommands } from './commands.ts';
import type { CommandRecord } from './commands.ts';
import { removeControlGroups } from './control-groups.ts';
import type { Say } from './build.ts';
import { ensureEngine } from './engine.ts';
import type { EngineSpec } from './engine.ts';
import { awaitHost, cutPower, layOutHost, runOnHost, startHost, stopHost } from './host.ts';
import { ensureImages, removeImageHost } from './images.ts';
import { kamal1Stages, rolesOf } from './kamal1.ts';
import { ensureKeys } from './keys.ts';
import type { LabKeys } from './keys.ts';
import { listHost } from './listing.ts';
import type { HostListing } from './listing.ts';
import { makeNetwork, namespacesOf, removeNetwork, setLink } from './network.ts';
import { labsFolder } from './paths.ts';
import { initPidIn, killAllIn } from './processes.ts';
import { startRegistries } from './registry.ts';
import { eventually, must } from './run.ts';
import type { Ended, RunOptions } from './run.ts';
import { topologyOf } from './topology.ts';
import type { HostPlace, LabSpec, Topology } from './topology.ts';
import { whileLocked } from './lock.ts';

/** The state of the hosts: nothing on them, or what Kamal 1.9.3 leaves after a deploy of v1. */
export type LabState = 'empty' | 'kamal1';

/**
 * Real Docker hosts on this machine, each with its own kernel namespaces, dockerd, sshd and disk, and a registry.
 * A `Lab` only names them: any process may make one with the same spec and use what another has brought up.
 * Hosts are given by name (`h1`) or address.
 */
export class Lab {
  readonly topology: Topology;
  /** Everything of this lab on disk, its snapshots included. */
  readonly folder: string;
  readonly #engine: EngineSpec;
  readonly #say: Say;

  /**
   * @param say gets a line for whatever takes more than a moment
   * @throws if the spec can't be used
   */
  constructor(spec: LabSpec & EngineSpec, say: Say = () => undefined) {
    this.topology = topologyOf(spec);
    this.folder = join(labsFolder, this.topology.name);
    this.#engine = spec;
    this.#say = say;
  }

  get hosts(): readonly HostPlace[] {
    return this.topology.hosts;
  }

  /** The lab's SSH keys: the user's private key, and known_hosts. */
  async keys(): Promise<LabKeys> {
    return await ensureKeys(this.topology);
  }

  /**
   * Brings the lab up in the given state. Already up in it: only what is missing is started; a lab whose preparation was
   * cut short begins anew.
   * @throws if the machine can't carry it, with what to do about it
   */
  async up(state: LabState = 'kamal1'): Promise<void> {
    const engine = await ensureEngine(this.#engine, this.#say);
    const { store, commandLog } = await ensureImages(this.#say);
    await whileLocked(this.topology.name, this.#say, async () => {
      if ((await this.#state()) !== state) await this.#remove();
      await makeNetwork(this.topology);
      await mkdir(this.folder, { recursive: true, mode: 0o755 });
      await startRegistries(this.topology, join(this.folder, 'registry'), store);
      const keys = await ensureKeys(this.topology);
      await this.#each((host) => layOutHost(this.topology, host, this.#folderOf(host), keys, commandLog, engine));
      await this.#start();
      if ((await this.#state()) === state) return;
      if (state === 'kamal1') await this.#prepareKamal1();
      await this.#takeSnapshot(state);
      await writeFile(this.#stateFile, state);
    });
  }

  /** Takes everything down and away, whoever made it and however that one ended. */
  async down(): Promise<void> {
    await removeImageHost(this.#say);
    await whileLocked(this.topology.name, this.#say, () => this.#remove());
  }

  /** @returns whether all hosts are on, and the state in which `up` left them */
  async status(): Promise<{ state: LabState | undefined; on: Record<string, boolean> }> {
    const on = await this.#each(async (host) => [host.name, (await initPidIn(host.namespace)) !== undefined] as const);
    return { state: await this.#state(), on: Object.fromEntries(on) };
  }

  /**
   * Keeps the hosts' disks as they are now under a name; hosts are shut down and started again for it.
   */
  async snapshot(name: string): Promise<void> {
    await whileLocked(this.topology.name, this.#say, () => this.#takeSnapshot(name));
  }

  /**
   * Gives the hosts the disks of a snapshot back, whatever happened to them since: all on, links up, commands forgotten.
   * @param name of a snapshot; `up` takes one with the name of its state
   * @throws if there is none of that name
   */
  async restore(name: string = 'kamal1'): Promise<void> {
    await whileLocked(this.topology.name, this.#say, async () => {
      const from = join(this.folder, 'snapshots', name);
      if (!existsSync(from)) throw new Error(`lab ${this.topology.name} has no snapshot '${name}'; is it up?`);
      await this.#each(async (host) => {
        await cutPower(host);
        await setLink(this.topology, host, 'up');
        await forgetCommands(this.#commandsOf(host));
        for (const part of disk) await rm(join(this.#folderOf(host), part), { recursive: true, force: true });
        await copyDisk(join(from, host.name), this.#folderOf(host));
      });
      await this.#start();
      await this.#awaitContainers(name);
    });
  }

  /** Runs a shell script as root in /root of a host; needs no link, leaves no trace in `commands`. */
  async exec(host: string, script: string, options: RunOptions = {}): Promise<Ended> {
    return await runOnHost(this.host(host), script, options);
  }

  /** @returns all containers, files, images, networks, volumes and audit lines of a host */
  async inspect(host: string): Promise<HostListing> {
    return await listHost(this.host(host));
  }

  /** @returns what was run on the host over SSH since it was brought up or restored */
  async commands(host: string): Promise<CommandRecord[]> {
    return await readCommands(this.#commandsOf(this.host(host)));
  }

  async forgetCommands(): Promise<void> {
    await this.#each((host) => forgetCommands(this.#commandsOf(host)));
  }

  /** Everything that runs on the host is gone at once. */
  async powerOff(host: string): Promise<void> {
    await cutPower(this.host(host));
  }

  /** Returns when Docker and sshd answer; containers come back by their restart policy. */
  async powerOn(host: string): Promise<void> {
    const place = this.host(host);
    await startHost(this.topology, place, this.#folderOf(place));
    await awaitHost(place, this.#folderOf(place));
  }

  /** The host runs on, but no packet gets to it or from it, and nobody is told. */
  async cutLink(host: string): Promise<void> {
    await setLink(this.topology, this.host(host), 'down');
  }

  async restoreLink(host: string): Promise<void> {
    await setLink(this.topology, this.host(host), 'up');
  }

  /**
   * @param host name or address
   * @throws if the lab has no such host
   */
  host(host: string): HostPlace {
    const found = this.hosts.find((place) => place.name === host || place.address === host);
    if (found === undefined) {
      throw new Error(`lab ${this.topology.name} has no host '${host}'; it has ${this.hosts.map((place) => place.name).join(', ')}`);
    }
    return found;
  }

  get #stateFile(): string {
    return join(this.folder, 'state');
  }

  async #state(): Promise<LabState | undefined> {
    const text = await readFile(this.#stateFile, 'utf8').catch(() => '');
    return text === 'empty' || text === 'kamal1' ? text : undefined;
  }

  #folderOf(host: HostPlace): string {
    return join(this.folder, 'hosts', host.name);
  }

  #commandsOf(host: HostPlace): string {
    return join(this.#folderOf(host), 'commands.jsonl');
  }

  async #each<T>(work: (host: HostPlace) => Promise<T>): Promise<T[]> {
    return await Promise.all(this.hosts.map(work));
  }

  async #start(): Promise<void> {
    await this.#each((host) => startHost(this.topology, host, this.#folderOf(host)));
    await this.#each((host) => awaitHost(host, this.#folderOf(host)));
  }

  async #prepareKamal1(): Promise<void> {
    this.#say('deploying the app as Kamal 1 does (about 10 s)');
    for (const stage of kamal1Stages(this.topology)) {
      await Promise.all(
        stage.scripts.map(async ({ host, script, input = '' }) => {
          const ended = await runOnHost(host, script, { input });
          if (ended.code !== 0) throw new Error(`${stage.name} on ${host.name} ended with ${ended.code}: ${ended.stderr.trim()}`);
        }),
      );
    }
  }

  async #takeSnapshot(name: string): Promise<void> {
    const target = join(this.folder, 'snapshots', name);
    await this.#each(stopHost);
    await rm(`${target}.new`, { recursive: true, force: true });
    await this.#each((host) => copyDisk(this.#folderOf(host), join(`${target}.new`, host.name)));
    await rm(target, { recursive: true, force: true });
    await rename(`${target}.new`, target);
    await this.#start();
    await this.#awaitContainers(name);
  }

  /** Waits until each container that Docker brought back is healthy, if it says so at all, and is routed to. */
  async #awaitContainers(state: string): Promise<void> {
    const settled = `for attempt in $(seq 150); do
      [ -n "$(docker ps -q --filter health=starting; docker ps -q --filter status=restarting)" ] || exit 0; sleep 0.2
    done; exit 1`;
    await this.#each(async (host) => {
      const ended = await runOnHost(host, settled);
      if (ended.code !== 0) throw new Error(`containers on ${host.name} don't settle: ${ended.stderr.trim()}`);
    });
    if (state !== 'kamal1') return;
    await Promise.all(
      rolesOf(this.topology).web.map((host) =>
        eventually(`${host.name} serves the app`, 30_000, async () => {
          const answer = await fetch(`http://${host.address}/`, { signal: AbortSignal.timeout(2000) });
          return answer.ok;
        }),
      ),
    );
  }

  async #remove(): Promise<void> {
    const namespaces = await namespacesOf(this.topology);
    await killAllIn(namespaces);
    await removeNetwork(this.topology, namespaces);
    await removeControlGroups(namespaces);
    await rm(this.folder, { recursive: true, force: true });
    await rmdir(labsFolder).catch(() => undefined);
  }
}

const disk = ['docker', 'root'];

/** With modes, owners, device nodes and extended attributes: Docker's storage needs them all. */
async function copyDisk(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await must('cp', ['-a', '--reflink=auto', ...disk.map((part) => join(from, part)), to]);
}
