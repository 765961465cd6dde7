import type { Direction, FleetResult, MeterReading, RoleOrder, Strategy } from '../workflows/types.ts';
import type { KnownAnswer } from '../src/plan/answers.ts';
import type { ProbeReport } from '../src/plan/facts.ts';

/**
 * The activities as workflows see them. All arguments are ids, names and options; the commands are rendered inside,
 * from the configuration's snapshot that `digest` names.
 */
export interface Activities {
  /** Looks at a host; refuses when it isn't as the plan saw it. Changes nothing. */
  probeHost(args: ProbeArgs): Promise<ProbeReport>;
  runHook(args: HookArgs): Promise<StepNotes>;
  acquireLock(args: LockArgs): Promise<StepNotes>;
  releaseLock(args: StepArgs): Promise<StepNotes>;
  /** Directories, network, registry login, env files, images, both proxies created: nothing that serves is touched. */
  prepareHost(args: PrepareHostArgs): Promise<StepNotes>;
  /** Boots the running version in the new network and registers it with the proxy that doesn't serve yet. */
  proveRole(args: RoleArgs): Promise<StepNotes>;
  /** Asks old and new proxy the same; a difference that nobody accepted stops the run. Changes nothing. */
  compareAnswers(args: CompareAnswersArgs): Promise<AnswersNotes>;
  /** Old proxy out, new proxy in, and then the old containers that nobody is sent to any more stop: one script, never cancelled. */
  cutOver(args: CutOverArgs): Promise<StepNotes>;
  /** Stops the old containers of a role that booted behind a proxy which had taken over (strategy `kamal`). */
  stopOldRole(args: RoleArgs): Promise<StepNotes>;
  /** Boots a role without a proxy, and stops the old one in the same script once the new one is healthy. */
  replaceRole(args: RoleArgs): Promise<StepNotes>;
  verifyHost(args: VerifyArgs): Promise<StepNotes>;
  /**
   * Asks for the health path through the published port, five times a second, until it is cancelled or its time is
   * over. Changes nothing, and fails nothing: what it could not see is part of the reading.
   */
  meterHost(args: MeterArgs): Promise<MeterReading>;
  /** The point of no return: Traefik, the old containers and what else is left over go. */
  pruneHost(args: PruneArgs): Promise<StepNotes>;
  /** Undoes, in reverse, what the host's journal says this run did. */
  putBack(args: PutBackArgs): Promise<StepNotes>;
  /** Makes an accessory's reboot ready while it serves on; `unchanged` when there is nothing to reboot. */
  prepareAccessory(args: AccessoryArgs): Promise<StepNotes>;
  /** The old container stops, the new one starts: over when it answers. Never cancelled. */
  swapAccessory(args: SwapAccessoryArgs): Promise<StepNotes>;
  /** Waits until the new container has proved itself, and then lets go of the old one. */
  settleAccessory(args: AccessoryArgs): Promise<StepNotes>;
  /** The running container gets the network, and is left running. */
  joinAccessory(args: AccessoryArgs): Promise<StepNotes>;
  /** Closes the books of one that only joined. */
  pruneAccessory(args: AccessoryArgs): Promise<StepNotes>;
  /** Requests to the app wait at the host's kamal-proxy; the host itself ends that after a while. */
  holdRequests(args: HoldArgs): Promise<StepNotes>;
  letRequestsThrough(args: StepArgs): Promise<StepNotes>;
  /** Writes the run's report file: nothing depends on how long Temporal keeps the run. */
  writeReport(args: { service: string; destination: string | null; result: FleetResult }): Promise<{ file: string }>;
}

/** What a step says about itself: a few words each, shown to people. */
export interface StepNotes {
  notes: string[];
  /** True when the host was as wanted already. */
  unchanged: boolean;
}

/** What is known of the old proxy's answers: `verify` asks the published new one the same. */
export interface AnswersNotes extends StepNotes {
  known: KnownAnswer[];
}

/** Names one scheduled activity among all that a run ever does on a host. */
export interface StepArgs {
  run: string;
  /** Milliseconds since the epoch at which the run began: runs are ordered by it. */
  runStartedAt: number;
  digest: string;
  host: string;
  /** Grows with each step that is scheduled on this host; the fencing token's middle part. */
  seq: number;
  direction: Direction;
}

export interface ProbeArgs extends Omit<StepArgs, 'seq'> {
  fingerprint: string;
}

export interface LockArgs extends StepArgs {
  takeOverLockOf: string | null;
}

export interface HookArgs {
  run: string;
  digest: string;
  hook: HookName;
  /** The group of hosts this hook speaks of (`KAMAL_HOSTS`). */
  hosts: string[];
  locked: boolean;
  /** The same for each attempt, so that a hook can tell a repetition. */
  stepId: string;
  idempotent: boolean;
}

export type HookName = 'pre-connect' | 'pre-proxy-reboot' | 'post-proxy-reboot' | 'pre-app-boot' | 'post-app-boot';

export interface PrepareArgs extends StepArgs {
  roles: RoleOrder[];
  strategy: Strategy;
  /** Certificates that Traefik holds are carried over to kamal-proxy. */
  importCertificates: boolean;
  /** A Traefik that serves others, too, comes to stand behind kamal-proxy. */
  keepTraefik: boolean;
}

export type PruneArgs = Omit<PrepareArgs, 'importCertificates'>;

export interface PrepareHostArgs extends PrepareArgs {
  /** Accessories of this host that the run brings into the new network. */
  accessories: string[];
  acceptUnreachable: string[];
}

export interface RoleArgs extends StepArgs {
  role: RoleOrder;
  /** Hex digits made by the workflow: the container's host name ends in them. */
  hostnameSuffix: string;
  /** Hex digits made by the workflow: what a container in the way is renamed with. */
  replacedSuffix: string;
}

export interface CompareAnswersArgs extends Omit<StepArgs, 'seq'> {
  acceptAnswers: string[];
  probeUrls: string[];
}

export interface CutOverArgs extends StepArgs {
  roles: RoleOrder[];
  strategy: Strategy;
  keepTraefik: boolean;
}

export interface VerifyArgs extends StepArgs {
  roles: RoleOrder[];
  /** False while the old generation is still there, stopped. */
  pruned: boolean;
  /** What the old proxy answered; empty where it wasn't asked. */
  known: KnownAnswer[];
}

export interface MeterArgs extends Omit<StepArgs, 'seq'> {
  /** The roles behind the proxy; the primary one's health path is asked for, if it is among them. */
  roles: RoleOrder[];
  /** From the worker, where that reaches the port, or else over the host; or over the host at once. */
  from: 'worker' | 'host';
  /** How long, in seconds; null: until cancelled. */
  seconds: number | null;
}

export interface PutBackArgs extends StepArgs {
  journal: 'app' | 'accessories';
}

export interface AccessoryArgs extends StepArgs {
  accessory: string;
  pull: boolean;
  replacedSuffix: string;
}

export interface SwapAccessoryArgs extends AccessoryArgs {
  /** For how long requests are held meanwhile, in seconds; null when they aren't. */
  heldSeconds: number | null;
}

export interface HoldArgs extends StepArgs {
  /** After so many seconds the host lets requests through by itself. */
  seconds: number;
}
